"""The projects of two how-to pages, as they stand there: they do what the pages say."""

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


def marked(page, first_line):
    """Return the Python of a page that begins with this line."""
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


def ask(folder, database, question):
    connection = sqlite3.connect(folder / database)
    try:
        return connection.execute(question).fetchall()
    finally:
        connection.close()


def tables(folder, database):
    asked = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    return {name for [name] in ask(folder, database, asked)}


def test_production_reads_what_it_is_told():
    """Each variable of the page stands in the example, and each that it reads on the page."""
    page = (DOCS / "how-to/production.md").read_text("utf-8")
    cells = re.findall(r"^\| (`.+?`) \|", page, re.MULTILINE)
    named = {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}
    files = (ROOT / "example_project").glob("*.py")
    source = "".join(file.read_text("utf-8") for file in files)
    assert named
    assert [name for name in named if name not in source] == []
    assert set(re.findall(r'environ.get\("(\w+)"', source)) <= named


def test_each_database_has_its_own(project):
    events = tables(project, "events.sqlite3")
    assert {name for name in events if not name.startswith("pickyassist_webhooks_")} == {
        "django_migrations"
    }
    others = tables(project, "db.sqlite3")
    assert "auth_user" in others
    assert not {name for name in others if name.startswith("pickyassist_webhooks_")}
    asked = "SELECT COUNT(*) FROM auth_permission WHERE codename = 'view_personal_data'"
    assert ask(project, "db.sqlite3", asked) == [(1,)]


def test_senders_that_do_not_wait(project):
    """Uvicorn keeps what they sent, in the database that the router gives."""
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
        # One whose body breaks off is given up, and holds up nobody.
        with socket.create_connection(("127.0.0.1", port)) as sender:
            sender.sendall(head.encode() + body[:9])
        within(30, lambda: kept(project) == HANG_UPS)
        assert tell(port, head, body) == 200
    finally:
        server.terminate()
        server.wait(30)
    assert kept(project) == HANG_UPS + 1


def kept(folder):
    asked = "SELECT COUNT(*) FROM pickyassist_webhooks_webhookrequest WHERE state = 'done'"
    return ask(folder, "events.sqlite3", asked)[0][0]


def tell(port, head, body):
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
