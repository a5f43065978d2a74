"""The rows to look at, and the terms to search for."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet

from pickyassist_webhooks.admin.requests import SEARCHED
from pickyassist_webhooks.choices import RequestState
from pickyassist_webhooks.models import MODELS as EVENTS
from pickyassist_webhooks.models import ChatMessage, Message, WebhookRequest
from tests.browser.addresses import Model
from tests.scale import seeds
from tests.scale.expressions import BUSY

NOWHERE = "nowhere-to-be-found"


def typical(model: Model) -> Any:
    """Return a row from the middle of the table with a request and all search fields.

    It is one of the first of a thousand, so it is in one of the largest groups.
    """
    rows = _rows(model)
    later = rows.filter(pk__gt=rows.latest("pk").pk // 2).order_by("pk")
    needed = [name for name in (*_searched_by(model), "request_id") if hasattr(model, name)]
    return next(row for row in later[:100] if all(getattr(row, name) for name in needed))


def some(model: Model) -> list[int]:
    """Return the ids of old, middle, new and rare rows."""
    newest = _rows(model).latest("pk").pk
    ids = [newest // 50 // 1000 * 1000 + 1, typical(model).pk, newest // 1001 * 1000 + 1, newest]
    if model is WebhookRequest:
        ids += _first(_rows(model).filter(problem=seeds.PROBLEMS[-1].group))
        ids += _first(_rows(model).filter(state=RequestState.DEAD))
    if model is ChatMessage:
        ids += _first(_rows(model).filter(number=BUSY, group_id=""))
        ids += _first(_rows(model).filter(group_id=seeds.BUSY_GROUP))
    if model is Message:
        ids += _first(Message.objects.in_conflict())
    return list(dict.fromkeys(ids))


def searched(model: Model) -> list[str]:
    """Return search terms: the values of a row, a frequent one, and missing ones.

    A search for requests includes their events.
    """
    sources = [model, *EVENTS.values()] if model is WebhookRequest else [model]
    fields = [(row, name) for row in map(typical, sources) for name in _searched_by(type(row))]
    assert fields
    terms = [str(getattr(row, name)) for row, name in fields]
    # The end of a number, and an id with swapped case.
    terms += [row.number[-8:] for row, name in fields if name == "number"]
    terms += [term.swapcase() for term in terms if term.startswith(("order-", "wamid."))]
    return [*dict.fromkeys(terms), BUSY, NOWHERE, str(uuid.UUID(int=0))]


def _searched_by(model: Model) -> list[str]:
    names = [*admin.site._registry[model].search_fields, *SEARCHED]
    return [name for name in dict.fromkeys(names) if hasattr(model, name)]


def _rows(model: Model) -> QuerySet[Any]:
    rows: QuerySet[Any] = model._default_manager.all()
    return rows


def _first(rows: QuerySet[Any]) -> list[int]:
    return list(rows.order_by("pk").values_list("pk", flat=True)[:1])
