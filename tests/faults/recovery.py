"""``python -m tests.faults.recovery``: sweep until all requests are processed.

Failed requests and those of killed workers are due minutes or hours later, so the clock of this
process is moved forward. No server runs at that time.
"""

from __future__ import annotations

from datetime import timedelta

import django
from django.core.management import call_command
from django.utils import timezone

AHEAD = (0, 100, 300, 1000, 3000, 10_000, 40_000, 80_000)


def recover() -> None:
    from pickyassist_webhooks.choices import UNFINISHED
    from pickyassist_webhooks.models import WebhookRequest

    now = timezone.now
    for seconds in AHEAD:
        timezone.now = lambda ahead=timedelta(seconds=seconds): now() + ahead
        call_command("pickyassist_process")
        if not WebhookRequest.objects.filter(state__in=UNFINISHED).exists():
            return


if __name__ == "__main__":
    django.setup()
    recover()
