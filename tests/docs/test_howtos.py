"""The projects of four how-to pages work as the pages say."""

from __future__ import annotations

import json
import os
import re
import socket
import sqlite3
import subprocess
import sys
import time

import pytest

from tests.docs.pages import DOCS, ROOT, snippets

SECRET = "a-secret-of-more-than-22-characters"
SETTINGS = """
from pathlib import Path

from tests.settings import *

BASE_DIR = Path(__file__).parent.parent
ROOT_URLCONF = "tests.urls"
PICKYASSIST_WEBHOOKS = {"SECRETS": ["%s"]}
"""
MEMBER = {"project_id": "1", "event_id": 3, "action": 1, "group_id": "A1", "number": "15550001111"}
HANG_UPS = 10
#: Runs each task of the schedule, as a worker of Celery would.
SCHEDULED = """
from mysite.celery import app

app.loader.import_default_modules()
for entry in app.conf.beat_schedule.values():
    app.tasks[entry["task"]].apply(throw=True)
"""


def marked(page, first_line):
    """Return the Python snippet of a page that begins with this line."""
    [text] = [text for _, text in snippets(DOCS / page, "python") if text.startswith(first_line)]
    return text


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    folder = tmp_path_factory.mktemp("project")
    site = folder / "mysite"
    site.mkdir()
    page = "how-to/own-database.md"
    (site / "routers.py").write_text(marked(page, "# mysite/routers.py"), "utf-8")
    settings = SETTINGS % SECRET + marked(page, "# settings.py")
    (site / "settings.py").write_text(settings, "utf-8")
    (site / "asgi.py").write_text(marked("how-to/behind-a-proxy.md", "# asgi.py"), "utf-8")
    pages = ("how-to/queues.md", "how-to/monitoring.md")
    celery = "\n".join(marked(page, "# mysite/celery.py") for page in pages)
    (site / "celery.py").write_text(celery, "utf-8")
    (site / "tasks.py").write_text(marked("how-to/monitoring.md", "# mysite/tasks.py"), "utf-8")
    (folder / "scheduled.py").write_text(SCHEDULED, "utf-8")
    run(folder, "django", "migrate", "--verbosity=0")
    run(folder, "django", "migrate", "--verbosity=0", "--database=events")
    return folder


def environment(folder):
    path = os.pathsep.join([str(folder), str(ROOT)])
    return os.environ | {"DJANGO_SETTINGS_MODULE": "mysite.settings", "PYTHONPATH": path}


def run(folder, *module):
    done = subprocess.run(
        [sys.executable, "-m", *module],
        cwd=folder,
        env=environment(folder),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def ask(folder, database, query):
    connection = sqlite3.connect(folder / database)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def tables(folder, database):
    query = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    return {name for [name] in ask(folder, database, query)}


def test_production_reads_the_documented_variables():
    """Each variable of the page is in the example, and the other way round."""
    page = (DOCS / "how-to/production.md").read_text("utf-8")
    cells = re.findall(r"^\| (`.+?`) \|", page, re.MULTILINE)
    documented = {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}
    files = (ROOT / "example_project").glob("*.py")
    source = "".join(file.read_text("utf-8") for file in files)
    assert documented
    assert [name for name in documented if name not in source] == []
    assert set(re.findall(r'environ.get\("(\w+)"', source)) <= documented


def test_each_database_has_its_own_tables(project):
    events = tables(project, "events.sqlite3")
    assert {name for name in events if not name.startswith("pickyassist_webhooks_")} == {
        "django_migrations"
    }
    others = tables(project, "db.sqlite3")
    assert "auth_user" in others
    assert not {name for name in others if name.startswith("pickyassist_webhooks_")}
    query = "SELECT COUNT(*) FROM auth_permission WHERE codename = 'view_personal_data'"
    assert ask(project, "db.sqlite3", query) == [(1,)]


def test_senders_that_do_not_wait(project):
    """Uvicorn stores their requests in the database of the router."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "uvicorn", "mysite.asgi:application", f"--port={port}"],
        cwd=project,
        env=environment(project),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        within(30, lambda: is_open(port))
        body = json.dumps(MEMBER).encode()
        head = (
            f"POST /pickyassist/events/{SECRET}/ HTTP/1.1\r\nHost: localhost\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        for _ in range(HANG_UPS):
            with socket.create_connection(("127.0.0.1", port)) as sender:
                sender.sendall(head.encode() + body)
        # A request with an incomplete body is dropped and delays no other one.
        with socket.create_connection(("127.0.0.1", port)) as sender:
            sender.sendall(head.encode() + body[:9])
        within(30, lambda: kept(project) == HANG_UPS)
        assert send(port, head, body) == 200
    finally:
        server.terminate()
        server.wait(30)
    assert kept(project) == HANG_UPS + 1


def test_task_of_the_schedule(project):
    """A worker knows the task that beat sends, and the task does its work."""
    run(project, "scheduled")
    query = "SELECT COUNT(*) FROM pickyassist_webhooks_heartbeat"
    assert ask(project, "events.sqlite3", query) == [(1,)]


def kept(folder):
    query = "SELECT COUNT(*) FROM pickyassist_webhooks_webhookrequest WHERE state = 'done'"
    return ask(folder, "events.sqlite3", query)[0][0]


def send(port, head, body):
    with socket.create_connection(("127.0.0.1", port), timeout=30) as sender:
        sender.sendall(head.encode() + body)
        return int(sender.recv(1000).split()[1])


def is_open(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def within(seconds, reached):
    end = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < end, f"not within {seconds} s"
        time.sleep(0.1)
