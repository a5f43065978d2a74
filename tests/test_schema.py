"""The API's description: valid, true of what it describes, and the same for every project."""

from __future__ import annotations

import ast
import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.contrib.staticfiles import finders
from django.core.exceptions import ImproperlyConfigured
from django.test import Client
from django.urls import reverse
from django.utils import translation
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.settings import spectacular_settings
from drf_spectacular.validation import validate_schema
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import AllowAny
from rest_framework.throttling import UserRateThrottle

from pickyassist_webhooks.api import errors, fields, schema, views, webhooks
from pickyassist_webhooks.api.examples import ROWS, WEBHOOKS
from pickyassist_webhooks.api.pagination import written as written_place
from pickyassist_webhooks.choices import EventKind
from pickyassist_webhooks.decoding import decode
from pickyassist_webhooks.fields import Fields, NotUnderstood
from pickyassist_webhooks.payloads import parse
from pickyassist_webhooks.shapes import SHAPES
from tests.requests import member, post

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "pickyassist_webhooks"
GOLDEN = ROOT / "docs" / "openapi.json"
THIRD_PARTY = {"rest_framework", "django_filters", "drf_spectacular"}
each_shape = pytest.mark.parametrize("shape", SHAPES, ids=[shape.kind.value for shape in SHAPES])


def written(document):
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


@pytest.fixture(scope="module")
def document():
    return schema.document("/api/")


def operations(document):
    for path, methods in [*document["paths"].items(), *document["webhooks"].items()]:
        for method, operation in methods.items():
            yield f"{method} {path}", operation


def check(document, value, of):
    """Check a value by a schema that refers to others of the document."""
    within = of | {"components": document["components"]}
    jsonschema.Draft202012Validator(within).validate(value)


def is_valid(document, value, name):
    try:
        check(document, value, {"$ref": f"#/components/schemas/{name}"})
    except jsonschema.ValidationError:
        return False
    return True


class TestDocument:
    def test_is_valid_and_made_without_a_warning(self, capsys):
        made = schema.generate()
        assert not GENERATOR_STATS
        assert capsys.readouterr() == ("", "")
        assert made["openapi"].startswith("3.1")
        validate_schema(made)
        for component in made["components"]["schemas"].values():
            jsonschema.Draft202012Validator.check_schema(component)

    def test_is_the_one_in_the_docs(self, document):
        accept = f"accept it with: {sys.executable} -m tests.accept_openapi"
        assert GOLDEN.exists(), accept
        assert GOLDEN.read_text("utf-8") == written(document), accept

    def test_names_are_stable(self, document):
        names = [operation["operationId"] for _, operation in operations(document)]
        assert len(names) == len(set(names)) == 20
        tags = {tag for _, operation in operations(document) for tag in operation["tags"]}
        assert tags == {tag["name"] for tag in document["tags"]}

    def test_every_operation_is_told_in_words_with_all_it_answers(self, document):
        for name, operation in operations(document):
            assert operation["summary"], name
            assert operation["description"], name
            for status, answer in operation["responses"].items():
                assert answer["description"], (name, status)
        for path, methods in document["paths"].items():
            for operation in methods.values():
                assert {"200", "401", "403", "404"} <= operation["responses"].keys(), path
        replay = document["paths"]["/requests/{id}/replay/"]["post"]["responses"]
        assert {"400", "409", "410", "415"} <= replay.keys()

    def test_every_example_is_one(self, document):
        count = 0
        for name, operation in operations(document):
            bodies = [*operation["responses"].values(), operation.get("requestBody", {})]
            for content in [each for body in bodies for each in body.get("content", {}).values()]:
                for example in content.get("examples", {}).values():
                    check(document, example["value"], content["schema"])
                    count += 1
            assert all(
                content["examples"]
                for answer in operation["responses"].values()
                for content in answer["content"].values()
            ), name
        assert count > 100

    def test_a_page_of_followers_has_a_shape_of_its_own(self, document):
        content = document["paths"]["/requests/"]["get"]["responses"]["200"]["content"]
        usual, followed = content["application/json"]["schema"]["oneOf"]
        page = {"next": "https://example.com", "more": False, "results": [ROWS["FollowedRequest"]]}
        check(document, page, followed)
        with pytest.raises(jsonschema.ValidationError):
            check(document, page, usual)

    def test_codes_are_no_closed_lists(self, document):
        for name in ("DeliveryReport", "FilterReport", "Message"):
            status = document["components"]["schemas"][name]["properties"]["status"]
            assert status["type"] == "integer"
            assert "enum" not in status
            assert "1 " in status["description"]

    def test_none_of_the_project_s_settings_matters(self, document, monkeypatch):
        for name, value in {
            "TITLE": "Another",
            "CAMELIZE_NAMES": True,
            "OAS_VERSION": "3.0.3",
            "SCHEMA_PATH_PREFIX_INSERT": "/else",
            "POSTPROCESSING_HOOKS": [],
        }.items():
            monkeypatch.setattr(spectacular_settings, name, value)
        with translation.override("de"):
            made = schema.generate()
        assert made | {"servers": document["servers"]} == document
        assert spectacular_settings.TITLE == "Another"


