"""Use the installed app in an empty project, as README.md says, and check the result.

``python -I tests/packaging/first_use.py`` with the Python of an environment in which the app is
installed, and nothing for its tests. Standard library only, besides what the app itself needs.
"""

import contextlib
import http.cookiejar
import importlib.util
import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
README = HERE.parent.parent / "README.md"
#: Packages that only extras install: the app must work without them.
EXTRAS = ("celery", "django_filters", "django_tasks", "drf_spectacular", "pytest")
SECRET = secrets.token_urlsafe(32)
PASSWORD = secrets.token_urlsafe(16)
PAYLOAD = {
    "project_id": "4100",
    "event_id": 1,
    "data": [{"msg_id": "M1", "number": "15550001111", "status": 1, "reference_number": "ORD-1"}],
}


def main():
    require_installed()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        make_project(Path(folder))
        manage("makemigrations", "--check", "--dry-run")
        manage("migrate", "--verbosity", "0")
        manage("pickyassist_process")
        assert "no issues" in manage("check", "--fail-level", "WARNING")
        manage("createsuperuser", "--noinput", "--username", "root", "--email", "r@example.com")
        with serving() as site:
            post_events(site)
            look_at_the_admin(site)
        [row] = json.loads(manage("dumpdata", "pickyassist_webhooks.message"))
        assert row["fields"]["reference_number"] == "ORD-1"
        assert row["fields"]["delivered"] is True
        assert Path("came.txt").read_text("utf-8").splitlines() == [
            "delivery_received M1 ORD-1",
            "message_status_changed None delivered",
        ]
        manage("pickyassist_process")
        assert "Ran 2 tests" in manage("test")


def require_installed():
    """Check that this is the installed app, without the checkout and without extras."""
    spec = importlib.util.find_spec("pickyassist_webhooks")
    assert spec, "pickyassist_webhooks is not installed"
    path = Path(spec.origin).resolve()
    assert Path(sysconfig.get_path("purelib")).resolve() in path.parents, path
    there = [name for name in EXTRAS if importlib.util.find_spec(name)]
    assert not there, f"an environment with nothing but the app was expected, came {there}"


def make_project(folder):
    run("-m", "django", "startproject", "project", ".")
    shutil.copytree(HERE / "user_project" / "shop", folder / "shop")
    for name, lines in snippets().items():
        with (folder / "project" / name).open("a", encoding="utf-8") as file:
            file.write(lines)
    with (folder / "project" / "settings.py").open("a", encoding="utf-8") as file:
        file.write('INSTALLED_APPS += ["shop"]\n')


def snippets():
    """Return the code of README.md for each file of a project."""
    section = README.read_text("utf-8").split("\n## In your own project\n")[1]
    code = re.search(r"```python\n(.*?)```", section, re.DOTALL)[1]
    parts = re.split(r"^# (settings|urls)\.py\n", code, flags=re.MULTILINE)
    assert parts[1::2] == ["settings", "urls"], parts
    return {"settings.py": parts[2], "urls.py": parts[4]}


def manage(*arguments):
    return run("manage.py", *arguments)


def run(*arguments):
    done = subprocess.run(
        [sys.executable, *arguments],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"{' '.join(arguments)} failed:\n{done.stdout}")
    return done.stdout


def environment():
    # Drop settings of other projects, and those that make each command compile Django again.
    strange = ("DJANGO_SETTINGS_MODULE", "PYTHONDONTWRITEBYTECODE")
    return {
        **{name: value for name, value in os.environ.items() if name not in strange},
        "DJANGO_SUPERUSER_PASSWORD": PASSWORD,
        "PICKYASSIST_SECRET": SECRET,
        "PYTHONUNBUFFERED": "1",
        "PYTHONWARNINGS": "error",
    }


@contextlib.contextmanager
def serving():
    """Run the project's own server on a port that the system chooses; return its URL."""
    command = [sys.executable, "manage.py", "runserver", "--noreload", "127.0.0.1:0"]
    log = Path("server.log")
    with log.open("w", encoding="utf-8") as file:
        server = subprocess.Popen(command, env=environment(), stdout=file, stderr=file)
    try:
        yield wait_for_address(server, log)
    finally:
        server.terminate()
        server.wait()


def wait_for_address(server, log):
    until = time.monotonic() + 30
    while time.monotonic() < until and server.poll() is None:
        if match := re.search(
            r"server at (http://127\.0\.0\.1:[1-9][0-9]*)/", log.read_text("utf-8")
        ):
            return match[1]
        time.sleep(0.05)
    sys.exit(f"the server did not start:\n{log.read_text('utf-8')}")


def post_events(site):
    status, answer = ask(f"{site}/pickyassist/events/{SECRET}/", json.dumps(PAYLOAD).encode())
    answer = json.loads(answer)
    assert (status, answer["state"], answer["accepted"]) == (200, "done", 1), answer
    status, _ = ask(f"{site}/pickyassist/events/{SECRET[::-1]}/", b"{}")
    assert status == 403, status


def look_at_the_admin(site):
    """Log in and open pages of this app: its templates, tags and styles are installed."""
    jar = http.cookiejar.CookieJar()
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
    login = f"{site}/admin/login/?next=/admin/"
    ask(login, browser=browser)
    [token] = [cookie.value for cookie in jar if cookie.name == "csrftoken"]
    form = {"username": "root", "password": PASSWORD, "csrfmiddlewaretoken": token}
    ask(login, urllib.parse.urlencode(form).encode(), browser)
    pages = {
        "pickyassist_webhooks/": "pickyassist_webhooks/admin.css",
        "pickyassist_webhooks/message/": "ORD-1",
        "pickyassist_webhooks/message/1/change/": "ORD-1",
        "pickyassist_webhooks/webhookrequest/1/change/": "M1",
    }
    for page, expected in pages.items():
        status, text = ask(f"{site}/admin/{page}", browser=browser)
        assert status == 200, (page, status)
        assert expected in text, (page, text)
    status, style = ask(f"{site}/static/pickyassist_webhooks/admin.css")
    assert status == 200, status
    assert "{" in style


def ask(url, body=None, browser=None):
    browser = browser or urllib.request.build_opener()
    try:
        with browser.open(url, body, timeout=20) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as err:
        with err:
            return err.code, err.read().decode()


if __name__ == "__main__":
    main()
