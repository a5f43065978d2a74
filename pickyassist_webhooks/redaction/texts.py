"""Remove the secret from texts, in each way that it can be written."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from django.apps import apps
from django.urls import get_script_prefix, reverse

from ..conf import app_settings

HIDDEN = "***"

ROUTE = "/events/"

# Text after it that looks like a secret, at any path: one that is mistyped, or has a language in
# it, leads to no view.
MIN_SEGMENT = 16
_SEGMENT = re.compile(rf"(?<={ROUTE})[A-Za-z0-9._~%-]{{{MIN_SEGMENT},}}")


def hidden(value: Any) -> Any:
    """Return a text without secrets; return another value unchanged, unless its text has one."""
    try:
        text = value if isinstance(value, str) else str(value)
        shown = _without_configured(text)
        if ROUTE in shown:
            shown = _SEGMENT.sub(HIDDEN, shown)
            if apps.ready and (path := _path()):
                shown = re.sub(rf"(?<=/{path})[^/\s?\"'&#]+", HIDDEN, shown)
    except Exception:  # logging must not fail
        return value
    return value if shown == text else shown


def hidden_within(value: Any) -> Any:
    """Return a value without secrets in its texts and bytes, at any depth."""
    if isinstance(value, str):
        return hidden(value)
    if isinstance(value, bytes):
        text = value.decode("utf-8", "surrogateescape")
        return hidden(text).encode("utf-8", "surrogateescape")
    if type(value) is dict:
        return {hidden_within(name): hidden_within(part) for name, part in value.items()}
    if type(value) in (list, tuple):
        return type(value)(map(hidden_within, value))
    return value


def _without_configured(text: str) -> str:
    secrets = tuple(secret for _, secret in app_settings.secrets)
    if isinstance(tokens := app_settings.api_tokens, dict):
        secrets += tuple(tokens.values())
    text = _plain(secrets).sub(HIDDEN, text)
    if "%" in text or "\\" in text:
        text = _encoded(secrets).sub(HIDDEN, text)
    return text


@lru_cache(maxsize=4)
def _plain(secrets: tuple[str, ...]) -> re.Pattern[str]:
    return _any_of([re.escape(secret) for secret in _longest_first(secrets)])


@lru_cache(maxsize=4)
def _encoded(secrets: tuple[str, ...]) -> re.Pattern[str]:
    """Match secrets as URLs, JSON and Python escape them, each character in its own way."""
    return _any_of(["".join(map(_writings, secret)) for secret in _longest_first(secrets)])


def _writings(character: str) -> str:
    codes = character.encode("utf-8", "surrogatepass")
    writings = [
        "".join(f"%{code:02x}" for code in codes),
        f"\\u{ord(character):04x}",
        "".join(f"\\x{code:02x}" for code in codes),
    ]
    return f"(?:{re.escape(character)}|(?i:{'|'.join(map(re.escape, writings))}))"


def _any_of(patterns: list[str]) -> re.Pattern[str]:
    return re.compile("|".join(patterns) or r"(?!)")


def _longest_first(secrets: tuple[str, ...]) -> list[str]:
    # One secret may begin with another.
    return sorted(secrets, key=len, reverse=True)


def _path() -> str:
    """Return the path to the view up to the secret, as a pattern; blank if there is none."""
    try:
        path = reverse("pickyassist_webhooks:events", args=["-"])
    except Exception:  # no such URL, or the URLs of the project cannot be loaded
        return ""
    return re.escape(path.removeprefix(get_script_prefix()).rpartition("-")[0])
