"""A system check that PostgreSQL does not parse the statements of every request again."""

from __future__ import annotations

from typing import Any

from django.core.checks import CheckMessage, Info, register
from django.db import connections

from ..models.requests import database_of_requests


@register("pickyassist_webhooks", deploy=True)
def check_prepared_statements(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """Check that a project has decided about ``prepare_threshold``, if it keeps connections."""
    name = database_of_requests()
    connection = connections[name]
    options = connection.settings_dict["OPTIONS"]
    is_kept = connection.settings_dict["CONN_MAX_AGE"] != 0 or options.get("pool")
    if connection.vendor != "postgresql" or not is_kept or "prepare_threshold" in options:
        return []
    return [
        Info(
            f"PostgreSQL parses and plans the statements of each request again in {name!r}.",
            hint="If you use psycopg 3, and no pooler gives each transaction another session, set "
            "OPTIONS['prepare_threshold'] to 5; otherwise to None.",
            id="pickyassist_webhooks.I001",
        )
    ]
