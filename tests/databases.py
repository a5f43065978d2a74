"""Read from the environment on which database the tests run. Standard library only."""

from __future__ import annotations

import os
import socket
import tempfile
import zlib
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

#: Set by ``python3 -m tests --database``; if it is not set, the tests run on SQLite.
CHOICE = "TEST_DATABASE"
SECONDS = 5

# Databases that always exist; Django creates the test database next to them.
DEFAULT_URLS = {
    "postgres": "postgres://postgres@127.0.0.1:5432/postgres",
    "mariadb": "mariadb://root@127.0.0.1:3306/mysql",
}
SCHEMES = {
    "postgres": ("postgres", "postgresql"),
    "mariadb": ("mariadb", "mysql"),
}
NAMES = ("sqlite", *DEFAULT_URLS)


class WrongDatabase(Exception):
    """The chosen database is unknown or unusable; the message is for the user."""


def chosen() -> str:
    name = os.environ.get(CHOICE, "sqlite")
    if name not in NAMES:
        raise WrongDatabase(f"{CHOICE} is {name!r}; use one of {', '.join(NAMES)}.")
    return name


def server_url(name: str) -> SplitResult:
    """Return the URL of the server ``name``: ``DATABASE_URL`` or the default."""
    text = os.environ.get("DATABASE_URL") or DEFAULT_URLS[name]
    url = urlsplit(text)
    try:
        complete = all((url.hostname, url.port or "the usual one", url.path.strip("/")))
    except ValueError:  # The port is not a number.
        complete = False
    if not complete or url.scheme not in SCHEMES[name]:
        raise WrongDatabase(
            f"DATABASE_URL for {name} should look like {DEFAULT_URLS[name]}, but is"
            f" {described(url)}; correct it, or unset it to use the default."
        )
    return url


def described(url: SplitResult) -> str:
    """Return the URL for messages, without its password."""
    user, at, host = url.netloc.rpartition("@")
    return url._replace(netloc=user.partition(":")[0] + at + host).geturl()


def require_server(name: str) -> None:
    """Raise ``WrongDatabase`` if the server does not listen."""
    if name == "sqlite":
        return
    url = server_url(name)
    try:
        socket.create_connection(_address(name, url), timeout=SECONDS).close()
    except OSError as err:
        raise WrongDatabase(
            f"no {name} server can be reached at {described(url)} ({err}); start it, or set"
            " DATABASE_URL to its address."
        ) from err


def _address(name: str, url: SplitResult) -> tuple[str, int]:
    return url.hostname or "", url.port or {"postgres": 5432, "mariadb": 3306}[name]


def settings_for(name: str, suffix: str = "") -> dict[str, Any]:
    """Return an entry of Django's ``DATABASES`` for one of ``NAMES``."""
    if name == "sqlite":
        # A file and not memory, because threads that share one connection hide every lock. The
        # process id keeps two runs apart.
        file = Path(tempfile.gettempdir()) / f"pickyassist_webhooks_{os.getpid()}{suffix}.sqlite3"
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": ":memory:",
            "TEST": {"NAME": str(file)},
            "OPTIONS": {
                "transaction_mode": "IMMEDIATE",
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
                "timeout": 20,
            },
        }
    url = server_url(name)
    host, port = _address(name, url)
    common = {
        "NAME": unquote(url.path.strip("/")),
        "HOST": host,
        "PORT": port,
        "USER": unquote(url.username or ""),
        "PASSWORD": unquote(url.password or ""),
    }
    # Each clone has its own name, so that the tests of two clones can run at once.
    clone = zlib.crc32(str(Path(__file__).resolve()).encode())
    test = {"NAME": f"test_pickyassist_webhooks_{clone:08x}{suffix}"}
    if name == "postgres":
        options: dict[str, Any] = {"connect_timeout": SECONDS}
        engine = "django.db.backends.postgresql"
        return {"ENGINE": engine, "OPTIONS": options, "TEST": test, **common}
    options = {"connect_timeout": SECONDS, "charset": "utf8mb4"}
    test["CHARSET"] = "utf8mb4"
    return {"ENGINE": "django.db.backends.mysql", "OPTIONS": options, "TEST": test, **common}
