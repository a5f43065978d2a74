"""Problems and unknown fields in groups, so that a change by the vendor is noticed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Max, Min, Q

from ..choices import RequestState
from ..models import MODELS, WebhookRequest
from ..models.moments import Moments
from ..models.together import rows_of
from ..parsing.event_types import ENVELOPE, EVENT_TYPES

#: Problems listed, the latest ones.
MAX_GROUPS = 50

#: Newest events of each kind that are searched for unknown fields.
SAMPLE = 1000


#: Requests that can be processed again: if a part of a batch was valid, the rest may be valid now.
AGAIN = Q(state__in=(RequestState.QUARANTINED, RequestState.DONE), erased_at=None)


@dataclass(frozen=True)
class Group:
    """The requests with one problem: their counts, times, and the id of the newest one.

    ``again`` of them can be processed again. ``sample`` is the problem of the newest one.
    """

    code: str
    path: str
    sample: dict[str, str]
    kind: str
    count: int
    quarantined: int
    again: int
    first_at: datetime
    last_at: datetime
    newest: int


@dataclass(frozen=True)
class NewField:
    """A field that this version does not know, seen in the newest events of a kind."""

    kind: str
    name: str
    count: int
    first_at: datetime
    last_at: datetime


def groups() -> list[Group]:
    """Return the problems, the latest first."""
    with_problem = WebhookRequest.objects.exclude(problem=None).order_by()
    counted: list[Any] = list(
        with_problem.values("problem")
        .annotate(
            count=Count("*"),
            quarantined=Count("state", filter=Q(state=RequestState.QUARANTINED)),
            again=Count("state", filter=AGAIN),
            first_at=Min("received_at"),
            last_at=Max("received_at"),
            newest=Max("pk"),
        )
        .order_by("-last_at", "-newest")[:MAX_GROUPS]
    )
    newest = WebhookRequest.objects.only("kind", "problems").in_bulk(
        [row["newest"] for row in counted]
    )
    groups = []
    for row in counted:
        code, _, path = row.pop("problem").partition(" ")
        request = newest.get(row["newest"])
        problems = request.problems if request else []
        sample = problems[0] if problems else {"path": path, "code": code, "expected": ""}
        kind = request.get_kind_display() if request else ""
        groups.append(Group(code, path, sample, kind, **row))
    return groups


def new_fields() -> list[NewField]:
    """Return the fields that are in ``extra`` because this version does not know them."""
    new: list[NewField] = []
    models: list[Any] = [MODELS[event_type.kind] for event_type in EVENT_TYPES]
    newest = [model._default_manager.order_by("-pk")[:SAMPLE] for model in models]
    read = rows_of([rows.values_list("extra", Moments("received_at")) for rows in newest])
    for event_type, rows in zip(EVENT_TYPES, read, strict=True):
        known_names = event_type.fields.keys() | ENVELOPE
        seen: dict[str, list[datetime]] = {}
        for extra, at in rows:
            for name in extra.keys() - known_names:
                seen.setdefault(name, []).append(at)
        kind = str(event_type.kind.label)
        new += [
            NewField(kind, name, len(times), min(times), max(times)) for name, times in seen.items()
        ]
    return sorted(new, key=lambda field: (field.kind, -field.count, field.name))[:MAX_GROUPS]
