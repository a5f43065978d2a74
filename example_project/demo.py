"""Set the example up, post one sample of each event to it, and serve it.

``python3 -m example_project`` comes here; in an environment that has the app installed,
``python -m example_project.demo`` does the same.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import sys
import time
from typing import TYPE_CHECKING

import django
from django.core.management import call_command
from django.db import DatabaseError
from django.urls import NoReverseMatch, reverse

from example_project.kept import FOLDER, kept

if TYPE_CHECKING:
    from example_project.samples import Sample

ADMIN = "demo"


class DemoFailed(Exception):
    """The demo cannot go on; the message says what was expected, what came and what to do."""


def main(argv: list[str]) -> int:
    options = _parse(argv)
    try:
        _run(options)
    except DemoFailed as err:
        return _fail(str(err))
    except (OSError, DatabaseError) as err:
        return _fail(
            f"the folder {FOLDER.as_posix()} cannot hold the demo's database and secrets ({err});"
            " make it writable, or delete it to begin anew."
        )
    except KeyboardInterrupt:
        print("\nStopped.")
    return 0


def _parse(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python3 -m example_project", description=__doc__)
    parser.add_argument("--port", type=_port, help="where to serve (8000; any with --no-serve)")
    parser.add_argument(
        "--no-serve",
        action="store_true",
        help="stop after the samples: 0 if each became a row and signals, else 1",
    )
    return parser.parse_args(argv)


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"a port is a number up to 65535, not {text!r}")
    return int(text)


def _run(options: argparse.Namespace) -> None:
    _set_up_django()
    from example_project import samples, server

    call_command("migrate", verbosity=0, interactive=False)
    password = _demo_admin(kept("admin-password"))
    port = options.port if options.port is not None else 0 if options.no_serve else 8000
    path = _webhook_path(kept("pickyassist-secret"))
    try:
        _, port = server.start(port)
    except (OSError, OverflowError) as err:
        raise DemoFailed(
            f"cannot serve on {server.HOST}:{port} ({err}); stop what uses that port, or choose"
            " another with --port."
        ) from err
    order = samples.place_order()
    posted = samples.samples_for(order)
    answers = [_post(server.HOST, port, path, sample) for sample in posted]
    lacks = []
    for sample, wrong_answer in zip(posted, answers, strict=True):
        if lack := wrong_answer or _look_for(sample):
            lacks.append(f"the sample {sample.name} {lack}")
        else:
            print(f"Sample posted, stored and signalled: {sample.name}")
    if lacks:
        raise DemoFailed(
            f"{', '.join(lacks)}; the log above and urls.py, shop/apps.py and shop/receivers.py"
            " in example_project tell why."
        )

    site = f"http://{server.HOST}:{port}"
    order_page = reverse("admin:shop_order_change", args=[order.pk])
    body = json.dumps(samples.read_report(order), separators=(",", ":"))
    body = body.replace('"', '\\"')  # for cmd.exe too, which knows no single quotes
    print(f"Admin:   {site}{reverse('admin:index')} (user {ADMIN}, password {password})")
    print(f"Order:   {site}{order_page} (delivered, as its message was)")
    print(f"Webhook: {site}{path}")
    print(f'Try it:  curl -H "Content-Type: application/json" -d "{body}" {site}{path}')
    if options.no_serve:
        print("Not served any more: run it without --no-serve for that.")
    else:
        print("Serving; Ctrl-C stops.", flush=True)
        while True:
            time.sleep(1)  # On Windows, Ctrl-C would not end a wait that has no limit.


def _set_up_django() -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "example_project.settings"
    try:
        django.setup()
    except ImportError as err:
        raise DemoFailed(
            f"the example cannot be loaded ({err}); restore its files, or run it by `python3 -m"
            " example_project`, which installs what it needs."
        ) from err


def _demo_admin(password: str) -> str:
    """Return the password of the demo's admin, who is made where there is none yet."""
    from django.contrib.auth import get_user_model

    users = get_user_model().objects
    user = users.filter(username=ADMIN).first()
    if user is None:
        user = users.create_superuser(ADMIN, password=password)
    return password if user.check_password(password) else "as you changed it"


def _webhook_path(secret: str) -> str:
    try:
        return reverse("pickyassist_webhooks:events", args=[secret])
    except (ImportError, NoReverseMatch) as err:
        raise DemoFailed(
            "no sample can become a row, as the project has no URL for events; put"
            ' path("pickyassist/", include("pickyassist_webhooks.urls")) into'
            " example_project/urls.py."
        ) from err


def _post(host: str, port: int, path: str, sample: Sample) -> str:
    """Return what is wrong with the answer to a sample, or nothing."""
    # http.client, unlike urllib, goes past any proxy that the environment names.
    connection = http.client.HTTPConnection(host, port, timeout=30)
    try:
        body = json.dumps(sample.payload)
        connection.request("POST", path, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        answer.read()
    except (OSError, http.client.HTTPException) as err:
        return f"got no answer ({err!r})"
    finally:
        connection.close()
    return "" if answer.status == 200 else f"was answered with {answer.status} instead of 200"


def _look_for(sample: Sample) -> str:
    """Return what a sample that was posted lacks: its row, what its signal did, or nothing."""
    if not sample.row.exists():
        return f"became no {sample.row.model.__name__}"
    if not sample.result.exists():
        return f"became a row, but no signal reached {sample.receiver}, or it did not do its work"
    return ""


def _fail(sentence: str) -> int:
    print(f"example_project: {sentence}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
