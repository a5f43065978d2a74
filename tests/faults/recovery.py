"""``python -m tests.faults.recovery [command …]``: sweep until all requests are processed.

Failed requests and those of killed workers are due minutes or hours later, so the clock of this
process is moved forward. No server runs at that time.
"""

from __future__ import annotations

import sys
from datetime import timedelta

import django
from django.core.management import call_command
from django.utils import timezone

AHEAD = (0, 100, 300, 1000, 3000, 10_000, 40_000, 80_000)


def recover(*commands: str) -> None:
    from pickyassist_webhooks.choices import UNFINISHED
    from pickyassist_webhooks.models import Push, WebhookRequest

    now = timezone.now
    for seconds in AHEAD:
        timezone.now = lambda ahead=timedelta(seconds=seconds): now() + ahead
        for command in commands:
            call_command(command)
        unfinished = WebhookRequest.objects.filter(state__in=UNFINISHED).exists()
        if not unfinished and not Push.objects.filter(state="open").exists():
            return


if __name__ == "__main__":
    django.setup()
    recover(*sys.argv[1:] or ["pickyassist_process"])
