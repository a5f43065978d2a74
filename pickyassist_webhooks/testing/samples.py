"""A sample of each event, to try a webhook URL with."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from ..choices import EventKind, GroupAction
from .builders import (
    Payload,
    chat_message,
    delivery_report,
    filter_report,
    group_member,
    new_subscriber,
)

#: The beginning of each id of a sample.
PREFIX = "TEST-"


def samples(mark: str, project_id: str | None = None) -> list[tuple[Any, Payload]]:
    """Return name and payload of each sample. Their ids contain ``mark``, which makes them new.

    The default is a project that the first secret accepts.
    """
    unique = f"{PREFIX}{mark}"
    own = {} if project_id is None else {"project_id": project_id}
    ids = {"push_id": unique, "reference_number": unique, "msg_id": unique}
    joined = group_member(group_id=unique, group_subject="Test", **own)
    left = joined | {"action": GroupAction.EXITED.value}
    return [
        (EventKind.DELIVERY_REPORT.label, delivery_report(**ids, **own)),
        (EventKind.FILTER_REPORT.label, filter_report(**ids, **own)),
        (_("member joined"), joined),
        (_("member left"), left),
        (EventKind.NEW_SUBSCRIBER.label, new_subscriber(subscriber_id=unique, **own)),
        (EventKind.CHAT_MESSAGE.label, chat_message(unique_id=unique, **own)),
    ]
