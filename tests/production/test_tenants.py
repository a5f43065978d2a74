"""Tenants with separate schemas, as on the docs page: django-tenants on PostgreSQL."""

from __future__ import annotations

import json
import os
import re
import secrets
import subprocess
import sys
from collections import Counter

import psycopg
import pytest

from tests import databases
from tests.production.deployment import ROOT

PAGE = (ROOT / "docs/how-to/tenant-schemas.md").read_text("utf-8")

SETTINGS = """
import os
from pathlib import Path

BASE_DIR = Path(__file__).parent.parent
SECRET_KEY = "only-for-the-tests"
ALLOWED_HOSTS = ["*"]
DATABASES = {
    "default": {
        "ENGINE": "django_tenants.postgresql_backend",
        "NAME": os.environ["TENANTS_DATABASE"],
        **{name: os.environ["PG" + name] for name in ("HOST", "PORT", "USER", "PASSWORD")},
        "OPTIONS": {"connect_timeout": 2},
    }
}
DATABASE_ROUTERS = ["django_tenants.routers.TenantSyncRouter"]
SHARED_APPS = ["django_tenants", "customers", "django.contrib.contenttypes"]
TENANT_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.admin",
    "django.contrib.sessions",
    "django.contrib.messages",
    "pickyassist_webhooks",
]
INSTALLED_APPS = [*SHARED_APPS, *TENANT_APPS[1:]]
TENANT_MODEL, TENANT_DOMAIN_MODEL = "customers.Client", "customers.Domain"
MIDDLEWARE = [
    "django_tenants.middleware.main.TenantMainMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]
ROOT_URLCONF = "mysite.urls"
STATIC_URL = "static/"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
PICKYASSIST_WEBHOOKS = {
    "SECRETS": ["a-secret-of-more-than-22-characters"],
    "SPOOL_DIR": BASE_DIR / "spool",
}
"""
URLS = """
from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("pickyassist/", include("pickyassist_webhooks.urls")),
]
"""
MODELS = """
from django_tenants.models import DomainMixin, TenantMixin


class Client(TenantMixin):
    auto_create_schema = True


class Domain(DomainMixin):
    pass
"""
TENANTS = """
from customers.models import Client, Domain

for name in ("public", "acme", "bolt"):
    tenant = Client.objects.create(schema_name=name)
    Domain.objects.create(domain=f"{name}.example", tenant=tenant, is_primary=True)
"""
#: The start of all scripts: a post to the host of a tenant.
POSTING = """
import json
import time

import django

django.setup()

from django.db import connection
from django.test import Client
from pickyassist_webhooks.models import GroupMemberEvent

PATH = "/pickyassist/events/a-secret-of-more-than-22-characters/"


def post(tenant):
    client = Client(headers={"host": f"{tenant}.example"}, raise_request_exception=False)
    group = f"group-of-{tenant}-{time.time_ns()}"  # otherwise it would be a repeat
    event = {"event_id": 3, "action": 1, "group_id": group, "number": "15550001111"}
    response = client.post(PATH, event, content_type="application/json")
    return response.json()["state"] if response.status_code == 200 else response.status_code


"""
#: Both request tables are missing.
REFUSED = """
def rename(before, after):
    for tenant in ("acme", "bolt"):
        connection.set_schema(tenant)
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE {before} RENAME TO {after}")


rename("pickyassist_webhooks_webhookrequest", "away")
print(json.dumps([post("acme"), post("bolt")]))
rename("away", "pickyassist_webhooks_webhookrequest")
"""
#: The database accepts no connections; one tenant was served before.
AWAY = """
import psycopg
from mysite.settings import DATABASES

told = [post("acme")]
default = DATABASES["default"]
where = {name.lower(): default[name] for name in ("HOST", "PORT", "USER", "PASSWORD")}
name = default["NAME"]
with psycopg.connect(**where, dbname="postgres", autocommit=True) as server:
    server.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
    server.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name]
    )
    told += [post("acme"), post("bolt")]
    server.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
print(json.dumps([*told, post("bolt")]))
"""


def snippet(first_line: str) -> str:
    [text] = [code for code in re.findall(r"```python\n(.*?)```", PAGE, re.S) if first_line in code]
    return text


