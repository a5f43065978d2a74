"""What the commands take on their command lines."""

from __future__ import annotations

import getpass
import socket
from argparse import ArgumentTypeError
from datetime import datetime

from django.conf import settings
from django.utils import timezone
from django.utils.dateparse import parse_datetime


def operator() -> str:
    """Return who runs the command, unless it is told otherwise."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # a container may run under a user id without a name
        user = "unknown"
    return f"{user}@{socket.gethostname()}"


def positive(text: str) -> int:
    """Return a whole number of 1 or more. Raises ``ArgumentTypeError``."""
    if not (text.isascii() and text.isdecimal() and len(text) < 10 and int(text)):
        raise ArgumentTypeError(f"expected a whole number of 1 or more, came {text!r}")
    return int(text)


def percent(text: str) -> int:
    """Return a whole number from 0 to 100. Raises ``ArgumentTypeError``."""
    if not (text.isascii() and text.isdecimal() and len(text) < 4 and int(text) <= 100):
        raise ArgumentTypeError(f"expected a whole number from 0 to 100, came {text!r}")
    return int(text)


def moment(text: str) -> datetime:
    """Return a moment, in the project's time zone where none is given.

    Raises ``ArgumentTypeError``.
    """
    try:
        found = parse_datetime(text)
    except ValueError:
        found = None
    if found is None:
        raise ArgumentTypeError(
            f"expected a date like 2026-01-31 or 2026-01-31T12:00, came {text!r}"
        )
    if settings.USE_TZ:
        return timezone.make_aware(found) if timezone.is_naive(found) else found
    return found if timezone.is_naive(found) else timezone.make_naive(found)
