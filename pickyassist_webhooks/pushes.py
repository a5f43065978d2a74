"""The ledger of pushes: each accepted call of the Push API, and its messages.

Reports can be lost on their way. The ledger knows which messages must have some, and the
``push_id`` by which ``pickyassist_reconcile`` asks for them.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from asgiref.sync import sync_to_async
from django.db import connections, transaction
from django.utils import timezone

from .bulk import writer_of
from .bulk.plan import Insert, Update, in_sets
from .bulk.writer import Writer
from .choices import DeliveryStatus, PushState
from .conf import app_settings
from .exceptions import PushRefused
from .models import Message, Push, keys
from .models.columns import build
from .models.events import fill_blanks
from .models.moments import later
from .models.requests import database_of_requests
from .parsing.characters import storable
from .parsing.push_answers import Accepted, read_push_answer
from .parsing.values import MAX_LENGTH
from .transactions import own_transaction, with_retries

__all__ = ["PushRefused", "arecord_push", "record_push"]

_FILLED = ("push_id", "number", "reference_number", "channel")

References = str | int | Sequence[str | int | None] | None


def record_push(
    answer: Any, *, project_id: str, references: References = None, channel: str = ""
) -> Push:
    """Record an answer of the Push API, and return its ``Push``. Recording again adds nothing.

    ``answer`` is a dict, a text or bytes. Each of its rows without a ``Message`` gets one with the
    status ``ACCEPTED``; others have their blanks filled. ``references`` are your reference numbers:
    one for all rows, or a sequence in the order of the rows. Reports can come before, and at
    the same time.

    Raise ``PushRefused`` if the answer is no success, and ``ValueError`` if ``references`` has
    another length than the rows, or ``project_id`` is ``None``. Inside a transaction, the rows are
    committed with it.
    """
    if project_id is None:
        raise ValueError("project_id is None; give the id of the push's project")
    accepted = read_push_answer(_bytes_of(answer), str(project_id))
    rows = _messages(accepted, references, channel, timezone.now())
    database = database_of_requests()

    def record(_races: int) -> Push:
        # At once, or with the open transaction of the caller.
        is_nested = connections[database].in_atomic_block
        with transaction.atomic(using=database) if is_nested else own_transaction(database):
            return _record(accepted, rows, writer_of(database))

    return with_retries(database, record)


async def arecord_push(
    answer: Any, *, project_id: str, references: References = None, channel: str = ""
) -> Push:
    """Record an answer of the Push API, as ``record_push`` does."""
    record = sync_to_async(record_push)
    return await record(answer, project_id=project_id, references=references, channel=channel)


def _bytes_of(answer: Any) -> bytes:
    if isinstance(answer, bytes | bytearray | memoryview):
        return bytes(answer)
    text = answer if isinstance(answer, str) else json.dumps(answer, default=str)
    return text.encode("utf-8", "surrogatepass")


def _messages(
    accepted: Accepted, references: References, channel: str, now: datetime
) -> list[Message]:
    """Return the messages of an answer as unsaved rows, each once."""
    rows = accepted.messages
    if references is None or isinstance(references, str | int):
        references = [references] * len(rows)
    if len(references) != len(rows):
        raise ValueError(
            f"expected a reference for each of the {len(rows)} rows of the answer, got "
            f"{len(references)}"
        )
    messages: dict[str, Message] = {}
    for row, reference in zip(rows, references, strict=True):
        if row is not None:
            message = _message(accepted, row, reference, channel, now)
            fill_blanks(messages.setdefault(message.key, message), message, _FILLED)
    return list(messages.values())


def _message(
    accepted: Accepted, row: dict[str, str], reference: Any, channel: Any, now: datetime
) -> Message:
    values = row | {
        "key": keys.message(accepted.project_id, row["msg_id"]),
        "project_id": accepted.project_id,
        "push_id": accepted.push_id,
        "reference_number": _short(reference) or row["reference_number"],
        "channel": _short(channel),
        "status": DeliveryStatus.ACCEPTED,
        "first_reported_at": now,
        "changed_at": now,
    }
    return build(Message, values)


def _short(text: Any) -> str:
    return "" if text is None else storable(str(text)).strip()[:MAX_LENGTH]


def _record(accepted: Accepted, rows: list[Message], writer: Writer) -> Push:
    """Write the messages, then the push: all workers lock the tables in the same order."""
    recorded = writer.find(Message, {row.key for row in rows}, lock=True)
    new = [build(Message, vars(row)) for row in rows if row.key not in recorded]
    filled = [
        recorded[row.key]
        for row in rows
        if row.key in recorded and fill_blanks(recorded[row.key], row, _FILLED)
    ]
    writer.write(in_sets(Insert, new) + in_sets(Update, filled))
    return _push(accepted, bool(new), writer.database)


def _push(accepted: Accepted, has_new: bool, database: str) -> Push:
    """Return the push of an answer; insert it, or open it again if it has new messages."""
    pushes = Push.objects.using(database)
    key = keys.push(accepted.project_id, accepted.push_id)
    now = timezone.now()
    due_at = later(now, app_settings.reconcile_after)
    push = pushes.select_for_update().filter(key=key).first()
    if push is None:
        values = {"key": key, "project_id": accepted.project_id, "push_id": accepted.push_id}
        push = build(Push, values | {"recorded_at": now, "due_at": due_at})
        pushes.bulk_create([push])
    elif has_new and push.state != PushState.OPEN:
        push.state, push.attempts = PushState.OPEN, 0
        push.due_at, push.recorded_at = due_at, now
        push.save(using=database, update_fields=["state", "attempts", "due_at", "recorded_at"])
    return push