class Unknown(BaseAuthentication):
    def authenticate_header(self, request):
        return 'Bearer realm="api"'


class Silent(BaseAuthentication):
    pass


class Throttle(UserRateThrottle):
    rate = "9/s"


def test_what_a_project_chose_is_described(monkeypatch):
    view = views.WebhookRequestViewSet
    monkeypatch.setattr(view, "authentication_classes", (Unknown, Silent))
    monkeypatch.setattr(view, "permission_classes", (AllowAny, *view.permission_classes))
    monkeypatch.setattr(view, "throttle_classes", (Throttle,))
    made = schema.generate()
    assert not GENERATOR_STATS
    validate_schema(made)
    listed = made["paths"]["/requests/"]["get"]
    assert listed["security"] == [{"Unknown": []}]
    assert made["components"]["securitySchemes"]["Unknown"] == {"type": "http", "scheme": "bearer"}
    assert "429" in listed["responses"]


@pytest.mark.django_db
@pytest.mark.urls("tests.urls_api")
class TestServed:
    @pytest.fixture
    def client(self):
        client = Client()
        client.force_login(get_user_model().objects.create_user("somebody"))
        return client

    def test_to_whoever_is_logged_in(self, client, document):
        url = reverse("pickyassist_webhooks_api:schema")
        assert Client().get(url).status_code in (401, 403)
        answer = client.get(url, headers={"Accept": "application/json"})
        assert answer.status_code == 200
        assert answer.json() == document
        assert client.get(url).content.startswith(b"openapi: 3.1")

    def test_says_where_the_api_is(self):
        assert schema.document("/a/b/")["servers"] == [{"url": "/a/b"}]
        assert schema.document("/")["servers"] == [{"url": "/"}]


@pytest.mark.django_db
@pytest.mark.urls("tests.urls_api")
class TestAsDescribed:
    """What requests made up from the description found to be answered otherwise."""

    @pytest.fixture
    def client(self):
        client = Client()
        client.force_login(get_user_model().objects.create_superuser("root"))
        return client

    @pytest.mark.parametrize(
        "path",
        [
            "delivery-reports/0.5/",
            "requests/no id/",
            "requests/%00/",
            "groups/%00/members/",
            "numbers/1%002/verdict/",
        ],
    )
    def test_what_is_no_id_is_a_404_of_the_api(self, path, client):
        answer = client.get(f"/api/{path}")
        assert answer.status_code == 404
        assert answer.json().keys() == {"detail"}

    @pytest.mark.parametrize("body", [[None], "text", 7])
    def test_a_replay_of_what_is_no_object(self, body, client):
        data = json.dumps(body)
        answer = client.post("/api/requests/1/replay/", data, content_type="application/json")
        assert answer.status_code == 400
        user = get_user_model().objects.create_user("viewer")
        names = ["view_webhookrequest", "retry_webhookrequest"]
        user.user_permissions.set(Permission.objects.filter(codename__in=names))
        client.force_login(user)
        answer = client.post("/api/requests/1/replay/", data, content_type="application/json")
        assert answer.status_code == 400

    @pytest.mark.parametrize(
        "moment",
        [
            "2026-01-01T00:00:00-23:59",
            "0001-01-01T00:00:00+14:00",
            "9999-12-31T23:59:59-14:00",
            "0001-01-01T00:00:00Z",
            "",
        ],
    )
    def test_moments_that_are_far_off(self, moment, client):
        post(member())
        for name, count in {"received_at_after": 1, "received_at_before": 0}.items():
            answer = client.get("/api/group-events/", {name: moment})
            assert answer.status_code == 200, answer.content
            if moment.startswith("0001"):
                assert len(answer.json()["results"]) == count

    @pytest.mark.parametrize(
        "value",
        ["2026-01-01T00:00:00-23:59", "0001-01-01T00:00:00+00:00", "9999-01-01T00:00:00+00:00"],
    )
    def test_cursors_that_nobody_was_given(self, value, client):
        cursor = written_place({"by": "received_at", "value": value, "id": 1, "back": False})
        answer = client.get("/api/group-events/", {"cursor": cursor})
        assert answer.status_code == 400
        assert "cursor" in answer.json()

    def test_moments_without_a_time_zone(self, client, settings):
        settings.USE_TZ = False
        post(member())
        for moment in ("2026-01-01T00:00:00+02:00", "0001-01-01T00:00:00+14:00", "2026-01-01"):
            answer = client.get("/api/group-events/", {"received_at_after": moment})
            assert len(answer.json()["results"]) == 1

    @pytest.mark.parametrize(
        ("value", "status"), [("maybe", 400), ("0", 400), ("True", 200), ("", 200)]
    )
    def test_a_flag_that_is_none_is_refused(self, value, status, client):
        assert client.get("/api/messages/", {"conflict": value}).status_code == status


