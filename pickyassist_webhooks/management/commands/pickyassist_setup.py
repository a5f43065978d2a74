from __future__ import annotations

import json
import secrets
import time
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.http.request import split_domain_port, validate_host

from ...conf import NAME, app_settings
from ...models import WebhookRequest
from ...models.requests import requests
from ...parsing.characters import visible
from ..addresses import base_url, webhook_urls
from ..arguments import positive
from ..base import AppCommand
from ..progress import counted
from ..stopping import Stop

#: The base URL of the project if none is given.
YOUR_HOST = "https://your.host"

#: Seconds between two checks for the first request and its result.
PAUSE = 1.0

#: Seconds to wait for the result; most requests need less.
SOON = 5.0

#: The steps in the Picky Assist console.
CONSOLE = (
    "Log in to the Picky Assist console and open the project.",
    "Open Settings > Developers > Webhooks.",
    "Paste the URL into the field Event Webhook; for chat messages, into Global Webhook too.",
    "Save. Then send yourself a message, or ask someone to join a group.",
)


class Command(AppCommand):
    help = (
        "Connect Picky Assist: create a secret if there is none, print the URLs to paste, and wait "
        "for the first request. The output contains secrets: clear the terminal afterwards."
    )

    # The checks fail without a secret, and this command creates it.
    requires_system_checks = ()
    json_help = "print JSON, and do not wait"
    after_fault = "Run this again to wait for a request."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--label", help="create another secret with this label")
        parser.add_argument(
            "--base-url",
            type=base_url,
            default=YOUR_HOST,
            help="base URL of this project (default: %(default)s)",
        )
        parser.add_argument("--no-wait", action="store_true", help="do not wait for a request")
        parser.add_argument(
            "--max-seconds", type=positive, help="stop waiting after this time, and fail"
        )
        super().add_arguments(parser)

    def run(self, options: dict[str, Any]) -> None:
        made = self._made(options["label"])
        urls = webhook_urls(options["base_url"], made or app_settings.secrets)
        self.say_result(options, {"settings": dict(made), "urls": urls})
        if options["json"]:
            return
        for label, secret in made:
            self._show_setting(label, secret)
        self._show_urls(urls)
        self._warn_of_host(options["base_url"])
        if not options["no_wait"]:
            self._wait(options["max_seconds"])

    def _made(self, label: str | None) -> list[tuple[str, str]]:
        """Return a new secret with its label; nothing if there is one and no label is given.

        Raise ``CommandError`` if the label already exists.
        """
        existing = app_settings.secrets
        if not app_settings.authenticates_by_secret or (existing and label is None):
            return []
        label = label or "picky-assist"
        if label in dict(existing):
            raise CommandError(
                f"A secret with the label {label!r} already exists; choose another label."
            )
        return [(label, secrets.token_urlsafe(32))]

    def _show_setting(self, label: str, secret: str) -> None:
        line = f'        {json.dumps(label, ensure_ascii=False)}: "{secret}",'
        if app_settings.secrets:
            self.stdout.write(
                "Add this line to SECRETS, a dict of label and secret; keep the other lines:\n\n"
                f"{line}\n\n"
            )
        else:
            self.stdout.write(
                "Add this to your settings:\n\n"
                f'{NAME} = {{\n    "SECRETS": {{\n{line}\n    }},\n}}\n\n'
            )
        self.stdout.write(
            "Better: keep the secret in an environment variable. Then restart the server.\n\n"
        )

    def _show_urls(self, urls: dict[str, str]) -> None:
        for label, url in urls.items():
            self.stdout.write(f"{label or 'The URL'}: {url}")
        for number, step in enumerate(CONSOLE, 1):
            self.stdout.write(f"{number}. {step}")

    def _warn_of_host(self, base: str) -> None:
        if base == YOUR_HOST:
            self.stderr.write(
                f"Replace {YOUR_HOST} by the address of your server, or run this with --base-url."
            )
            return
        # If DEBUG is on, Django uses these for an empty list.
        local = [".localhost", "127.0.0.1", "[::1]"] if settings.DEBUG else []
        host = split_domain_port(urlsplit(base).netloc)[0]
        if not validate_host(host, settings.ALLOWED_HOSTS or local):
            self.stderr.write(
                f"ALLOWED_HOSTS does not contain {host!r}: Django would refuse all webhooks with "
                "400, and they would be lost. Add it and restart the server."
            )

    def _wait(self, seconds: int | None) -> None:
        """Wait for the next request and describe it."""
        is_late = Stop(seconds)
        try:
            newest = requests().order_by("-pk").values_list("pk", flat=True).first() or 0
            self.stdout.write(
                "Waiting for the first request (refused ones are only in the server log); press "
                "Ctrl-C to stop."
            )
            self.stdout.flush()
            while (request := requests().filter(pk__gt=newest).order_by("pk").first()) is None:
                if is_late():
                    raise CommandError(
                        f"No request came within {seconds} s. Check that the URL is saved and that "
                        "your server can be reached from the internet, and read its log."
                    )
                time.sleep(PAUSE)
            is_late = Stop(SOON)
            while request.processed_at is None and not is_late():
                time.sleep(PAUSE)
                request.refresh_from_db(using=request._state.db)
        except KeyboardInterrupt:
            return
        self.stdout.write(described(request))


def described(request: WebhookRequest) -> str:
    """Return a sentence about the request and whether the setup works."""
    if request.processed_at is None:
        return "A request arrived and waits for a worker: run pickyassist_process. It works."
    kind = str(request.get_kind_display()).capitalize()
    rows = request.event_count + request.repeat_count
    if not rows and request.problem_count:
        problem = request.problems[0]
        path = problem["path"] and f" in {visible(problem['path'])}"
        text = f"A request arrived and is stored, but it is invalid: expected {problem['expected']}"
        return f"{text}{path}; see the request in the admin."
    if not rows:
        return f"{kind} without rows. It works."
    text = f"{kind}, {counted(rows, 'row')}. It works."
    if not request.problem_count:
        return text
    return f"{text} Invalid: {counted(request.problem_count, 'row')}; see the request in the admin."
