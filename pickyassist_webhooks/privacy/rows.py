"""The rows of a phone number, and those without a number that share its ids."""

from __future__ import annotations

from collections.abc import Iterator, Set
from typing import Any

from django.db import models
from django.db.models import QuerySet

from ..models import MODELS, ChatMessage, DeliveryReport, Event, Message, NewSubscriber
from .chunks import chunks, in_chunks
from .phone_numbers import Number

#: Ids of rows, by their model.
Rows = dict[type[models.Model], set[int]]

WITH_NUMBERS: tuple[type[models.Model], ...] = (*MODELS.values(), Message)

#: Ids that can contain a number.
_IDS = ("subscriber_id", "msg_id", "messenger_id", "unique_id")


def find_rows(number: Number, database: str, requests: Set[int]) -> Rows:
    """Return the rows of a number, and those that share its message or subscriber ids.

    ``requests`` are the ids of the requests with the number.
    """
    found_rows: Rows = {}
    messages = Message.objects.using(database)
    for model in WITH_NUMBERS:
        rows = model._default_manager.using(database)
        # The key of a number without digits is blank, too; it has an index.
        unnumbered = rows.filter(number_key="", number="")
        owned = rows.filter(number_key=number.key)
        pks = set(owned.values_list("pk", flat=True))
        if model is NewSubscriber:
            pks |= _sharing("subscriber_id", owned, unnumbered)
        elif model is ChatMessage:
            # A Messenger ID looks like a number, and is erased as one.
            owned |= rows.filter(messenger_id=number.digits)
            pks = set(owned.values_list("pk", flat=True))
            pks |= _sharing("messenger_id", owned, unnumbered)
        elif hasattr(model, "msg_id"):
            pks |= _sharing("msg_id", owned, unnumbered)
            # A recorded push can know the number of a message, and its reports not.
            pushed = messages.filter(number_key=number.key)
            pks |= _sharing("msg_id", pushed, unnumbered)
        if issubclass(model, Event):
            others = rows.exclude(number_key=number.key)
            hidden = [others.filter(request__in=chunk) for chunk in chunks(requests)]
            # Also if their request is pruned, or a later one filled them.
            pks |= {row.pk for rows in (*hidden, unnumbered) for row in _with_number(number, rows)}
        else:
            pks |= _messages_of(number, messages, found_rows[DeliveryReport])
        found_rows[model] = pks
    return found_rows


def _with_number(number: Number, rows: QuerySet[Any]) -> Iterator[Any]:
    """Yield the rows with more text around this number, or with it in an id or ``extra``."""
    ids = [name for name in _IDS if hasattr(rows.model, name)]
    for row in in_chunks(rows.only("number", "extra", *ids)):
        texts = [row.number] if row.number else [getattr(row, name) for name in ids]
        extra = None if row.number else row.extra
        if any(map(number.is_in, texts)) or (extra and number.is_in_json(extra)):
            yield row


def _messages_of(number: Number, messages: QuerySet[Any], reports: set[int]) -> set[int]:
    """Return the messages of these reports that have this number with more text around it."""
    pks: set[int] = set()
    own = DeliveryReport.objects.using(messages.db)
    for chunk in chunks(reports):
        shared = messages.filter(pk__in=_sharing("msg_id", own.filter(pk__in=chunk), messages))
        pks |= {row.pk for row in shared if number.is_in(row.number or row.msg_id)}
    return pks


def _sharing(name: str, owned: QuerySet[Any], rows: QuerySet[Any]) -> set[int]:
    """Return those of ``rows`` that share an id with ``owned``, within their project."""
    ids = set(owned.exclude(**{name: ""}).values_list("project_id", name))
    pks: set[int] = set()
    for chunk in chunks({value for _project, value in ids}):
        candidates = rows.filter(**{f"{name}__in": chunk})
        for pk, *row_id in candidates.values_list("pk", "project_id", name):
            if tuple(row_id) in ids:
                pks.add(pk)
    return pks
