"""Set up the example, post one sample of each event to it, and serve it.

``python3 -m example_project`` runs this module. If the app is already installed,
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
    """The demo cannot continue; the message names the cause and the next step."""


def main(argv: list[str]) -> int:
    options = _parse(argv)
    try:
        _run(options)
    except DemoFailed as err:
        return _fail(str(err))
    except (OSError, DatabaseError) as err:
        return _fail(
            f"cannot write the demo's database and secrets to {FOLDER.as_posix()} ({err});"
            " make that folder writable, or delete it to start again."
        )
    except KeyboardInterrupt:
        print("\nStopped.")
    return 0


def _parse(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python3 -m example_project", description=__doc__)
    parser.add_argument("--port", type=_port, help="default: 8000, or a free one with --no-serve")
    parser.add_argument(
        "--no-serve",
        action="store_true",
        help="stop after the samples; exit with 0 if each was stored and signalled, else 1",
    )
    return parser.parse_args(argv)


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port: use a number up to 65535")
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
            f"cannot serve on {server.HOST}:{port} ({err}); stop the program that uses the port,"
            " or choose another port with --port."
        ) from err
    order = samples.place_order()
    posted = samples.samples_for(order)
    answers = [_post(server.HOST, port, path, sample) for sample in posted]
    failures = []
    for sample, wrong_answer in zip(posted, answers, strict=True):
        if failure := wrong_answer or _look_for(sample):
            failures.append(f"the sample {sample.name} {failure}")
        else:
            print(f"Sample posted, stored and signalled: {sample.name}")
    if failures:
        raise DemoFailed(
            f"{', '.join(failures)}; see the log above, and check urls.py, shop/apps.py and"
            " shop/receivers.py in example_project."
        )

    site = f"http://{server.HOST}:{port}"
    order_page = reverse("admin:shop_order_change", args=[order.pk])
    body = json.dumps(samples.read_report(order), separators=(",", ":"))
    body = body.replace('"', '\\"')  # cmd.exe does not support single quotes
    print(f"Admin:   {site}{reverse('admin:index')} (user {ADMIN}, password {password})")
    print(f"Order:   {site}{order_page} (delivered, and its customer answered: cancel)")
    print(f"Webhook: {site}{path}")
    print(f'Try it:  curl -H "Content-Type: application/json" -d "{body}" {site}{path}')
    if options.no_serve:
        print("The server has stopped. To keep it running, leave out --no-serve.")
    else:
        print("Serving. Press Ctrl-C to stop.", flush=True)
        while True:
            time.sleep(1)  # On Windows, Ctrl-C does not end a wait without a limit.


def _set_up_django() -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "example_project.settings"
    try:
        django.setup()
    except ImportError as err:
        raise DemoFailed(
            f"cannot load the example ({err}); restore its files, or run `python3 -m"
            " example_project`, which installs the requirements."
        ) from err


def _demo_admin(password: str) -> str:
    """Return the password of the demo's admin user; create the user if it is missing."""
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
            "the project has no URL for events, so no sample can be posted; add"
            ' path("pickyassist/", include("pickyassist_webhooks.urls")) to'
            " example_project/urls.py."
        ) from err


def _post(host: str, port: int, path: str, sample: Sample) -> str:
    """Post a sample; return a description of the failure, or nothing."""
    # Unlike urllib, http.client ignores the proxies of the environment.
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
    return "" if answer.status == 200 else f"got the answer {answer.status}, expected 200"


def _look_for(sample: Sample) -> str:
    """Return the missing effect of a posted sample: its row, its signal, or nothing."""
    if not sample.row.exists():
        return f"was not stored as a {sample.row.model.__name__}"
    if not sample.result.exists():
        return f"was stored, but {sample.receiver} was not called or did not do its work"
    return ""


def _fail(sentence: str) -> int:
    print(f"example_project: {sentence}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
