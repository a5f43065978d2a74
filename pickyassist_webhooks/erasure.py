"""Erasing all that is kept of a number: a person has asked for it, and has the right to."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from django.db import models, transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Length
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _

from . import spool
from .announce import SIGNALS_OF_KIND
from .choices import RequestState
from .ingest import process, requests
from .models import MODELS, Event, Message, NewSubscriber, ReceiverFailure, WebhookRequest
from .models.requests import database_of_requests, is_held
from .numbers import Number
from .sweep import drain

logger = logging.getLogger(__name__)

#: What stands where a traceback was.
ERASED = "Erased."

#: What is counted besides rows, by the names of their models.
BODIES, TRACEBACKS, FILES = _("bodies"), _("tracebacks"), _("spool files")
#: Requests that hold the number and are left, as nothing of them is understood so far, or a worker
#: holds them; bodies in an encoding that cannot be read; spool files that nobody may read.
IN_WORK, ENCODED, UNREADABLE = _("in work"), _("encoded bodies"), _("unreadable files")

_CHUNK = 500
_BYTES_AT_ONCE = 4 * 1024 * 1024

#: Ids of rows, by their model.
Rows = dict[type[models.Model], set[int]]

_WITH_NUMBERS: tuple[type[models.Model], ...] = (*MODELS.values(), Message)

# What was not understood so far is the only copy of other people's events too.
_NOT_UNDERSTOOD = Q(
    state__in=(RequestState.RECEIVED, RequestState.FAILING, RequestState.DEAD), processed_at=None
)


class Erasure:
    """All that is kept of one number: found, counted, and erased if asked for."""

    def __init__(self, number: Number) -> None:
        self.number = number
        self.database = database_of_requests()
        self.requests: set[int] = set()
        self.encoded = 0
        self.unreadable = 0
        self._looked_at = 0

    def find(self, progress: Callable[[int], None] = lambda looked_at: None) -> Counter[str]:
        """Look at every request that was not looked at before, and count what would be erased.

        ``progress`` is told how many requests were looked at.
        """
        for looked_at, request in enumerate(self._following(), 1):
            progress(looked_at)
            if self._is_in(request):
                self.requests.add(request.pk)
        rows = self._rows()
        self.requests.update(self._requests_of(rows))
        found = Counter({model.__name__: len(pks) for model, pks in rows.items()})
        found[BODIES] = len(self.requests)
        found[TRACEBACKS] = len(self._tracebacks())
        found[FILES] = len(self._files())
        found[UNREADABLE] = self.unreadable
        found[ENCODED] = self.encoded
        return +found

    def carry_out(self, by: str) -> Counter[str]:
        """Erase what is kept, and return how much that was; ``by`` says who asked for it.

        Requests that wait are processed first, so that other people's events in them are kept.
        """
        drain()
        self.find()
        for pk in self._waiting():
            process(pk)
        self.find()
        erased: Counter[str] = Counter()
        try:
            self._erase(erased, by)
        finally:
            self._audit(+erased, by)
        return +erased

    def _erase(self, erased: Counter[str], by: str) -> None:
        # The bodies first: while they are there, processing them again would bring back the rows.
        for pk in sorted(self.requests):
            erased[BODIES] += self._empty(pk, by)
        for chunk in _chunks(self.requests):
            erased[IN_WORK] += requests().filter(pk__in=chunk, erased_at=None).count()
        for model, pks in self._rows().items():
            erased[model.__name__] += self._delete(model, sorted(pks))
        for chunk in _chunks(self._tracebacks()):
            failures = ReceiverFailure.objects.using(self.database).filter(pk__in=chunk)
            erased[TRACEBACKS] += failures.update(error=ERASED)
        for path in self._files():
            try:
                spool.erase(path)
            except OSError:
                self.unreadable += 1
            else:
                erased[FILES] += 1
        erased[ENCODED] = self.encoded
        erased[UNREADABLE] = self.unreadable

    def _audit(self, erased: Counter[str], by: str) -> None:
        counts = described(erased)
        logger.warning("Erased what was kept of number %s for %a: %s", self.number, by, counts)

    def _following(self) -> Iterator[WebhookRequest]:
        """Yield the requests that were not looked at, without reading many bodies at once."""
        with_body = requests().filter(erased_at=None).order_by("pk")
        while True:
            following = with_body.filter(pk__gt=self._looked_at).annotate(size=Length("body"))
            sizes = list(following.values_list("pk", "size")[:_CHUNK])
            if not sizes:
                return
            for pks in _together(sizes):
                yield from with_body.filter(pk__in=pks).only(
                    "body", "content_type", "content_encoding", "query", "error"
                )
            self._looked_at = sizes[-1][0]

    def _is_in(self, request: WebhookRequest) -> bool:
        try:
            if self.number.is_in_body(
                bytes(request.body), request.content_type, request.content_encoding
            ):
                return True
        except ValueError:
            self.encoded += 1
        return any(
            self.number.is_in_body(text.encode()) for text in (request.query, request.error) if text
        )

    def _rows(self) -> Rows:
        """Return the rows of this number, and those that share an id of its messages or contact."""
        found: Rows = {}
        for model in _WITH_NUMBERS:
            rows = self._all(model)
            numbers = rows.exclude(number="").values_list("number", flat=True).distinct()
            written = [text for text in numbers.iterator() if self.number.equals(text)]
            same = rows.filter(number__in=written)
            pks = set(same.values_list("pk", flat=True))
            if model is NewSubscriber:
                pks |= _sharing("subscriber_id", same, rows)
            elif hasattr(model, "msg_id"):
                pks |= _sharing("msg_id", same, rows.filter(number=""))
            if issubclass(model, Event):
                pks |= self._hidden_in(rows.filter(number=""))
            found[model] = pks
        return found

    def _hidden_in(self, nameless: QuerySet[Any]) -> set[int]:
        """Return rows of the requests found that name no number, and hold it elsewhere."""
        found: set[int] = set()
        for chunk in _chunks(self.requests):
            for row in nameless.filter(request__in=chunk):
                ids = [getattr(row, name, "") for name in ("subscriber_id", "msg_id")]
                if any(map(self.number.is_in, [*ids, json.dumps(row.extra, default=str)])):
                    found.add(row.pk)
        return found

    def _requests_of(self, rows: Rows) -> set[int]:
        """Return the requests from which these rows came, but for those that are erased."""
        found: set[int] = set()
        for model, pks in rows.items():
            if issubclass(model, Event):
                for chunk in _chunks(pks):
                    came = self._all(model).filter(pk__in=chunk, request__erased_at=None)
                    found.update(came.exclude(request=None).values_list("request_id", flat=True))
        return found

    def _waiting(self) -> list[int]:
        waiting: list[int] = []
        for chunk in _chunks(self.requests):
            waiting += requests().due().filter(pk__in=chunk).values_list("pk", flat=True)
        return waiting

    def _tracebacks(self) -> list[int]:
        failures = ReceiverFailure.objects.using(self.database).only("error")
        return [each.pk for each in failures.iterator() if self.number.is_in(each.error)]

    def _files(self) -> list[Path]:
        found: list[Path] = []
        self.unreadable = 0
        try:
            waiting = spool.waiting()
        except OSError:
            self.unreadable += 1
            return found
        for path in waiting:
            try:
                if self.number.is_in_body(path.read_bytes()):
                    found.append(path)
            except FileNotFoundError:
                continue  # a worker was faster, and it is a row now
            except OSError:
                self.unreadable += 1
        return found

    def _empty(self, pk: int, by: str) -> bool:
        """Take the bytes out of a request, and say so; tell whether that could be done."""
        now = timezone.now()
        free = requests().filter(pk=pk, erased_at=None).exclude(is_held(now) | _NOT_UNDERSTOOD)
        with transaction.atomic(using=self.database):
            if not free.update(body=b"", query="", erased_at=now):
                return False
            request = requests().defer("body", "problems", "warnings").get(pk=pk)
            request.remember(by, "erased")
            if request.error:
                request.error = ERASED
            if request.state == RequestState.QUARANTINED:
                request.state = RequestState.DISCARDED  # there is nothing left to understand
            request.save(using=self.database, update_fields=["history", "error", "state"])
        return True

    def _delete(self, model: type[models.Model], pks: list[int]) -> int:
        deleted = 0
        for chunk in _chunks(pks):
            if issubclass(model, Event):
                failures = ReceiverFailure.objects.using(self.database)
                signals = SIGNALS_OF_KIND[model.kind]
                failures.filter(signal__in=signals, event_id__in=chunk).delete()
            deleted += self._all(model).filter(pk__in=chunk).delete()[1].get(model._meta.label, 0)
        return deleted

    def _all(self, model: type[models.Model]) -> QuerySet[Any]:
        return model._default_manager.using(self.database)


def described(counts: Counter[str]) -> str:
    """Return counts as people read them."""
    names = {model.__name__: model._meta.verbose_name_plural for model in _WITH_NUMBERS}
    said = [f"{names.get(what) or gettext(what)}: {count}" for what, count in counts.items()]
    return ", ".join(said) or gettext("nothing")


def _sharing(name: str, same: QuerySet[Any], rows: QuerySet[Any]) -> set[int]:
    """Return those of ``rows`` that share an id, within their project, with rows found."""
    ids = set(same.exclude(**{name: ""}).values_list("project_id", name))
    found: set[int] = set()
    for chunk in _chunks({value for _project, value in ids}):
        for pk, *of in rows.filter(**{f"{name}__in": chunk}).values_list("pk", "project_id", name):
            if tuple(of) in ids:
                found.add(pk)
    return found


def _chunks(values: Iterable[Any]) -> Iterator[list[Any]]:
    ordered = sorted(values)
    for start in range(0, len(ordered), _CHUNK):
        yield ordered[start : start + _CHUNK]


def _together(sizes: Iterable[tuple[int, int]]) -> Iterator[list[int]]:
    """Yield ids of requests whose bodies may be read at once."""
    pks: list[int] = []
    room = _BYTES_AT_ONCE
    for pk, size in sizes:
        if pks and size > room:
            yield pks
            pks, room = [], _BYTES_AT_ONCE
        pks.append(pk)
        room -= size
    yield pks
