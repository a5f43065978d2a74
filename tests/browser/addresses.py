"""The URLs of the admin's pages, also of pages that are added later."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.db import models
from django.urls import reverse

APP = "pickyassist_webhooks"
Model = type[models.Model]

#: Every model of the app that the admin has pages for.
MODELS: list[Model] = sorted(
    (model for model in admin.site._registry if model._meta.app_label == APP),
    key=lambda model: model.__name__,
)


def pages(model: Model) -> tuple[list[str], list[str]]:
    """Return the names of a model's pages, and of those of each of its rows."""
    patterns = [pattern for pattern in admin.site._registry[model].get_urls() if pattern.name]
    of_rows = [pattern.name for pattern in patterns if "<" in str(pattern.pattern)]
    return [pattern.name for pattern in patterns if pattern.name not in of_rows], of_rows


def named(model: Model, page: str) -> str:
    return f"{APP}_{model._meta.model_name}_{page}"


def path(name: str, *args: Any, **query: Any) -> str:
    address = reverse(f"admin:{name}", args=args)
    return f"{address}?{urlencode(query, errors='replace')}" if query else address


def list_of(model: Model, **query: Any) -> str:
    return path(named(model, "changelist"), **query)
