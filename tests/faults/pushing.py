"""``python -m tests.faults.pushing``: record pushes as of yesterday, or count what became of them.

With a file of answers of the Push API it records them. It prints JSON.
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


def record(file: Path) -> dict[str, Any]:
    from pickyassist_webhooks.models import Push
    from pickyassist_webhooks.pushes import record_push

    yesterday = timezone.now() - timedelta(days=1)
    for answer in json.loads(file.read_text()):
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


if __name__ == "__main__":
    django.setup()
    print(json.dumps(record(Path(sys.argv[1])) if sys.argv[1:] else count()))
