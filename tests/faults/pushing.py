"""``python -m tests.faults.pushing``: count what became of pushes and messages, as JSON.

``record FILE`` records the answers of the Push API in a file, as of yesterday. ``look HOURS`` looks
at the health after so many hours.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import django
from django.utils import timezone


def record(file: str) -> dict[str, Any]:
    from pickyassist_webhooks.models import Push
    from pickyassist_webhooks.pushes import record_push

    yesterday = timezone.now() - timedelta(days=1)
    for answer in json.loads(Path(file).read_text()):
        push = record_push(answer, project_id="4100")
        Push.objects.filter(pk=push.pk).update(due_at=yesterday)
    return {"recorded": Push.objects.count()}


def count() -> dict[str, Any]:
    from pickyassist_webhooks.models import DeliveryReport, Message, Push, WebhookRequest

    def states(model: Any, name: str) -> dict[str, int]:
        return dict(Counter(map(str, model.objects.values_list(name, flat=True))))

    return {
        "pushes": states(Push, "state"),
        "not_asked": Push.objects.filter(asked_at=None).count(),
        "requests": states(WebhookRequest, "state"),
        "messages": dict(Message.objects.values_list("msg_id", "status")),
        "reports": DeliveryReport.objects.count(),
        "in_requests": sum(WebhookRequest.objects.values_list("event_count", flat=True)),
    }


def look(hours: str) -> dict[str, Any]:
    from pickyassist_webhooks import alarms

    now = timezone.now
    timezone.now = lambda: now() + timedelta(hours=int(hours))
    return alarms.look().as_dict()


if __name__ == "__main__":
    django.setup()
    name, *arguments = sys.argv[1:] or ["count"]
    print(json.dumps({"count": count, "record": record, "look": look}[name](*arguments)))