class TestWebhooks:
    @each_shape
    def test_the_example_is_understood(self, shape):
        payload = parse(json.dumps(WEBHOOKS[shape.kind]).encode())
        assert payload.kind == shape.kind
        assert payload.events
        assert payload.problems == payload.warnings == []

    @each_shape
    def test_every_field_is_described(self, shape, document):
        name = shape.kind.value.title().replace("_", "")
        row = document["components"]["schemas"][f"{name}WebhookRow"]
        assert row["additionalProperties"] is True
        for theirs, (ours, _) in shape.fields.items():
            assert f"`{ours}`" in row["properties"][theirs]["description"]

    def test_what_came_is_valid_where_it_was_understood(self, document):
        judged = {True: 0, False: 0}
        for path in sorted((ROOT / "tests/payloads/golden").glob("*.json")):
            payload = parse(path.read_bytes())
            if not payload.kind:
                continue
            body = decode(path.read_bytes(), "application/json")
            name = f"{payload.kind.value.title().replace('_', '')}Webhook"
            understood = not (payload.problems or payload.warnings)
            judged[understood] += 1
            if understood:
                check(document, body, {"$ref": f"#/components/schemas/{name}"})
        assert judged[True] > 15
        assert judged[False] > 3

    @each_shape
    def test_what_an_event_is_known_by(self, shape, document):
        name = f"{shape.kind.value.title().replace('_', '')}WebhookRow"
        whole = {"status": 1, "action": 1}
        for names in webhooks.KNOWN_BY[shape.kind]:
            known = whole | dict.fromkeys(names, "7")
            assert self.understood(shape, known)
            assert is_valid(document, known, name)
            for missing in names:
                for value in ("", " ", None, [7]):
                    less = known | {missing: value}
                    assert not self.understood(shape, less), less
                    assert not is_valid(document, less, name), less
        assert not is_valid(document, whole, name)

    def understood(self, shape, row):
        try:
            shape.read(Fields(row, "", []))
        except NotUnderstood:
            return False
        return True

    @pytest.mark.parametrize("read", webhooks.TYPES)
    @pytest.mark.parametrize(
        "value",
        [
            "",
            "7",
            " +7 ",
            "7" * 18,
            "x",
            "x" * 255,
            "x" * 256,
            7,
            -(2**63),
            2**63,
            1.5,
            True,
            [],
            {},
        ],
        ids=lambda value: str(value)[:20],
    )
    def test_types_are_those_that_are_read(self, read, value):
        warnings = []
        try:
            read(Fields({"name": value}, "", warnings), "name")
        except NotUnderstood:
            warnings.append("refused")
        valid = jsonschema.Draft202012Validator(webhooks.TYPES[read]).is_valid(value)
        assert valid is not bool(warnings)

    def test_every_reader_and_every_kind(self):
        used = {read for shape in SHAPES for _, read in shape.fields.values()}
        assert used <= webhooks.TYPES.keys()
        assert webhooks.KNOWN_BY.keys() == WEBHOOKS.keys() == set(EventKind)

    def test_no_component_has_two_meanings(self):
        parts = [errors.COMPONENTS, fields.COMPONENTS, webhooks.components()]
        assert sum(map(len, parts)) == len({name for part in parts for name in part})


