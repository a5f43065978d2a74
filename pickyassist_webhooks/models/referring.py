"""Foreign keys of a project to rows of this app, and the rows that they keep from being deleted."""

from __future__ import annotations

from typing import Any, TypeVar

from django.db import models, router
from django.db.models import Exists, OuterRef, Q, QuerySet

from .requests import WebhookRequest

Rows = TypeVar("Rows", bound=QuerySet[Any])


def keeping(model: type[models.Model]) -> list[Any]:
    """Return the foreign keys of the project that keep rows of a model from being deleted."""
    relations = model._meta.get_fields(include_hidden=True)
    to_rows = [each for each in relations if isinstance(each, models.ManyToOneRel)]
    return [each.field for each in to_rows if _keeps(each)]


def _keeps(relation: Any) -> bool:
    field = relation.field
    if relation.on_delete is models.DO_NOTHING:
        # Then the database refuses. A model that is not managed can be a view, which keeps nothing.
        return bool(field.db_constraint and field.model._meta.managed)
    return relation.on_delete in (models.PROTECT, models.RESTRICT)


def all_keeping() -> list[Any]:
    """Return all such foreign keys to any row of this app."""
    config: Any = WebhookRequest._meta.app_config
    return [field for model in config.get_models() for field in keeping(model)]


def name_of(field: Any) -> str:
    """Return the name of a foreign key, such as ``shop.Order.report``."""
    return f"{field.model._meta.label}.{field.name}"


def deletable(rows: Rows) -> Rows:
    """Return those rows that no foreign key keeps from being deleted."""
    return rows.exclude(_are_kept(rows)) if keeping(rows.model) else rows


def kept(rows: Rows) -> Rows:
    """Return the other rows."""
    return rows.filter(_are_kept(rows)) if keeping(rows.model) else rows.none()


def _are_kept(rows: QuerySet[Any]) -> Q:
    condition = Q(pk__in=())
    for field in keeping(rows.model):
        if router.allow_migrate_model(rows.db, field.model):  # or its table is elsewhere
            reference = {field.name: OuterRef(field.target_field.name)}
            condition |= Q(Exists(field.model._base_manager.using(rows.db).filter(**reference)))
    return condition
