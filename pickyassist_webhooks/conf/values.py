"""Functions that tell whether the value of a setting is valid."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from ipaddress import ip_address
from os import PathLike
from typing import Any
from urllib.parse import urlsplit

from ..choices import EventKind
from ..parsing.characters import bare


def is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def is_secret(value: Any) -> bool:
    return is_text(value) and bool(bare(value))


def is_path(value: Any) -> bool:
    # No file system accepts NUL.
    return (is_text(value) or isinstance(value, PathLike)) and "\0" not in str(value)


def is_count(least: int) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and value >= least


def is_list_of(accepts: Callable[[Any], bool]) -> Callable[[Any], bool]:
    # A plain string is a sequence of strings too: SECRETS="abc" must not mean "a", "b" and "c".
    return lambda value: isinstance(value, list | tuple) and all(map(accepts, value))


def is_dict_of(accepts: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: (
        isinstance(value, Mapping)
        and all(isinstance(label, str) for label in value)
        and all(map(accepts, value.values()))
    )


def either(*accepted: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: any(accepts(value) for accepts in accepted)


def is_none(value: Any) -> bool:
    return value is None


def is_project_id(value: Any) -> bool:
    return is_secret(value) or is_count(0)(value)


def is_between(least: int, most: int) -> Callable[[Any], bool]:
    return lambda value: is_count(least)(value) and value <= most


#: A hundred years: there is no date much longer ago.
MAX_DAYS = 36500
MAX_SECONDS = MAX_DAYS * 24 * 60 * 60

is_days = is_between(1, MAX_DAYS)


def is_tokens(value: Any) -> bool:
    return isinstance(value, Mapping) and all(
        is_project_id(project) and is_secret(token) for project, token in value.items()
    )


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine, by its name or address, without DNS."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def is_api_url(value: Any) -> bool:
    """Tell whether a token may be sent there: it must be encrypted on its way."""
    if not (is_text(value) and value.isascii() and value.isprintable() and " " not in value):
        return False
    try:
        parts = urlsplit(value)
        has_host = bool(parts.hostname) and parts.port != 0
    except ValueError:  # an invalid port, half an IPv6 address
        return False
    is_bare = not (parts.query or parts.fragment or "@" in parts.netloc)
    is_private = parts.scheme == "https" or (
        parts.scheme == "http" and is_loopback(parts.hostname or "")
    )
    return has_host and is_bare and is_private


def is_kind(value: Any) -> bool:
    return value in EventKind.values
