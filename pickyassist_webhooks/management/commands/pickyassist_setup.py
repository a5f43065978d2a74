from __future__ import annotations

import json
import secrets
import time
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error as DatabaseFault
from django.http.request import split_domain_port, validate_host

from ...conf import NAME, app_settings
from ...ingest import requests
from ...models import WebhookRequest
from ..addresses import base_url, webhook_urls
from ..arguments import positive

#: Where the project is served, as long as nobody has said it.
YOUR_HOST = "https://your.host"

#: Seconds between two looks for the first request, and for what becomes of it.
PAUSE = 1.0

#: Seconds within which a request that came is mostly processed.
SOON = 5.0

#: Where Picky Assist's console takes the URL.
CONSOLE = (
    "Log in to the console of Picky Assist and open the project whose events you want.",
    "Open Settings, Developers, Webhooks.",
    "Paste the URL into the box of the Event Webhook, not into that of the Global Webhook.",
    "Save, and send yourself a message, or have somebody join a group.",
)


class Command(BaseCommand):
    help = (
        "Show how to connect Picky Assist: make a secret where there is none, print the URLs to "
        "paste, and wait for the first request. It prints secrets: clear your terminal after it."
    )

    # Without a secret the checks fail, and this is how to get one.
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--label", help="make a further secret, under this label")
        parser.add_argument(
            "--base-url",
            type=base_url,
            default=YOUR_HOST,
            help="where this project is served (default: %(default)s)",
        )
        parser.add_argument("--no-wait", action="store_true", help="do not wait for a request")
        parser.add_argument(
            "--max-seconds", type=positive, help="give up waiting after so long, and fail"
        )
        parser.add_argument("--json", action="store_true", help="print JSON, and do not wait")

    def handle(self, *args: Any, **options: Any) -> None:
        made = self._made(options["label"])
        urls = webhook_urls(options["base_url"], made or app_settings.secrets)
        if options["json"]:
            self.stdout.write(json.dumps({"settings": dict(made), "urls": urls}))
            return
        for label, secret in made:
            self._show_setting(label, secret)
        self._show_urls(urls)
        self._warn_of_host(options["base_url"])
        if not options["no_wait"]:
            self._wait(options["max_seconds"])

    def _made(self, label: str | None) -> list[tuple[str, str]]:
        """Return a new secret with its label, or nothing where there is one and none was asked.

        Raises ``CommandError`` where a label is asked for that there is already.
        """
        known = app_settings.secrets
        if not app_settings.authenticates_by_secret or (known and label is None):
            return []
        if label in dict(known):
            raise CommandError(f"Expected a new label, there is a secret under {label!r} already.")
        return [(label or "picky-assist", secrets.token_urlsafe(32))]

    def _show_setting(self, label: str, secret: str) -> None:
        line = f'        {json.dumps(label, ensure_ascii=False)}: "{secret}",'
        if app_settings.secrets:
            self.stdout.write(
                "Add this line to SECRETS, a dict of label and secret, beside those there are:\n\n"
                f"{line}\n\n"
            )
        else:
            self.stdout.write(
                "Put this into your settings:\n\n"
                f'{NAME} = {{\n    "SECRETS": {{\n{line}\n    }},\n}}\n\n'
            )
        self.stdout.write(
            "Or better the secret into the environment. Then start your server anew.\n\n"
        )

    def _show_urls(self, urls: dict[str, str]) -> None:
        for label, url in urls.items():
            self.stdout.write(f"{label or 'The URL'}: {url}")
        for place, step in enumerate(CONSOLE, 1):
            self.stdout.write(f"{place}. {step}")

    def _warn_of_host(self, base: str) -> None:
        # While debugging, Django takes an empty list for this.
        local = [".localhost", "127.0.0.1", "[::1]"] if settings.DEBUG else []
        host = split_domain_port(urlsplit(base).netloc)[0]
        if base != YOUR_HOST and not validate_host(host, settings.ALLOWED_HOSTS or local):
            self.stderr.write(
                f"ALLOWED_HOSTS does not have {host!r}: Django would answer 400 to all that is "
                "posted there, and it would be lost. Add it, and start your server anew."
            )

    def _wait(self, seconds: int | None) -> None:
        """Say what the next request is that comes."""
        began = time.monotonic()
        try:
            newest = requests().order_by("-pk").values_list("pk", flat=True).first() or 0
            self.stdout.write(
                "Waiting for the first request (one that is refused is only in your server's log); "
                "Ctrl-C ends this."
            )
            self.stdout.flush()
            while (request := requests().filter(pk__gt=newest).order_by("pk").first()) is None:
                if seconds is not None and time.monotonic() - began >= seconds:
                    raise CommandError(
                        f"Nothing came in {seconds} seconds; see that the URL was saved, that your "
                        "server can be reached from outside, and what its log says."
                    )
                time.sleep(PAUSE)
            came = time.monotonic()
            while request.processed_at is None and time.monotonic() - came < SOON:
                time.sleep(PAUSE)
                request.refresh_from_db()
        except DatabaseFault as err:
            raise CommandError(
                f"The database failed ({type(err).__name__}); run migrate, and this again."
            ) from err
        except KeyboardInterrupt:
            return
        self.stdout.write(described(request))


def described(request: WebhookRequest) -> str:
    """Return in one sentence what came, and whether it works."""
    if request.processed_at is None:
        return "A request came and is kept, for a worker: run pickyassist_process. It works."
    kind = str(request.get_kind_display()).capitalize()
    rows = request.event_count + request.repeat_count
    if not rows and request.problem_count:
        expected = request.problems[0]["expected"]
        return f"A request came and is kept, but was not understood: expected {expected}."
    if not rows:
        return f"{kind}, no rows in it. It works."
    said = f"{kind}, {_counted(rows)}. It works."
    if not request.problem_count:
        return said
    return f"{said} Not understood: {_counted(request.problem_count)} more, see it in the admin."


def _counted(rows: int) -> str:
    return f"{rows} row{'s' if rows > 1 else ''}"
