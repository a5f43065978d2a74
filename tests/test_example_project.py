"""The example proves what it says, and notices when a part of it is taken away."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

#: What the environment may hold that the example would heed.
FOREIGN = (
    "DJANGO_SETTINGS_MODULE",
    "DATA_FOLDER",
    "SECRET_KEY",
    "PICKYASSIST_SECRET",
    "ADMIN_PASSWORD",
)
SETTINGS = ("--settings", "example_project.settings")


def run(
    project: Path, *arguments: str, module: str = "example_project.demo"
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=project,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={key: value for key, value in os.environ.items() if key not in FOREIGN},
    )


def edit(project: Path, name: str, pattern: str, replacement: str = "") -> None:
    file = project / "example_project" / name
    text, count = re.subn(pattern, replacement, file.read_text())
    assert count, f"{pattern!r} is no longer part of {name}"
    file.write_text(text)


def assert_fails(done: subprocess.CompletedProcess[str], *parts: str) -> None:
    assert done.returncode == 1
    sentences = [line for line in done.stderr.splitlines() if line.startswith("example_project: ")]
    assert len(sentences) == 1, done.stderr
    assert "Traceback" not in done.stderr
    for part in parts:
        assert part in sentences[0]


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example after a first run, so that the others need not migrate again."""
    folder = tmp_path_factory.mktemp("example")
    ignored = shutil.ignore_patterns("var", "__pycache__")
    shutil.copytree(ROOT / "example_project", folder / "example_project", ignore=ignored)
    done = run(folder, "--no-serve")
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def project(migrated: Path, tmp_path: Path) -> Path:
    shutil.copytree(migrated, tmp_path / "copy")
    return tmp_path / "copy"


def test_it_succeeds_again_and_tells_where_to_look(project: Path) -> None:
    done = run(project, "--no-serve")

    assert done.returncode == 0, done.stderr
    for line in ("delivery report", "filter report", "group member", "new subscriber"):
        assert f"Sample posted, stored and signalled: {line}" in done.stdout
    site = r"http://127\.0\.0\.1:\d+"
    assert re.search(rf"Admin: +{site}/admin/ \(user demo, password \S+\)", done.stdout)
    webhook = re.search(rf"Webhook: ({site}/pickyassist/events/(\S+)/)", done.stdout)
    assert webhook
    assert re.search(rf"Try it: +curl .* {re.escape(webhook[1])}\n", done.stdout)
    assert webhook[2] not in done.stderr, "the log shows the secret"
    assert "/pickyassist/events/***/" in done.stderr
    assert not re.search(r"1555\d{7}", done.stderr), "the log shows a phone number"


def test_without_its_webhook_url_it_fails(project: Path) -> None:
    edit(project, "urls.py", r".*pickyassist_webhooks\.urls.*\n")
    assert_fails(run(project, "--no-serve"), "no URL for events", "urls.py")


def test_without_a_receiver_it_fails_and_names_it(project: Path) -> None:
    edit(project, "shop/receivers.py", r"@receiver\(.*\)\n(?=.*\ndef follow_message\()")
    done = run(project, "--no-serve")
    assert_fails(done, "the sample delivery report became a row, but no signal reached follow")
    assert "group member" not in done.stderr.splitlines()[-1]


def test_with_receivers_that_are_never_connected_it_fails_and_names_all(project: Path) -> None:
    edit(project, "shop/apps.py", r"from example_project.shop import receivers.*", "pass")
    receivers = project / "example_project/shop/receivers.py"
    defined = re.findall(r"^def (\w+)", receivers.read_text(), re.M)
    assert defined
    assert_fails(run(project, "--no-serve"), *defined)


def test_a_port_that_is_taken_is_told(project: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert_fails(run(project, "--port", str(port)), f"127.0.0.1:{port}", "--port")


def test_a_folder_that_cannot_be_written_is_told(project: Path) -> None:
    # A file in its place, because root may write everywhere.
    shutil.rmtree(project / "example_project" / "var")
    (project / "example_project" / "var").touch()
    assert_fails(run(project, "--no-serve"), "example_project/var", "writable")


def test_its_order_follows_its_message(project: Path) -> None:
    done = run(project, "--no-serve")
    assert re.search(r"Order: +http://\S+/admin/shop/order/\d+/change/ \(delivered", done.stdout)
    body = re.search(r'-d "(.*)" http', done.stdout)
    assert body
    [report] = json.loads(body[1].replace('\\"', '"'))["data"]
    look = (
        "from example_project.shop.models import Order;"
        f"order = Order.objects.get(number='{report['reference_number']}');"
        f"print(order.delivery, order.messages().get().msg_id == '{report['msg_id']}')"
    )
    found = run(project, "shell", "--verbosity=0", "-c", look, *SETTINGS, module="django")
    assert found.stdout == "delivered True\n", found.stderr


class TestOfTheShop:
    """Its own tests, as a project would run them."""

    def run(self, project: Path) -> subprocess.CompletedProcess[str]:
        return run(project, "test", "example_project", "--shuffle", *SETTINGS, module="django")

    def test_succeed(self, project: Path) -> None:
        done = self.run(project)
        assert done.returncode == 0, done.stderr
        ran = re.search(r"^Ran (\d+) tests", done.stderr, re.M)
        assert ran
        written = (project / "example_project/shop/tests.py").read_text().count("    def test_")
        assert int(ran[1]) == written > 0

    @pytest.mark.parametrize(
        ("name", "pattern", "replacement", "failing"),
        [
            ("receivers.py", r"order\.follow_messages\(\)", "pass", "OrderTest"),
            ("receivers.py", r"customer\.ask_for_verdict\(\)", "pass", "CustomerTest"),
            ("receivers.py", r"customer\.ask_for_membership\(.*\)", "pass", "CustomerTest"),
            (
                "models.py",
                r"(?<=    return Message\.objects\.)for_reference\(.*\)",
                "none()",
                "Order",
            ),
            ("models.py", r"reached\[-1\]", "reached[0]", "test_of_a_message_that_is_sent_again"),
        ],
    )
    def test_notice(
        self, project: Path, name: str, pattern: str, replacement: str, failing: str
    ) -> None:
        edit(project, f"shop/{name}", pattern, replacement)
        done = self.run(project)
        assert done.returncode == 1
        assert re.search(rf"^(FAIL|ERROR): .*{failing}", done.stderr, re.M), done.stderr


def test_no_migration_is_missing(project: Path) -> None:
    done = run(project, "makemigrations", "--check", "--dry-run", *SETTINGS, module="django")
    assert done.returncode == 0, done.stdout + done.stderr


def test_processes_that_begin_at_once_keep_the_same_secret(tmp_path: Path) -> None:
    code = "from example_project.kept import kept; print(kept('secret'))"
    environment = os.environ | {"DATA_FOLDER": str(tmp_path / "data")}
    started = [
        subprocess.Popen(
            [sys.executable, "-c", code], cwd=ROOT, env=environment, stdout=subprocess.PIPE
        )
        for _ in range(6)
    ]
    said = {process.communicate()[0].strip() for process in started}
    assert len(said) == 1
    assert len(said.pop()) > 20
    [file] = (tmp_path / "data").iterdir()
    assert os.name == "nt" or file.stat().st_mode & 0o777 == 0o600
