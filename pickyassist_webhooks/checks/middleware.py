"""A system check of middleware that begins a transaction: no event could be committed in it."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, register

from .messages import OURS, warning

_REVISIONS = "reversion.middleware.RevisionMiddleware"


@register(OURS)
def check_middleware(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """Check for middleware of django-reversion, which puts each POST into a transaction."""
    if _REVISIONS not in settings.MIDDLEWARE:
        return []
    return [
        warning(
            10,
            f"{_REVISIONS} begins a transaction around each POST. On the database of this app, no "
            "event can be committed in it: it goes to the spool, or is lost without one.",
            "Use a subclass whose request_creates_revision() returns False for the paths of "
            "the webhook, of this app's admin and of its API.",
        )
    ]