class TestOptional:
    """Receiving and the admin need none of what the API needs."""

    def test_only_the_api_imports_its_packages(self):
        found = {}
        for path in PACKAGE.rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.ImportFrom):
                    names = [node.module or ""] if not node.level else []
                elif isinstance(node, ast.Import):
                    names = [alias.name for alias in node.names]
                else:
                    continue
                roots = {name.partition(".")[0] for name in names}
                if roots & THIRD_PARTY:
                    found.setdefault(path.relative_to(PACKAGE).parts[0], set()).update(roots)
        assert found.keys() == {"api"}
        assert found["api"] >= THIRD_PARTY

    def test_a_project_without_them_receives(self):
        done = subprocess.run(
            [sys.executable, "-c", WITHOUT], capture_output=True, text=True, cwd=ROOT, check=False
        )
        assert done.stdout == "200 1\n", done.stderr

    @pytest.mark.parametrize("module", ["rest_framework.routers", "drf_spectacular.views"])
    def test_what_is_missing_is_said(self, module, monkeypatch):
        monkeypatch.setitem(sys.modules, module, None)  # importing it fails
        monkeypatch.delitem(sys.modules, "pickyassist_webhooks.api.schema")
        install = r'pip install "django-pickyassist-webhooks\[api\]"'
        with pytest.raises(ImproperlyConfigured, match=install):
            self.load_urls()

    def test_what_is_missing_of_our_own_is_not(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "pickyassist_webhooks.api.schema", None)
        with pytest.raises(ModuleNotFoundError, match=r"api\.schema"):
            self.load_urls()

    def load_urls(self):
        """Load the URLs once more, beside those that are in use."""
        place = PACKAGE / "api" / "urls.py"
        spec = importlib.util.spec_from_file_location("pickyassist_webhooks.api.again", place)
        spec.loader.exec_module(importlib.util.module_from_spec(spec))


WITHOUT = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("rest_framework", "django_filters", "drf_spectacular"):
            raise ModuleNotFoundError(f"{name} is not installed here", name=name)

sys.meta_path.insert(0, Blocked())

import django
from django.conf import settings

secret = "a-secret-of-more-than-22-characters"
settings.configure(
    SECRET_KEY="only-for-this-test",
    ALLOWED_HOSTS=["testserver"],
    ROOT_URLCONF="tests.urls",
    INSTALLED_APPS=[
        "django.contrib.admin",
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "django.contrib.messages",
        "pickyassist_webhooks",
    ],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
    ],
    TEMPLATES=[
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "APP_DIRS": True,
            "OPTIONS": {
                "context_processors": [
                    "django.template.context_processors.request",
                    "django.contrib.auth.context_processors.auth",
                    "django.contrib.messages.context_processors.messages",
                ]
            },
        }
    ],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    USE_TZ=True,
    PICKYASSIST_WEBHOOKS={"SECRETS": [secret]},
)
django.setup()

from io import StringIO

from django.core.management import call_command
from django.test import Client

from pickyassist_webhooks.models import GroupMemberEvent

call_command("check", stdout=StringIO())
call_command("migrate", verbosity=0)
sample = {"event_id": 3, "project_id": "1", "action": 1, "group_id": "A", "number": "15550001111"}
answer = Client().post(f"/pickyassist/events/{secret}/", sample, content_type="application/json")
print(answer.status_code, GroupMemberEvent.objects.count())
"""


@pytest.mark.django_db
@pytest.mark.urls("example_project.urls")
class TestPageOfTheExample:
    @pytest.fixture(autouse=True)
    def installed(self, settings, monkeypatch):
        for name in ("SWAGGER_UI_DIST", "SWAGGER_UI_FAVICON_HREF"):
            monkeypatch.setattr(spectacular_settings, name, "SIDECAR")
        apps = ["drf_spectacular", "drf_spectacular_sidecar"]
        settings.INSTALLED_APPS = [*settings.INSTALLED_APPS, *apps]
        # Not the example itself, whose receivers would hear of the other tests' events.
        [templates] = settings.TEMPLATES
        settings.TEMPLATES = [templates | {"DIRS": [ROOT / "example_project/templates"]}]

    def test_has_nothing_inline_and_nothing_from_elsewhere(self):
        client = Client()
        assert client.get("/api/docs/").status_code in (401, 403)
        client.force_login(get_user_model().objects.create_user("somebody"))
        page = client.get("/api/docs/")
        text = page.content.decode()
        assert "'unsafe" not in page.headers["Content-Security-Policy"]
        assert "<style" not in text
        assert "style=" not in text
        assert "://" not in text
        assert text.count("<script src=") == text.count("<script") == 3
        links = re.findall(r'(?:src|href)="/static/([^"]+)"', text)
        assert len(links) == 4
        assert all(finders.find(link) for link in links)
        script = client.get("/api/docs/?script=")
        assert script.headers["Content-Type"].startswith("application/javascript")
        assert "/api/schema/" in script.content.decode()
