"""Errors of receivers for logs: their classes and lines, without texts and local variables.

Both may hold numbers and texts of people, and tools such as Sentry read both.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType, FunctionType, TracebackType
from typing import Any

from ..exceptions import FAILURES
from .reports import stand_in

#: The text of an error in a log.
_TEXT = "<not logged; the admin shows it>"

#: Causes of an error, and frames of each, that are logged at most.
_MAX_CAUSES = 10
_MAX_FRAMES = 100

#: An instruction without a line and columns, so that each reader takes the line of the traceback.
_NO_LINE = b"\xf8"

Logged = tuple[type[BaseException], BaseException, TracebackType | None]


def class_of(error: BaseException) -> str:
    """Return the class of an error as a traceback names it."""
    kind = type(error)
    module = "" if kind.__module__ in ("builtins", "__main__") else f"{kind.__module__}."
    return f"{module}{kind.__qualname__}"[:255]


def impersonal(error: BaseException) -> Logged | None:
    """Return an error as ``exc_info``: with its causes and lines, without any value.

    Return ``None`` if it cannot be read: an exception can override its causes.
    """
    try:
        shown = _shown(error)
    except FAILURES:
        return None
    return type(shown), shown, shown.__traceback__


def _shown(error: BaseException, left: int = _MAX_CAUSES) -> BaseException:
    shown = stand_in(error, _TEXT).with_traceback(_lines(error.__traceback__))
    shown.__suppress_context__ = error.__suppress_context__
    if left and error.__cause__ is not None:
        shown.__cause__ = _shown(error.__cause__, left - 1)
    elif left and error.__context__ is not None and not error.__suppress_context__:
        shown.__context__ = _shown(error.__context__, left - 1)
    return shown


def _lines(traceback: TracebackType | None) -> TracebackType | None:
    """Return a traceback with the same lines, in frames without variables."""
    frames: list[tuple[FrameType, int]] = []
    while traceback is not None:
        frames.append((traceback.tb_frame, traceback.tb_lineno))
        traceback = traceback.tb_next
    copied = None
    for frame, line in reversed(frames[-_MAX_FRAMES:]):
        copied = TracebackType(copied, _copy(frame), 0, line)
    return copied


def _copy(frame: FrameType) -> FrameType:
    """Return a frame with the names of another one, which ran already."""
    code = frame.f_code
    names: dict[str, Any] = {"co_filename": code.co_filename, "co_name": code.co_name}
    own = _own_frame.__code__
    if sys.version_info >= (3, 11):
        no_lines = _NO_LINE * (len(own.co_code) // 2)
        names |= {"co_qualname": code.co_qualname, "co_linetable": no_lines}
    scope = {"__name__": frame.f_globals.get("__name__"), "current": sys._getframe}
    run: Callable[[], FrameType] = FunctionType(own.replace(**names), scope)
    return run()


def _own_frame() -> FrameType:
    return current()  # type: ignore[name-defined,no-any-return]  # noqa: F821
