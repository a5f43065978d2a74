"""``python -m tests.faults.compare``: compare the acknowledged events with the database.

The load client has named the events; each name must be one row.
"""

from __future__ import annotations

import json
from collections import Counter
from hashlib import sha256
from pathlib import Path
from typing import Any

import django
from django.conf import settings


def stored_events() -> Counter[str]:
    """Return how often each event is in the database, by name."""
    from pickyassist_webhooks import models

    columns = {
        "delivery": (models.DeliveryReport, "msg_id", "status"),
        "filter": (models.FilterReport, "msg_id"),
        "member": (models.GroupMemberEvent, "number"),
        "subscriber": (models.NewSubscriber, "subscriber_id"),
        "chat": (models.ChatMessage, "unique_id"),
    }
    return Counter(
        " ".join(map(str, (kind, *values)))
        for kind, (model, *names) in columns.items()
        for values in model.objects.values_list(*names)
    )


def expected_signals() -> set[str]:
    """Return the signals that all stored events must have sent."""
    from pickyassist_webhooks import models

    reports = models.DeliveryReport.objects.values_list("msg_id", "status")
    messages = models.Message.objects.values_list("msg_id", "status")
    filters = models.FilterReport.objects.values_list("msg_id", "status")
    members = models.GroupMemberEvent.objects.values_list("number", flat=True)
    subscribers = models.NewSubscriber.objects.values_list("subscriber_id", flat=True)
    chats = models.ChatMessage.objects.values_list("unique_id", "direction")
    return {
        *(f"delivery_received {name} {status}" for name, status in reports),
        *(f"message_status_changed {name} {status}" for name, status in messages),
        *(f"number_filtered {name} {status}" for name, status in filters),
        *(f"member_joined {name} -" for name in members),
        *(f"subscriber_added {name} -" for name in subscribers),
        *(f"message_{('received', 'sent')[way]} {name} -" for name, way in chats),
    }


def lines(name: str) -> list[str]:
    file = Path(settings.FAULTS_FOLDER) / name
    return file.read_text().splitlines() if file.exists() else []


def compare() -> dict[str, Any]:
    from pickyassist_webhooks.models import WebhookRequest

    acknowledged = [json.loads(line) for line in lines("ledger.jsonl")]
    bodies = Counter(
        sha256(bytes(body)).hexdigest()
        for body in WebhookRequest.objects.values_list("body", flat=True)
    )
    events = stored_events()
    lost = [
        entry
        for entry in acknowledged
        if entry["body"] not in bodies or not all(events[name] for name in entry["events"])
    ]
    states = Counter(WebhookRequest.objects.values_list("state", flat=True))
    finished = states.pop("done", 0)
    return {
        "acknowledged": len(acknowledged),
        "stored": bodies.total(),
        "events": events.total(),
        "lost": len(lost),
        "twice": sum(times - 1 for times in events.values() if times > 1),
        "signals_missing": len(expected_signals() - set(lines("heard.log"))),
        "finished": finished,
        "unfinished": dict(states),
        "examples": lost[:3],
        "errors": list(
            WebhookRequest.objects.exclude(error="").values_list("error", flat=True)[:3]
        ),
    }


if __name__ == "__main__":
    django.setup()
    print(json.dumps(compare()))
