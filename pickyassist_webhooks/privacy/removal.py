"""The removal of test requests, with their events and the messages that only they made."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from ..choices import UNFINISHED
from ..models import MODELS, DeliveryReport, Message, Push, keys
from ..models.leases import is_claimed
from ..models.referring import deletable, keeping, kept
from ..models.requests import WebhookRequestQuerySet, database_of_requests, requests
from .chunks import chunks
from .retention import delete

#: Requests removed at once, the oldest.
MOST = 500


def removable() -> WebhookRequestQuerySet:
    """Return the test requests that no worker has or will retry."""
    at_rest = deletable(requests().tests()).exclude(state__in=UNFINISHED)
    for model in MODELS.values():
        # Without its request, an event that is kept would look like a real one.
        events = model._default_manager.using(at_rest.db).filter(request=OuterRef("pk"))
        at_rest = at_rest.exclude(Exists(kept(events))) if keeping(model) else at_rest
    return at_rest.exclude(is_claimed(timezone.now()))


def oldest() -> list[int]:
    """Return the ids of the requests that ``rows_of`` accepts at once."""
    return list(removable().order_by("received_at").values_list("pk", flat=True)[:MOST])


def rows_of(pks: list[int]) -> Iterator[QuerySet[Any]]:
    """Yield the rows to delete, in this order: messages, events, and the requests themselves."""
    database = database_of_requests()
    reports = DeliveryReport.objects.using(database)
    messages = Message.objects.using(database)
    same_message = {"project_id": OuterRef("project_id"), "msg_id": OuterRef("msg_id")}
    same_push = {"project_id": OuterRef("project_id"), "push_id": OuterRef("push_id")}
    others = reports.exclude(request__in=pks).filter(**same_message)
    pushed = Push.objects.using(database).filter(**same_push)
    reported = reports.filter(request__in=pks).order_by().values_list("project_id", "msg_id")
    for some in chunks({keys.message(*identity) for identity in reported.distinct()}):
        alone = messages.filter(key__in=some).exclude(Exists(others)).exclude(Exists(pushed))
        yield deletable(alone)
    for model in MODELS.values():
        yield model._default_manager.using(database).filter(request__in=pks)
    yield removable().filter(pk__in=pks)


def remove(pks: list[int]) -> None:
    """Delete these test requests, and all rows that only they made."""
    for rows in rows_of(pks):
        delete(rows)
