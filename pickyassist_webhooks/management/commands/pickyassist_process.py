from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from ...ingest import sweep


class Command(BaseCommand):
    help = "Process every webhook request that is due: what a crash left behind, and what failed."

    def handle(self, *args: Any, **options: Any) -> None:
        states = sweep()
        counts = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
        self.stdout.write(f"{states.total()} processed{': ' + counts if counts else ''}")
