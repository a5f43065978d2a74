"""A system check that PostgreSQL does not parse the statements of every request again."""

from __future__ import annotations

from typing import Any

from django.core.checks import CheckMessage, register
from django.db import connections

from ..models.requests import database_of_requests
from .messages import OURS, info


@register(OURS, deploy=True)
def check_prepared_statements(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """Check that a project has decided about ``prepare_threshold``, if it keeps connections."""
    name = database_of_requests()
    connection = connections[name]
    options = connection.settings_dict["OPTIONS"]
    is_kept = connection.settings_dict["CONN_MAX_AGE"] != 0 or options.get("pool")
    if connection.vendor != "postgresql" or not is_kept or "prepare_threshold" in options:
        return []
    return [
        info(
            1,
            f"PostgreSQL parses and plans the statements of each request again in {name!r}.",
            "If you use psycopg 3, and no pooler gives each transaction another session, set "
            "OPTIONS['prepare_threshold'] to 5; otherwise to None.",
        )
    ]
