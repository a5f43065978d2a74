"""The tags of the admin's templates. Django imports this module for every page of a project."""

from __future__ import annotations

from django import template
from django.apps import apps

if apps.is_installed("django.contrib.admin"):
    from ..admin.tags import register
else:
    register = template.Library()

__all__ = ["register"]
