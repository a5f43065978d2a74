"""A logging filter that removes the secret: it is part of the path, and paths are logged."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Set
from copy import copy
from typing import Any

from django.http import HttpRequest

from .reports import reported_error, reported_request
from .texts import hidden, hidden_within

# All other attributes are additions of the project.
_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"asctime", "message", "request", "taskName"}


# Types that hold texts: other values are shown only if a formatter asks for it.
_HOLDERS = (Mapping, Set, list, tuple, bytearray, BaseException)


class HideSecrets(logging.Filter):
    """Hide the secret in the records of other loggers: access logs, ``django.request``.

    Hide each configured secret, and in a path to the webhook view also a wrong one, which is often
    nearly the right one. Add this filter to handlers: the filter of a logger does not see the
    records of the loggers below it.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg = hidden(record.msg)
        if isinstance(record.args, dict):  # gunicorn's, which has a value for every name
            record.args = copy(record.args)
            record.args.update({name: hidden(value) for name, value in record.args.items()})
        elif isinstance(record.args, Mapping):
            try:  # it may find names in any case, which a dict does not
                text = record.getMessage()
            except Exception:  # a name without a value, which the handler reports
                record.args = {name: hidden(value) for name, value in record.args.items()}
            else:
                record.msg, record.args = hidden(text), ()
        elif record.args:
            record.args = tuple(map(hidden, record.args))
        for name in vars(record).keys() - _OWN:
            setattr(record, name, _hidden_addition(getattr(record, name)))
        record.stack_info = hidden(record.stack_info)
        if isinstance(request := getattr(record, "request", None), HttpRequest):
            record.request = reported_request(request, failed=bool(record.exc_info))
        if record.exc_info and record.exc_info[1]:
            self._hide_error(record, *record.exc_info)
        return True

    def _hide_error(self, record: logging.LogRecord, kind: Any, error: Any, traceback: Any) -> None:
        record.exc_text = hidden(
            record.exc_text or logging.Formatter().formatException((kind, error, traceback))
        )
        if (shown := reported_error(error)) is not error:
            record.exc_info = (type(shown), shown, traceback)


def _hidden_addition(value: Any) -> Any:
    value = hidden_within(value)
    return hidden(value) if isinstance(value, _HOLDERS) else value
