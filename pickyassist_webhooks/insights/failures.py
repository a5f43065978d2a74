"""Failed calls in groups: each exception of each receiver. Only the newest failures are read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ..models import ReceiverFailure
from ..models.failures import FAILED_SINCE

#: Newest failures that are counted.
FAILURE_SAMPLE = 10_000

#: Groups that are listed, the largest.
MAX_GROUPS = 20


@dataclass
class FailureGroup:
    """The calls of one receiver that raised one class of exception; blank if its worker crashed.

    ``newest`` and ``oldest`` are the ids of the last and the first failure, ``since`` is when the
    latter failed first. ``retried`` counts those with attempts left.
    """

    exception: str
    receiver: str
    newest: int
    last_at: datetime
    oldest: int
    since: datetime
    count: int = 0
    retried: int = 0


def failure_groups() -> list[FailureGroup]:
    """Return the groups with most failures."""
    groups: dict[tuple[str, str], FailureGroup] = {}
    names = ("exception", "receiver", "pk", "failed_at", "due_at")
    newest = ReceiverFailure.objects.order_by("-failed_at", "-pk").values_list(*names)
    for exception, receiver, pk, failed_at, due_at in newest[:FAILURE_SAMPLE]:
        key = (exception, receiver)
        group = groups.setdefault(key, FailureGroup(*key, pk, failed_at, pk, failed_at))
        group.count += 1
        group.retried += due_at is not None
        group.oldest = min(group.oldest, pk)
    listed = sorted(groups.values(), key=lambda group: (-group.count, -group.newest))[:MAX_GROUPS]
    oldest = ReceiverFailure.objects.filter(pk__in=[group.oldest for group in listed])
    since = dict(oldest.values_list("pk", FAILED_SINCE))
    for group in listed:
        group.since = since.get(group.oldest, group.since)
    return listed
