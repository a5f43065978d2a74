"""Servers of a shop, each a process with a database of its own that no other test sees.

``python3 -m tests.browser.shop filled`` serves a shop's month until its standard input ends; with
``empty`` nothing has come so far. Users are made before it says where it is.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
SETTINGS = "tests.browser.settings"

#: Who may do everything, and who may look at everything but personal data and the URL to paste.
OWNER, CLERK, PASSWORD = "owner", "clerk", "only-for-the-tests"


@dataclass(frozen=True)
class Shop:
    """Its address, and the end of its month."""

    origin: str
    now: datetime


@contextmanager
def serving(stock: str, settings: str = SETTINGS) -> Iterator[Shop]:
    """Run a server in a process of its own: Playwright forbids this one to ask a database."""
    command = [sys.executable, "-m", "tests.browser.shop", stock]
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": settings}
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin
        assert process.stdout
        try:
            line = process.stdout.readline()
            assert line, "the shop's server did not start"
            sentence = json.loads(line)
            yield Shop(sentence["origin"], datetime.fromisoformat(sentence["now"]))
        finally:
            process.stdin.close()  # and so it ends, as it does when these tests are killed
            process.wait(timeout=30)


def main(stock: str) -> None:
    import django

    django.setup()
    from django.contrib.auth import get_user_model
    from django.contrib.auth.models import Permission

    from pickyassist_webhooks.signals import member_joined
    from tests.browser import demo
    from tests.browser.addresses import APP
    from tests.browser.server import database, running

    now = datetime.now(timezone.utc)
    with ExitStack() as stack:
        stack.enter_context(database())
        users = get_user_model().objects
        users.create_superuser(OWNER, password=PASSWORD)
        clerk = users.create_user(CLERK, password=PASSWORD, is_staff=True)
        views = Permission.objects.filter(
            content_type__app_label=APP, codename__startswith="view_"
        ).exclude(codename__in=("view_personal_data", "view_webhook_url"))
        clerk.user_permissions.set(views)
        if stock == "filled":
            demo.fill(now)
        # Mended by now.
        member_joined.connect(demo.add_to_crm)
        origin = stack.enter_context(running())
        print(json.dumps({"origin": origin, "now": now.isoformat()}), flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main(sys.argv[1])
