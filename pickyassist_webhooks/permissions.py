"""The permissions of this app, as users are asked for them."""

from __future__ import annotations

from django.db import models

#: Whoever lacks it sees numbers masked and texts hidden, and cannot search by them.
VIEW_PERSONAL_DATA = "pickyassist_webhooks.view_personal_data"
ERASE_PERSONAL_DATA = "pickyassist_webhooks.erase_personal_data"
VIEW_URL = "pickyassist_webhooks.view_webhook_url"
REPLAY = "pickyassist_webhooks.replay_webhookrequest"
RETRY = "pickyassist_webhooks.retry_webhookrequest"


def to_view(model: type[models.Model]) -> str:
    """Return the permission to view the rows of a model."""
    return f"{model._meta.app_label}.view_{model._meta.model_name}"
