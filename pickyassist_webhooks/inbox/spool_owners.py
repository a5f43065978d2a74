"""The owner of a spooled request: its database, and a scope in that.

Tenants with a schema each, or a project and its tests, can share the folder. Each of them must
take only its own files.
"""

from __future__ import annotations

import json
import logging
import os
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from django.db import connections
from django.utils.module_loading import import_string

from ..conf import NAME, app_settings
from ..models.requests import database_of_requests

logger = logging.getLogger(__name__)

#: Characters of a scope at most: a schema name has 63.
MAX_SCOPE = 255

#: The mark of a file whose owner is unknown.
UNKNOWN = "unknown"


@dataclass(frozen=True)
class Owner:
    """A database and a scope in it. Each is ``None`` if it is unknown."""

    database: dict[str, str] | None
    #: Blank if the project has no ``SPOOL_SCOPE``.
    scope: str | None

    @property
    def is_known(self) -> bool:
        return self.database is not None and self.scope is not None

    @property
    def mark(self) -> str:
        """The part of a file's name that tells owners apart, blank without a scope."""
        if not self.is_known:
            return UNKNOWN
        if not self.scope:
            return ""
        return sha256(json.dumps(self.header, sort_keys=True).encode()).hexdigest()[:16]

    @property
    def header(self) -> dict[str, Any]:
        """The part of a file's header that names its owner."""
        return {"database": self.database, "scope": self.scope}


def current() -> Owner:
    """Return the owner of the requests that this thread receives and processes now."""
    return Owner(_database(), _scope())


def _database() -> dict[str, str] | None:
    try:
        alias = database_of_requests()
        connection = connections[alias]
        # No host, port or user: processes of one project may use different ones.
        name = str(connection.settings_dict["NAME"] or "")
        is_path = name and not name.startswith((":memory:", "file:"))
        if connection.vendor == "sqlite" and is_path:
            name = os.path.realpath(name)
        return {"alias": alias, "vendor": connection.vendor, "name": name}
    except Exception as err:  # a router may query a database that is down
        logger.error(
            "The database of spooled requests is unknown: a database router raised %s",
            type(err).__name__,
        )
        return None


def _scope() -> str | None:
    path = app_settings.spool_scope
    if path is None:
        return ""
    try:
        scope = import_string(path)()
    except Exception as err:
        reason = f"raised {type(err).__name__}"
    else:
        if isinstance(scope, str) and 0 < len(scope) <= MAX_SCOPE:
            return scope
        reason = f"returned no text of 1 to {MAX_SCOPE} characters"
    logger.error("%s['SPOOL_SCOPE'] %s; it must return the current tenant's name", NAME, reason)
    return None
