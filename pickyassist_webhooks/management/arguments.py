"""Types and defaults of command line arguments."""

from __future__ import annotations

import getpass
import socket
from argparse import ArgumentTypeError
from datetime import datetime

from django.conf import settings
from django.utils import timezone

from ..models import moments


def operator() -> str:
    """Return the operator: the user and host that run the command."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # the user id has no name, as in some containers
        user = "unknown"
    return f"{user}@{socket.gethostname()}"


def positive(text: str) -> int:
    """Return a whole number of 1 or more. Raise ``ArgumentTypeError`` if it is invalid."""
    return _whole(text, range(1, 10**9), "of 1 or more")


def percent(text: str) -> int:
    """Return a whole number from 0 to 100. Raise ``ArgumentTypeError`` if it is invalid."""
    return _whole(text, range(101), "from 0 to 100")


def _whole(text: str, allowed: range, words: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 10 and int(text) in allowed):
        raise ArgumentTypeError(f"expected a whole number {words}, not {text!r}")
    return int(text)


def moment(text: str) -> datetime:
    """Return a moment; the default is the project's time zone. Raise ``ArgumentTypeError``."""
    try:
        value = moments.moment(text)
    except ValueError:
        raise ArgumentTypeError(
            f"expected a date like 2026-01-31 or 2026-01-31T12:00, not {text!r}"
        ) from None
    return timezone.localtime(value) if settings.USE_TZ else value