class Project:
    def __init__(self, folder, url, database):
        self.folder, self.url, self.database = folder, url, database

    def run(self, *arguments):
        server = {
            "PGHOST": self.url.hostname or "",
            "PGPORT": str(self.url.port or 5432),
            "PGUSER": self.url.username or "",
            "PGPASSWORD": self.url.password or "",
        }
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env=os.environ
            | server
            | {
                "DJANGO_SETTINGS_MODULE": "mysite.settings",
                "PYTHONPATH": os.pathsep.join([str(self.folder), str(ROOT)]),
                "PYTHONWARNINGS": "",
                "TENANTS_DATABASE": self.database,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    def manage(self, *arguments):
        return self.run("-m", "django", *arguments)

    def tell(self, script):
        """Run a script, and return the JSON in its last line."""
        return json.loads(self.run("-c", POSTING + script).splitlines()[-1])

    def spooled(self):
        """Return the number of files for each tenant."""
        files = (self.folder / "spool").glob("*.request")
        return Counter(json.loads(file.read_bytes().splitlines()[0])["scope"] for file in files)

    def events(self, tenant):
        name = f"{tenant}.pickyassist_webhooks_groupmemberevent"
        url = self.url._replace(path=f"/{self.database}").geturl()
        with psycopg.connect(url) as connection:
            rows = connection.execute(f"SELECT group_id FROM {name}").fetchall()  # noqa: S608
        return [group.rpartition("-")[0] for (group,) in rows]


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tenants")
    settings = SETTINGS + snippet("# mysite/settings.py")
    for name, content in {
        "mysite/__init__.py": "",
        "mysite/settings.py": settings,
        "mysite/urls.py": URLS,
        "mysite/tenancy.py": snippet("# mysite/tenancy.py"),
        "customers/__init__.py": "",
        "customers/models.py": MODELS,
    }.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(content, "utf-8")
    url = databases.server_url("postgres")
    database = f"pickyassist_tenants_{secrets.token_hex(6)}"
    with psycopg.connect(url.geturl(), autocommit=True) as server:
        server.execute(f"CREATE DATABASE {database}")
        try:
            project = Project(folder, url, database)
            project.manage("makemigrations", "customers")
            project.manage("migrate_schemas", "--shared", "--verbosity=0")
            project.manage("shell", "-c", TENANTS)
            yield project
        finally:
            server.execute(f"DROP DATABASE {database} WITH (FORCE)")


def sweep(project, tenant, *options):
    return project.manage("tenant_command", "pickyassist_process", f"--schema={tenant}", *options)


def test_check_finds_nothing(project):
    assert "no issues" in project.manage("check", "--fail-level=WARNING")


def test_each_sweep_takes_the_files_of_its_tenant(project):
    assert project.tell(REFUSED) == ["spooled", "spooled"]
    before = {tenant: project.events(tenant) for tenant in ("acme", "bolt")}
    assert "Took 1 from the spool" in sweep(project, "acme")
    assert project.spooled() == {"bolt": 1}
    assert project.events("acme") == [*before["acme"], "group-of-acme"]
    project.manage("all_tenants_command", "--no-public", "pickyassist_process")
    assert project.spooled() == {}
    assert project.events("bolt") == [*before["bolt"], "group-of-bolt"]


def test_a_tenant_served_before_is_known_while_the_database_fails(project):
    assert project.tell(AWAY) == ["done", "spooled", 500, "done"]
    assert project.spooled() == {"acme": 1}
    sweep(project, "acme")
    assert project.spooled() == {}


def test_a_file_without_owner_can_be_adopted(project):
    hidden = 'from mysite import tenancy\n\ntenancy.current_schema = lambda: ""\n'
    assert project.tell(hidden + REFUSED) == ["spooled", "spooled"]
    files = sorted((project.folder / "spool").glob("*.unknown.request"))
    assert len(files) == 2
    project.manage("all_tenants_command", "--no-public", "pickyassist_process")
    assert project.spooled() == {None: 2}
    for path in files:
        tenant = "acme" if b"group-of-acme" in path.read_bytes() else "bolt"
        before = project.events(tenant)
        sweep(project, tenant, "--adopt", str(path))
        assert project.events(tenant) == [*before, f"group-of-{tenant}"]
    assert project.spooled() == {}


def test_erasing_sees_one_tenant(project):
    assert project.tell('print(json.dumps([post("acme"), post("bolt")]))') == ["done", "done"]
    number = ("15550001111", "--no-input")
    project.manage("tenant_command", "pickyassist_erase", *number, "--schema=acme")
    assert project.events("acme") == []
    assert "group-of-bolt" in project.events("bolt")


def test_the_admin_of_each_host_shows_its_tenant(project):
    script = """
from django.contrib.auth import get_user_model

shown = []
for tenant, other in (("acme", "bolt"), ("bolt", "acme")):
    post(tenant)
    connection.set_schema(tenant)
    root = get_user_model().objects.create_superuser(f"root-of-{tenant}")
    client = Client(headers={"host": f"{tenant}.example"})
    client.force_login(root)
    text = client.get("/admin/pickyassist_webhooks/groupmemberevent/").content.decode()
    shown.append([f"group-of-{tenant}" in text, f"group-of-{other}" in text])
print(json.dumps(shown))
"""
    assert project.tell(script) == [[True, False], [True, False]]
