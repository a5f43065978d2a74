"""Letting go of what was kept for as long as ``RETENTION_DAYS`` says."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any
from uuid import uuid4

from django.db import transaction
from django.db.models import Exists, Max, Min, OuterRef, Q, QuerySet
from django.utils import timezone

from .choices import RequestState
from .conf import app_settings
from .ingest import requests
from .models import MODELS, DeliveryReport, Message, WebhookRequest
from .models.requests import database_of_requests, is_held

#: Rows deleted in one transaction, so that nobody waits long for it.
CHUNK = 500


def prunable(also: Iterable[RequestState] = ()) -> list[QuerySet[Any]]:
    """Return what is older than ``RETENTION_DAYS`` allows, a queryset for each model.

    A request that is quarantined or dead waits for a person, and is among them only where its
    state is in ``also``. A request that is in work is never among them, nor are its events.
    """
    now = timezone.now()
    states = {RequestState.DONE, RequestState.DISCARDED, *also}
    found: list[QuerySet[Any]] = []
    if days := app_settings.retention("bodies"):
        old = requests().filter(received_at__lt=now - days, state__in=states)
        found.append(old.exclude(is_held(now)))
    if days := app_settings.retention("events"):
        database = database_of_requests()
        old_event = Q(received_at__lt=now - days)
        at_rest = Q(request=None) | Q(request__state__in=states)
        for model in MODELS.values():
            events: QuerySet[Any] = model._default_manager.using(database)
            found.append(events.filter(old_event, at_rest))
        staying = (
            DeliveryReport.objects.using(database)
            .exclude(old_event, at_rest)
            .filter(project_id=OuterRef("project_id"), msg_id=OuterRef("msg_id"))
        )
        messages = Message.objects.using(database).filter(changed_at__lt=now - days)
        found.append(messages.exclude(Exists(staying)))
    return found


def prune(rows: QuerySet[Any], stop: Callable[[], bool]) -> Iterator[int]:
    """Delete rows, oldest first, and yield how many after each chunk; ``stop`` is asked between.

    A chunk is a range of ids, so that each statement looks at no more rows than it may delete.
    """
    everything = rows.model._default_manager.using(rows.db).order_by("pk")
    ends = rows.aggregate(first=Min("pk"), last=Max("pk"))
    last, end = (ends["first"] or 0) - 1, ends["last"] or 0
    while last < end and not stop():
        following = everything.filter(pk__gt=last, pk__lte=end).values_list("pk", flat=True)
        chunk = list(following[:CHUNK])
        if not chunk:
            return  # somebody else was faster
        yield _delete(rows, Q(pk__gt=last, pk__lte=chunk[-1]))
        last = chunk[-1]


def _delete(rows: QuerySet[Any], chunk: Q) -> int:
    label = rows.model._meta.label
    rows = rows.filter(chunk)
    with transaction.atomic(using=rows.db):
        if rows.model is WebhookRequest:
            # First a write: whoever wants to process one of them again now waits for us, and what
            # has been taken up since it was chosen stays.
            ours = f"prune:{uuid4()}"
            rows.update(claimed_by=ours)
            # Without the bodies, which would be read to be deleted.
            rows = requests().filter(chunk, claimed_by=ours).only("pk")
        return rows.delete()[1].get(label, 0)
