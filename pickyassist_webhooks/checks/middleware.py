"""A system check of middleware that begins a transaction: no event could be committed in it."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, register
from django.core.checks import Warning as CheckWarning

_REVISIONS = "reversion.middleware.RevisionMiddleware"


@register("pickyassist_webhooks")
def check_middleware(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """Check for middleware of django-reversion, which puts each POST into a transaction."""
    if _REVISIONS not in settings.MIDDLEWARE:
        return []
    return [
        CheckWarning(
            f"{_REVISIONS} begins a transaction around each POST. On the database of this app, no "
            "event can be committed in it: it goes to the spool, or is lost without one.",
            hint="Use a subclass whose request_creates_revision() returns False for the paths of "
            "the webhook, of this app's admin and of its API.",
            id="pickyassist_webhooks.W010",
        )
    ]
