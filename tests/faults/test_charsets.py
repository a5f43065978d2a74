"""Databases whose default character set lacks emoji and most scripts."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.faults.backends import MariadbBackend, migrate
from tests.faults.stage import Stage, environment

HINDI, EMOJI = "नमस्ते दुनिया", "👍🏽"
#: The last migration with text in the character set of the database.
BEFORE = "0006_instants"
#: Creates a subscriber at that migration.
OLD = f"""
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
state = MigrationExecutor(connection).loader.project_state(("pickyassist_webhooks", {BEFORE!r}))
state.apps.get_model("pickyassist_webhooks", "NewSubscriber").objects.create(
    key="old", name="José", index=0, arrival=0, received_at="2026-01-31T00:00Z"
)
"""

POST = f"""
from tests.requests import *
def batch(status):
    texts = dict(message={HINDI!r}, error_message={EMOJI!r}, media={EMOJI!r}, custom={HINDI!r})
    ids = [row(f"{{n}}{EMOJI}", status, reference_number={HINDI!r}, **texts) for n in range(50)]
    return delivery(*ids)
post(batch(4)); post(batch(1)); post(filtered(row("1", error_message={EMOJI!r})))
post(member(group_subject={EMOJI!r})); post(member(2, group_subject={HINDI!r}))
post(member(group_id={HINDI!r})); post(member(2, group_id={HINDI!r}, number={HINDI!r}))
post(subscriber(name={HINDI!r}, email={EMOJI!r}, profile_pic={HINDI!r}, message={EMOJI!r}))
post(subscriber(subscriber_id="other", date={HINDI!r}, name="José Юлия"))
from pickyassist_webhooks import ingest
from pickyassist_webhooks.models import *
WebhookRequest.objects.filter(pk=1).update(error={EMOJI!r}, problem={HINDI!r})
request = WebhookRequest.objects.get(token=post(b"[]").json()["id"])
ingest.discard(request.pk, by={HINDI!r}, reason={EMOJI!r})
ReceiverFailure.objects.create(
    request_id=1, signal="x", receiver={HINDI!r}, error={EMOJI!r}, failed_at="2026-01-31T00:00Z"
)
"""
COLUMNS = """
    SELECT table_name, column_name, column_type, is_nullable, character_set_name, collation_name
    FROM information_schema.columns WHERE table_schema = '{}'
    AND table_name LIKE 'pickyassist%' ORDER BY table_name, column_name
"""
DUMP = """
import json
import re
import subprocess
import sys
from django.apps import apps
skipped = {"token", "history"}
skipped |= {"received_at", "due_at", "processed_at", "first_reported_at", "changed_at"}
skipped |= {"finished_at", "receiver_seconds"}
models = apps.get_app_config("pickyassist_webhooks").get_models()
print(json.dumps({model._meta.model_name: [
    {name: str(value) for name, value in row.items() if name not in skipped}
    for row in model.objects.order_by("pk").values()
] for model in models}))
"""


@pytest.fixture
def database(mariadb_backend: MariadbBackend, tmp_path: Path) -> Callable[[str], dict[str, Any]]:
    """Return a function that makes an empty database with a character set."""

    def make(charset: str) -> dict[str, Any]:
        settings = mariadb_backend.fresh(tmp_path, migrated=False)
        mariadb_backend.execute(f"ALTER DATABASE {settings['NAME']} CHARACTER SET {charset}")
        return settings

    return make


def posted(folder: Path, database: dict[str, Any]) -> dict[str, Any]:
    """Post the events to a migrated database, and return the rows of each model."""
    folder.mkdir()
    stage = Stage(folder, database)
    stage.run("django", "shell", "-c", POST)
    rows: dict[str, Any] = json.loads(stage.run("django", "shell", "--verbosity=0", "-c", DUMP))
    assert {row["state"] for row in rows["webhookrequest"]} == {"done", "discarded"}
    assert len(rows["deliveryreport"]) == 100
    return rows


@pytest.mark.parametrize("charset", ["latin1", "utf8mb3"])
def test_text_does_not_depend_on_the_default_of_mariadb(
    charset, database, mariadb_backend, tmp_path
):
    old, usual = database(charset), mariadb_backend.fresh(tmp_path)
    migrate(tmp_path, old)
    rows = posted(tmp_path / "old", old)
    assert rows["newsubscriber"][0]["name"] == HINDI
    assert rows == posted(tmp_path / "usual", usual)
    columns = [
        mariadb_backend.execute(COLUMNS.format(settings["NAME"])) for settings in (old, usual)
    ]
    assert columns[0] == columns[1]
    assert {column[-1] for column in columns[0]} == {None, "utf8mb4_bin"}


@pytest.mark.parametrize("charset", ["latin1", "utf8mb3"])
def test_old_tables_are_converted(charset, database, mariadb_backend, tmp_path):
    old = database(charset)
    stage = Stage(tmp_path, old)
    stage.run("django", "migrate", "--verbosity=0", "pickyassist_webhooks", BEFORE)
    stage.run("django", "shell", "-c", OLD)
    before = mariadb_backend.execute(COLUMNS.format(old["NAME"]))
    assert charset in {column[4] for column in before}
    migrate(tmp_path, old)
    expected = mariadb_backend.execute(COLUMNS.format(mariadb_backend.template))
    assert mariadb_backend.execute(COLUMNS.format(old["NAME"])) == expected
    names = [row["name"] for row in posted(tmp_path / "new", old)["newsubscriber"]]
    assert names == ["José", HINDI, "José Юлия"]


def check(folder: Path, database: dict[str, Any]) -> str:
    """Return the output of ``manage.py check`` for a database."""
    command = [sys.executable, "-m", "django", "check", "--database", "default"]
    done = subprocess.run(
        command, env=environment(folder, database, {}), capture_output=True, text=True, check=False
    )
    return done.stdout + done.stderr


def test_a_connection_without_emoji_is_reported(mariadb_backend, tmp_path):
    database = mariadb_backend.fresh(tmp_path)
    assert "E013" not in check(tmp_path, database)
    narrow = database | {"OPTIONS": database["OPTIONS"] | {"charset": "utf8"}}
    assert "E013) The connection to the database 'default' has the" in check(tmp_path, narrow)


@pytest.mark.parametrize(
    ("encoding", "name"),
    [
        ("UTF8", "José Юлия"),
        ("LATIN1", "José ????"),
        ("WIN1251", "Jos? Юлия"),
        ("SQL_ASCII", "Jos? ????"),
    ],
)
def test_one_character_does_not_cost_a_batch_on_postgres(
    encoding, name, postgres_backend, tmp_path
):
    def stored(text: str) -> str:
        return text if encoding == "UTF8" else re.sub("[^ ]", "?", text)

    database = postgres_backend.fresh(tmp_path, encoding=encoding)
    migrate(tmp_path, database)
    rows = posted(tmp_path / "rows", database)
    report = rows["deliveryreport"][0]
    assert (report["message"], report["error_message"]) == (stored(HINDI), stored(EMOJI))
    assert report["extra"] == str({"custom": stored(HINDI)})
    assert rows["newsubscriber"][1]["name"] == name
    assert rows["receiverfailure"][0]["error"] == stored(EMOJI)
    output = check(tmp_path, database)
    warned = f"W007) The database 'default' has the encoding {encoding} instead" in output
    assert warned is (encoding != "UTF8"), output
