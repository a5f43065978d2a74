"""A system check that someone runs ``pickyassist_process``: without it nothing is ever retried."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.core import mail
from django.core.checks import CheckMessage, register
from django.dispatch import Signal

from .. import signals
from ..conf import app_settings
from ..models import Heartbeat
from ..models.heartbeats import PROCESS
from ..models.requests import database_of_requests
from .messages import OURS, warning

_runs_here: ContextVar[bool] = ContextVar("runs_here", default=False)


@contextmanager
def running_here() -> Iterator[None]:
    """Do not warn: this process is ``pickyassist_process`` itself."""
    token = _runs_here.set(True)
    try:
        yield
    finally:
        _runs_here.reset(token)


@register(OURS)
def check_process_has_run(
    app_configs: Any = None, databases: Iterable[str] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Check that ``pickyassist_process`` has run, if a request may be left for it."""
    name = database_of_requests()
    if (databases is not None and name not in databases) or not _has_work() or _has_run(name):
        return []
    return [
        warning(
            9,
            "pickyassist_process has never run. Without it failed receivers are not called again, "
            "and requests that a crash or a full database left behind are not processed.",
            "Run `manage.py pickyassist_process` each minute by cron, or "
            "`manage.py pickyassist_process --loop` under a supervisor.",
        )
    ]


def _has_work() -> bool:
    """Tell whether a receiver may fail, or another process has the requests to process."""
    values = vars(signals).values()
    is_connected = any(value.receivers for value in values if isinstance(value, Signal))
    return is_connected or app_settings.processor != "inline"


def _has_run(name: str) -> bool:
    """Tell whether it has run, or that cannot be known: a check must not fail for the database."""
    if _runs_here.get():
        return True
    if hasattr(mail, "outbox"):  # a project's tests, whose database is new
        return True
    try:
        return Heartbeat.objects.using(name).filter(name=PROCESS).exists()
    except Exception:
        return True
