"""The example works, and it fails if a part of it is missing."""

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

#: Environment variables that would change the example.
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
    assert count, f"{pattern!r} is not in {name}"
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
    """The example after a first run, so that the other runs need no migration."""
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


def test_it_succeeds_again_and_prints_the_addresses(project: Path) -> None:
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


def test_it_fails_without_its_webhook_url(project: Path) -> None:
    edit(project, "urls.py", r".*pickyassist_webhooks\.urls.*\n")
    assert_fails(run(project, "--no-serve"), "no URL for events", "urls.py")


def test_it_fails_without_a_receiver_and_names_it(project: Path) -> None:
    edit(project, "shop/receivers.py", r"@receiver\(.*\)\n(?=.*\ndef follow_message\()")
    done = run(project, "--no-serve")
    assert_fails(done, "the sample delivery report was stored, but follow_message was not called")
    assert "group member" not in done.stderr.splitlines()[-1]


def test_it_fails_without_all_receivers_and_names_them(project: Path) -> None:
    edit(project, "shop/apps.py", r"from example_project.shop import receivers.*", "pass")
    receivers = project / "example_project/shop/receivers.py"
    defined = re.findall(r"^def (\w+)", receivers.read_text(), re.M)
    assert defined
    assert_fails(run(project, "--no-serve"), *defined)


def test_a_port_in_use_is_reported(project: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert_fails(run(project, "--port", str(port)), f"127.0.0.1:{port}", "--port")


def test_a_folder_that_is_not_writable_is_reported(project: Path) -> None:
    # A file instead of the folder, because root may write everywhere.
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
    done = run(project, "shell", "--verbosity=0", "-c", look, *SETTINGS, module="django")
    assert done.stdout == "delivered True\n", done.stderr


class TestOfTheShop:
    """The tests of the shop, run as in a project."""

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


def test_processes_that_start_at_once_keep_the_same_secret(tmp_path: Path) -> None:
    code = "from example_project.kept import kept; print(kept('secret'))"
    environment = os.environ | {"DATA_FOLDER": str(tmp_path / "data")}
    started = [
        subprocess.Popen(
            [sys.executable, "-c", code], cwd=ROOT, env=environment, stdout=subprocess.PIPE
        )
        for _ in range(6)
    ]
    secrets = {process.communicate()[0].strip() for process in started}
    assert len(secrets) == 1
    assert len(secrets.pop()) > 20
    [file] = (tmp_path / "data").iterdir()
    assert os.name == "nt" or file.stat().st_mode & 0o777 == 0o600


def manage(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "example_project/manage.py", *arguments],
        cwd=project,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={key: value for key, value in os.environ.items() if key not in FOREIGN},
    )


def test_check_warns_until_the_process_has_run(project: Path) -> None:
    before = manage(project, "check")
    assert before.returncode == 0, before.stderr
    assert "pickyassist_webhooks.W009" in before.stderr

    done = manage(project, "pickyassist_process")
    assert done.returncode == 0
    assert done.stderr == ""

    assert manage(project, "check").stderr == ""


def test_the_first_page_links_to_all_pages(project: Path) -> None:
    code = """
import re
from django.contrib.auth import get_user_model
from django.test import Client
client = Client(SERVER_NAME="localhost")
urls = sorted(re.findall('href="(/[^"]*/)"', client.get("/").content.decode()))
client.force_login(get_user_model().objects.get())
print(*urls, *(client.get(url).status_code for url in urls))
print('href="/admin/pickyassist_webhooks/">Overview' in client.get("/admin/").content.decode())
"""
    done = manage(project, "shell", "--no-imports", "--command", code)
    assert done.stdout.splitlines() == [
        "/admin/ /admin/pickyassist_webhooks/ /admin/shop/ /api/docs/ 200 200 200 200",
        "True",
    ], done.stderr


def test_manage_says_how_to_install_django(project: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-I", "-S", "example_project/manage.py", "check"],
        cwd=project,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "Run `python3 -m example_project` once" in done.stderr
