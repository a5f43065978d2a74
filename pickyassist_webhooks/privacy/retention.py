"""The deleting of rows that are older than ``RETENTION_DAYS`` allows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any
from uuid import uuid4

from django.db import transaction
from django.db.models import Exists, Max, Min, OuterRef, Q, QuerySet
from django.utils import timezone

from ..choices import PushState, RequestState
from ..conf import app_settings
from ..models import MODELS, DeliveryReport, Message, Push, WebhookRequest
from ..models.leases import is_claimed
from ..models.rates import LONGEST_HOLD
from ..models.referring import deletable
from ..models.requests import database_of_requests, requests
from ..transactions import with_retries

#: Rows deleted in one transaction, so that no one waits long for it.
CHUNK = 500

#: The condition of all rows.
EVERY = Q()


def prunable(also: Iterable[RequestState] = ()) -> list[QuerySet[Any]]:
    """Return the rows that are older than ``RETENTION_DAYS`` allows, a queryset for each model.

    A request that is quarantined or dead waits for a person: it is included only if its state is
    in ``also``. A request that is being processed is never included, nor are its events. Rows that
    a foreign key of the project keeps are not included either.
    """
    now = timezone.now()
    states = {RequestState.DONE, RequestState.DISCARDED, *also}
    prunable_rows: list[QuerySet[Any]] = []
    if days := app_settings.retention("bodies"):
        old = requests().filter(received_at__lt=now - days, state__in=states)
        prunable_rows.append(old.exclude(is_claimed(now)))
    if days := app_settings.retention("events"):
        database = database_of_requests()
        old_event = Q(received_at__lt=now - days)
        at_rest = Q(request=None) | Q(request__state__in=states)
        for model in MODELS.values():
            events: QuerySet[Any] = model._default_manager.using(database)
            prunable_rows.append(events.filter(old_event, at_rest))
        staying = (
            DeliveryReport.objects.using(database)
            .exclude(old_event, at_rest)
            .filter(project_id=OuterRef("project_id"), msg_id=OuterRef("msg_id"))
        )
        messages = Message.objects.using(database).filter(changed_at__lt=now - days)
        prunable_rows.append(messages.exclude(Exists(staying)))
        # An open push is given up after ``RECONCILE_DAYS`` and one more call, if a command runs.
        given_up = now - app_settings.reconcile_days - LONGEST_HOLD
        is_over = ~Q(state=PushState.OPEN) | Q(recorded_at__lt=given_up)
        pushes = Push.objects.using(database).filter(is_over, recorded_at__lt=now - days)
        prunable_rows.append(pushes.exclude(is_claimed(now)))
    return list(map(deletable, prunable_rows))


def prune(rows: QuerySet[Any], stop: Callable[[], bool]) -> Iterator[int]:
    """Delete rows, oldest first, and yield the count of each chunk; ``stop`` is asked in between.

    A chunk is a range of ids, so that no statement reads more rows than it may delete.
    """
    everything = rows.model._default_manager.using(rows.db).order_by("pk")
    ends = rows.aggregate(first=Min("pk"), last=Max("pk"))
    last, end = (ends["first"] or 0) - 1, ends["last"] or 0
    while last < end and not stop():
        following = everything.filter(pk__gt=last, pk__lte=end).values_list("pk", flat=True)
        chunk = list(following[:CHUNK])
        if not chunk:
            return  # another process was faster
        yield delete(rows, Q(pk__gt=last, pk__lte=chunk[-1]))
        last = chunk[-1]


def delete(rows: QuerySet[Any], chunk: Q = EVERY) -> int:
    """Delete the rows of a chunk, but no request that a worker claims; return their count.

    It tries again if the database chose it to end a deadlock.
    """
    return with_retries(rows.db, lambda _races: _delete(rows, chunk))


def _delete(rows: QuerySet[Any], chunk: Q) -> int:
    label = rows.model._meta.label
    rows = rows.filter(chunk)
    with transaction.atomic(using=rows.db):
        if rows.model is WebhookRequest:
            # First a write: a replay of one of them now waits, and a request that was claimed
            # meanwhile stays.
            claim = f"prune:{uuid4()}"
            rows.update(claimed_by=claim)
            # Without the bodies, which would be read to be deleted.
            rows = requests().filter(chunk, claimed_by=claim).only("pk")
        return rows.delete()[1].get(label, 0)
