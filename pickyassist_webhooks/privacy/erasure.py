"""The erasing of a phone number: a person has asked for it, and has the right to."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from django.db import models, transaction
from django.db.models import Exists, Q, QuerySet
from django.db.models.functions import Length
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _

from ..choices import PushState, RequestState
from ..exceptions import UnknownSpoolOwner, UnreadableSpoolFile
from ..inbox import spool
from ..inbox.announce import SIGNALS_OF_KIND
from ..inbox.outcome import settle
from ..inbox.sweep import drain
from ..ingest import process
from ..models import ChatMessage, Event, Message, Push, ReceiverFailure, WebhookRequest, keys
from ..models.failures import ERASED, NEVER_RETURNED
from ..models.leases import is_claimed
from ..models.pushes import messages_of_push
from ..models.referring import deletable, keeping
from ..models.requests import database_of_requests, requests
from ..transactions import once_committed
from . import mentions
from .chunks import CHUNK, chunks, in_chunks, together
from .phone_numbers import Number
from .rows import WITH_NUMBERS, Rows, find_rows

logger = logging.getLogger(__name__)

#: Other counts than those of rows, which have the names of their models.
BODIES, TRACEBACKS, FILES = _("bodies"), _("tracebacks"), _("spool files")
MENTIONS = _("mentions in other messages")
#: Requests with the number that stay, because they are not parsed yet or a worker has them; bodies
#: in an encoding that cannot be read; spool files that this process may not read; rows that a
#: foreign key of the project keeps.
IN_WORK, ENCODED, UNREADABLE = "in work", _("encoded bodies"), _("unreadable files")
KEPT = _("rows that other rows refer to")

SKIPPED = (IN_WORK, ENCODED, UNREADABLE, KEPT)

_NAMED: tuple[type[models.Model], ...] = (*WITH_NUMBERS, Push)

# Such a request is the only copy of other people's events, too.
_NOT_PARSED = Q(state__in=(RequestState.RECEIVED, RequestState.DEAD), processed_at=None)


class Erasure:
    """Everything stored about one number: find it, count it, and erase it."""

    def __init__(self, number: Number) -> None:
        self.number = number
        self.database = database_of_requests()
        self.requests: set[int] = set()
        self.encoded = 0
        self.unreadable = 0
        #: The rows that a foreign key of the project keeps.
        self.kept = 0
        self._searched = 0

    def find(self, progress: Callable[[int], None] = lambda searched: None) -> Counter[str]:
        """Search every request that was not searched before, and return the counts.

        ``progress`` is called with the number of requests searched so far.
        """
        for searched, request in enumerate(self._following(), 1):
            progress(searched)
            if self._is_in(request):
                self.requests.add(request.pk)
        rows = find_rows(self.number, self.database, self.requests)
        self.requests.update(self._requests_of(rows))
        counts = Counter({model.__name__: len(pks) for model, pks in rows.items()})
        counts[BODIES] = len(self.requests)
        counts[MENTIONS] = mentions.count(self.number, self.database, rows.get(ChatMessage, set()))
        counts[TRACEBACKS] = len(self._tracebacks() - self._calls_about(rows))
        counts[Push.__name__] = len(self._errors(Push))
        counts[FILES] = len(self._files())
        counts[UNREADABLE] = self.unreadable
        counts[ENCODED] = self.encoded
        return +counts

    def carry_out(self, by: str) -> Counter[str]:
        """Erase everything found and return the counts; ``by`` names the operator.

        Pending requests are processed first, so that other people's events in them are kept.
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
        # A request that came since the search goes as a whole, or stays as a whole.
        rows = find_rows(self.number, self.database, self.requests)
        self.requests |= self._requests_of(rows)
        # The bodies first: a replay of them would bring back the rows.
        for pk in sorted(self.requests):
            erased[BODIES] += self._empty(pk, by)
        for chunk in chunks(self.requests):
            erased[IN_WORK] += requests().filter(pk__in=chunk, erased_at=None).count()
        messages = sorted(rows.pop(Message, ()))
        for model, pks in rows.items():
            erased[model.__name__] += self._delete(model, sorted(pks))
        # Together: without its messages, no later search would lead to a push.
        with transaction.atomic(using=self.database):
            push_keys = self._push_keys(messages)
            deleted = self._delete(Message, messages)
            asked_about = self._settle(push_keys)
        erased[Message.__name__] += deleted
        erased[IN_WORK] += asked_about
        erased[MENTIONS] += mentions.empty(self.number, self.database)
        for chunk in chunks(self._tracebacks()):
            tracebacks = self._all(ReceiverFailure).filter(pk__in=chunk)
            erased[TRACEBACKS] += tracebacks.update(error=ERASED)
        for chunk in chunks(self._errors(Push)):
            erased[Push.__name__] += self._all(Push).filter(pk__in=chunk).update(error=ERASED)
        for chunk in chunks(self.requests):
            of_discarded = Q(request__in=chunk, request__state=RequestState.DISCARDED)
            self._all(ReceiverFailure).filter(of_discarded).delete()
        for path in self._files():
            try:
                is_certain = once_committed(self.database, partial(spool.erase, path))
            except (OSError, UnreadableSpoolFile):
                is_certain = False
            erased[FILES] += is_certain
            self.unreadable += not is_certain
        erased[ENCODED] = self.encoded
        erased[UNREADABLE] = self.unreadable
        erased[KEPT] = self.kept

    def _audit(self, erased: Counter[str], by: str) -> None:
        counts = described(erased)
        logger.warning("Erased what was kept of number %s for %a: %s", self.number, by, counts)

    def _following(self) -> Iterator[WebhookRequest]:
        """Yield the requests not searched yet, without reading many bodies at once."""
        with_body = requests().filter(erased_at=None).order_by("pk")
        while True:
            following = with_body.filter(pk__gt=self._searched).annotate(size=Length("body"))
            sizes = list(following.values_list("pk", "size")[:CHUNK])
            if not sizes:
                return
            for pks in together(sizes):
                yield from with_body.filter(pk__in=pks).only(
                    "body", "content_encoding", "query", "error"
                )
            self._searched = sizes[-1][0]

    def _is_in(self, request: WebhookRequest) -> bool:
        try:
            if self.number.is_in_body(bytes(request.body), request.content_encoding):
                return True
        except ValueError:
            self.encoded += 1
        return any(
            self.number.is_in_body(text.encode()) for text in (request.query, request.error) if text
        )

    def _requests_of(self, rows: Rows) -> set[int]:
        """Return the requests of these rows, without those that are erased."""
        request_ids: set[int] = set()
        for model, pks in rows.items():
            if issubclass(model, Event):
                for chunk in chunks(pks):
                    events = self._all(model).filter(pk__in=chunk, request__erased_at=None)
                    ids = events.exclude(request=None).values_list("request_id", flat=True)
                    request_ids.update(ids)
        return request_ids

    def _waiting(self) -> list[int]:
        waiting: list[int] = []
        for chunk in chunks(self.requests):
            waiting += requests().due().filter(pk__in=chunk).values_list("pk", flat=True)
        return waiting

    def _errors(self, model: type[models.Model]) -> list[int]:
        """Return the rows of failed calls whose error contains the number."""
        rows = self._all(model).exclude(error="").only("error")
        return [row.pk for row in in_chunks(rows) if self.number.is_in_error(row.error)]

    def _tracebacks(self) -> set[int]:
        """Return the failed calls whose error contains the number, or may quote such a body."""
        pks = set(self._errors(ReceiverFailure))
        for chunk in chunks(self.requests):
            quoting = self._all(ReceiverFailure).filter(request__in=chunk)
            without = ("", ERASED, NEVER_RETURNED)
            pks.update(quoting.exclude(error__in=without).values_list("pk", flat=True))
        return pks

    def _files(self) -> list[Path]:
        paths: list[Path] = []
        try:
            paths, self.unreadable = spool.holding(self.number.is_in_body)
        except (OSError, UnknownSpoolOwner):
            self.unreadable = 1
        return paths

    def _empty(self, pk: int, by: str) -> bool:
        """Empty a request and note it in its history; tell whether that was possible."""
        now = timezone.now()
        free = requests().filter(pk=pk, erased_at=None).exclude(is_claimed(now) | _NOT_PARSED)
        with transaction.atomic(using=self.database):
            if not free.update(body=b"", query="", erased_at=now):
                return False
            request = requests().defer("body", "problems", "warnings").get(pk=pk)
            request.remember(by, "erased")
            if request.error:
                request.error = ERASED
            if request.outcome == RequestState.QUARANTINED:
                request.state = RequestState.DISCARDED  # nothing is left to parse
            request.save(using=self.database, update_fields=["history", "error", "state"])
        return True

    def _delete(self, model: type[models.Model], pks: list[int]) -> int:
        deleted = 0
        for chunk in chunks(pks):
            if issubclass(model, Event):
                failures = self._calls(model, chunk)
                called = list(requests().defer("body").filter(receiver_failures__in=failures))
                failures.delete()
                for request in called:
                    settle(request)
            rows = self._all(model).filter(pk__in=chunk)
            deleted += deletable(rows).delete()[1].get(model._meta.label, 0)
            self.kept += rows.count() if keeping(model) else 0
        return deleted

    def _push_keys(self, messages: list[int]) -> set[str]:
        """Return the keys of the pushes of these messages."""
        push_keys: set[str] = set()
        for chunk in chunks(messages):
            of_pushes = self._all(Message).filter(pk__in=chunk).exclude(push_id="")
            push_keys |= {keys.push(*ids) for ids in of_pushes.values_list("project_id", "push_id")}
        return push_keys

    def _settle(self, push_keys: set[str]) -> int:
        """Settle the pushes that are left without a message: asking would bring the number back.

        Return how many of them a worker is asking about: the answer can bring it back.
        """
        asked_about = 0
        for chunk in chunks(push_keys):
            pushed = self._all(Push).filter(key__in=chunk, state=PushState.OPEN)
            pushed = pushed.exclude(Exists(messages_of_push(self.database)))
            asked_about += pushed.filter(is_claimed(timezone.now())).count()
            pushed.update(state=PushState.SETTLED)
        return asked_about

    def _calls_about(self, rows: Rows) -> set[int]:
        """Return the failed calls that are deleted with the events of these rows."""
        events = [(model, pks) for model, pks in rows.items() if issubclass(model, Event)]
        calls = (self._calls(model, chunk) for model, pks in events for chunk in chunks(pks))
        return {pk for some in calls for pk in some.values_list("pk", flat=True)}

    def _calls(self, model: type[Event], pks: list[int]) -> QuerySet[ReceiverFailure]:
        """Return the failed calls about events with these ids."""
        signals = SIGNALS_OF_KIND[model.kind]
        return self._all(ReceiverFailure).filter(signal__in=signals, event_id__in=pks)

    def _all(self, model: type[models.Model]) -> QuerySet[Any]:
        return model._default_manager.using(self.database)


def described(counts: Counter[str]) -> str:
    """Return the counts in words, those that are skipped at the end."""
    labels = {model.__name__: model._meta.verbose_name_plural for model in _NAMED}
    labels[IN_WORK] = gettext("requests in progress")
    texts = {name: f"{labels.get(name) or gettext(name)}: {counts[name]}" for name in counts}
    skipped = ", ".join(texts.pop(name) for name in SKIPPED if name in texts)
    others = ", ".join(texts.values()) or gettext("nothing")
    if not skipped:
        return others
    return gettext("%(counts)s; skipped: %(skipped)s") % {"counts": others, "skipped": skipped}
