"""Requests and exceptions as error reports show them, without the secret."""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from functools import lru_cache
from types import FrameType
from typing import Any

from django.http import HttpRequest, QueryDict
from django.http.request import HttpHeaders
from django.template.defaultfilters import pprint
from django.utils.datastructures import MultiValueDict
from django.views.debug import get_exception_reporter_filter

from .texts import hidden, hidden_within

# Cached on the request: the copy must build its own.
_CACHED = ("GET", "COOKIES", "headers", "_body", "_post", "_files")


def reported_request(request: HttpRequest, failed: bool) -> HttpRequest | None:
    """Return a request for a report: a copy without the secret, as the request is still in use.

    Return the request itself if it holds none, and ``None`` if it cannot be copied.
    """
    try:
        return _copy(request) if failed or _may_hold_a_secret(request) else request
    except Exception:  # logging must not fail
        return None


def reported_error(error: BaseException) -> BaseException:
    """Return an exception for a report: itself, or a stand-in if its text has a secret."""
    try:
        return _without_secret(error, {}) or error
    except Exception:  # it has no text, or too many causes
        return stand_in(error, "<not shown>")


def _may_hold_a_secret(request: HttpRequest) -> bool:
    if request.method not in ("GET", "HEAD"):
        return True  # its body may hold one, and must not be read here
    texts = [value for value in request.META.values() if isinstance(value, str)]
    text = "\n".join([request.path, *texts])
    return bool(hidden(text) != text)


def _copy(request: HttpRequest) -> HttpRequest:
    shown: Any = copy(request)
    kind: Any = type(request)
    for name in _CACHED:
        vars(shown).pop(name, None)
    shown.__class__ = _shown_as(kind)
    shown.original = request
    shown.META = hidden_within(dict(request.META))
    shown.path, shown.path_info = hidden(request.path), hidden(request.path_info)
    for name, value in (("environ", shown.META), ("scope", {"path": shown.path})):
        if hasattr(request, name):
            setattr(shown, name, value)
    shown.resolver_match = None
    shown.exception_reporter_filter = _Filter(get_exception_reporter_filter(request))
    return shown  # type: ignore[no-any-return]


@lru_cache(maxsize=8)
def _shown_as(kind: Any) -> Any:
    return type(kind.__name__, (_Shown, kind), {"__module__": kind.__module__})


class _Shown:
    """The parts that are built on demand: reading the body early would take it from the view."""

    original: Any
    META: dict[str, Any]

    GET = property(lambda self: _shown_values(self.original.GET))
    POST = property(lambda self: _shown_values(self.original.POST))
    FILES = property(lambda self: MultiValueDict(_shown_lists(self.original.FILES)))
    COOKIES = property(lambda self: hidden_within(dict(self.original.COOKIES)))
    body = property(lambda self: hidden_within(self.original.body))
    headers = property(lambda self: HttpHeaders(self.META))


def _shown_values(values: MultiValueDict[str, Any]) -> QueryDict:
    shown = QueryDict(mutable=True)
    for name, items in _shown_lists(values):
        shown.setlist(name, items)
    return shown


def _shown_lists(values: MultiValueDict[str, Any]) -> list[tuple[str, list[Any]]]:
    return [(hidden(name), [hidden(value) for value in items]) for name, items in values.lists()]


class _Filter:
    """Hide secrets in the other parts of a report: local variables and settings."""

    def __init__(self, chosen: Any) -> None:
        self._chosen = chosen

    def __getattr__(self, name: str) -> Any:
        return getattr(self._chosen, name)

    def get_safe_settings(self) -> dict[str, Any]:
        return {name: _printed(value) for name, value in self._chosen.get_safe_settings().items()}

    def get_traceback_frame_variables(
        self, request: HttpRequest, frame: FrameType
    ) -> Iterator[tuple[str, Any]]:
        for name, value in self._chosen.get_traceback_frame_variables(request, frame):
            yield name, _printed(value)


class _Text:
    """A text that prints without quotes."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


def _printed(value: Any) -> Any:
    try:
        # hidden_within() comes first: long bytes are printed in pieces.
        value = hidden_within(value)
        text = pprint(value)
        shown = hidden(text)
    except Exception as err:
        return _Text(f"<not shown: {type(err).__name__}>")
    return value if shown == text else _Text(shown)


def _without_secret(
    error: BaseException | None, visited: dict[int, BaseException | None]
) -> BaseException | None:
    """Return an exception, or a stand-in if its text or that of a cause has a secret."""
    if error is None or id(error) in visited:
        return None if error is None else visited[id(error)]
    visited[id(error)] = None  # ends a cycle
    cause, context = (
        _without_secret(linked, visited) for linked in (error.__cause__, error.__context__)
    )
    text, notes = hidden(error), hidden_within(getattr(error, "__notes__", []))
    changed = (
        text is not error
        or notes != getattr(error, "__notes__", [])
        or cause is not error.__cause__
        or context is not error.__context__
    )
    visited[id(error)] = shown = stand_in(error, str(text)) if changed else error
    if changed:
        shown.__cause__, shown.__context__ = cause, context
        shown.__suppress_context__ = error.__suppress_context__
        if notes:
            shown.__notes__ = notes
    return shown


def stand_in(error: BaseException, text: str) -> BaseException:
    """Return an exception with the class name and lines of another, and with this text."""
    kind = type(error)
    names = {"__module__": kind.__module__, "__qualname__": kind.__qualname__}
    stand_in: BaseException = type(
        kind.__name__, (Exception,), {**names, "__str__": lambda self: text}
    )()
    return stand_in.with_traceback(error.__traceback__)
