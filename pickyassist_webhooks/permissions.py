"""The names of this app's permissions."""

from __future__ import annotations

from typing import Any

from django.db import models

#: Without it, a user sees masked numbers and hidden texts, and cannot search by them.
VIEW_PERSONAL_DATA = "pickyassist_webhooks.view_personal_data"
ERASE_PERSONAL_DATA = "pickyassist_webhooks.erase_personal_data"
VIEW_URL = "pickyassist_webhooks.view_webhook_url"
REPLAY = "pickyassist_webhooks.replay_webhookrequest"
RETRY = "pickyassist_webhooks.retry_webhookrequest"
DISCARD = "pickyassist_webhooks.discard_webhookrequest"


def to_view(model: type[models.Model]) -> str:
    """Return the permission to view the rows of a model."""
    return f"{model._meta.app_label}.view_{model._meta.model_name}"


def to_delete(model: type[models.Model]) -> str:
    """Return the permission to delete rows of a model."""
    return f"{model._meta.app_label}.delete_{model._meta.model_name}"


def hidden_look_ups(user: Any, model: type[models.Model], values: dict[str, Any]) -> list[str]:
    """Return the fields by whose values this user may not look up rows of a model.

    Any answer tells whether such a row exists. So without ``view_personal_data`` only values that
    no mask changes are allowed: a group ID without a number in it, but never a number.
    """
    masks: dict[str, Any] = getattr(model, "personal", {})
    hidden = [name for name in values.keys() & masks if masks[name](values[name]) != values[name]]
    return [] if user.has_perm(VIEW_PERSONAL_DATA) else sorted(hidden)
