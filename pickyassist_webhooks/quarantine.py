"""What was not understood, in groups: so that a new event or field of the vendor's is noticed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Max, Min, Q, QuerySet

from .choices import RequestState
from .models import MODELS, WebhookRequest
from .shapes import ENVELOPE, SHAPES

#: Problems listed, those that were seen last.
MAX_GROUPS = 50

#: Newest events of each kind in which unknown fields are looked for.
SAMPLE = 1000


@dataclass(frozen=True)
class Group:
    """The requests with one problem: how many, of them in quarantine, when; the newest one's id.

    ``sample`` is the problem as the newest request has it.
    """

    code: str
    path: str
    sample: dict[str, str]
    kind: str
    count: int
    quarantined: int
    first_at: datetime
    last_at: datetime
    newest: int


@dataclass(frozen=True)
class NewField:
    """A field that this version does not know, as it was seen in the newest events of a kind."""

    kind: str
    name: str
    count: int
    first_at: datetime
    last_at: datetime


def groups() -> list[Group]:
    """Return the problems there are, the one that was seen last first."""
    with_problem = WebhookRequest.objects.exclude(problem=None).order_by()
    counted: list[Any] = list(
        with_problem.values("problem")
        .annotate(
            count=Count("*"),
            quarantined=Count("state", filter=Q(state=RequestState.QUARANTINED)),
            first_at=Min("received_at"),
            last_at=Max("received_at"),
            newest=Max("pk"),
        )
        .order_by("-last_at")[:MAX_GROUPS]
    )
    newest = WebhookRequest.objects.only("kind", "problems").in_bulk(
        [each["newest"] for each in counted]
    )
    found = []
    for each in counted:
        code, _, path = each.pop("problem").partition(" ")
        request = newest.get(each["newest"])
        problems = request.problems if request else []
        sample = problems[0] if problems else {"path": path, "code": code, "expected": ""}
        kind = request.get_kind_display() if request else ""
        found.append(Group(code, path, sample, kind, **each))
    return found


def new_fields() -> list[NewField]:
    """Return the fields that are in ``extra`` because this version does not know them."""
    found: list[NewField] = []
    for shape in SHAPES:
        model = MODELS[shape.kind]
        known = shape.fields.keys() | ENVELOPE
        newest: QuerySet[Any] = model._default_manager.order_by("-pk")
        seen: dict[str, list[datetime]] = {}
        for extra, at in newest.values_list("extra", "received_at")[:SAMPLE]:
            for name in extra.keys() - known:
                seen.setdefault(name, []).append(at)
        kind = str(shape.kind.label)
        found += [
            NewField(kind, name, len(times), min(times), max(times)) for name, times in seen.items()
        ]
    return sorted(found, key=lambda field: (field.kind, -field.count, field.name))[:MAX_GROUPS]
