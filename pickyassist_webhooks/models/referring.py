"""Foreign keys of a project to rows of this app, and the rows that they keep from being deleted."""

from __future__ import annotations

from typing import Any, TypeVar

from django.db import models
from django.db.models import Exists, OuterRef, QuerySet

from .requests import WebhookRequest

Rows = TypeVar("Rows", bound=QuerySet[Any])


def keeping(model: type[models.Model]) -> list[Any]:
    """Return the foreign keys of the project that keep rows of a model from being deleted."""
    relations = model._meta.get_fields(include_hidden=True)
    to_rows = [each for each in relations if isinstance(each, models.ManyToOneRel)]
    return [each.field for each in to_rows if _keeps(each)]


def _keeps(relation: Any) -> bool:
    if relation.on_delete is models.DO_NOTHING:
        return bool(relation.field.db_constraint)  # the database refuses
    return relation.on_delete in (models.PROTECT, models.RESTRICT)


def name_of(field: Any) -> str:
    """Return the name of a foreign key, such as ``shop.Order.report``."""
    return f"{field.model._meta.label}.{field.name}"


def deletable(rows: Rows) -> Rows:
    """Return those rows that no foreign key keeps from being deleted."""
    for field in keeping(rows.model):
        reference = {field.name: OuterRef(field.target_field.name)}
        referring = field.model._base_manager.using(rows.db).filter(**reference)
        rows = rows.exclude(Exists(referring))
    return rows


def all_keeping() -> list[Any]:
    """Return all such foreign keys to any row of this app."""
    config: Any = WebhookRequest._meta.app_config
    return [field for model in config.get_models() for field in keeping(model)]
