"""The OpenAPI document of a project that includes this API: each version, with equal names."""

from __future__ import annotations

from collections import Counter

import pytest
from django.test import RequestFactory
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.settings import spectacular_settings
from drf_spectacular.validation import validate_schema
from rest_framework.request import Request

from pickyassist_webhooks.api import urls
from pickyassist_webhooks.models import WebhookRequest
from tests.neighbour import PROJECTS, VERSIONS, described
from tests.neighbour.views import NAMES
from tests.requests import delivery, post, row


def parts(document):
    """Yield each object of a document."""
    if isinstance(document, dict):
        yield document
    if isinstance(document, dict | list):
        for each in document.values() if isinstance(document, dict) else document:
            yield from parts(each)


def check(document, version):
    assert document["openapi"] == version
    defined = {
        f"#/components/{kind}/{name}"
        for kind, components in document["components"].items()
        for name in components
    }
    assert {part["$ref"] for part in parts(document) if "$ref" in part} <= defined
    operations = [
        operation for methods in document["paths"].values() for operation in methods.values()
    ]
    ids = Counter(operation["operationId"] for operation in operations)
    assert max(ids.values()) == 1
    ours = {name for name in document["components"]["schemas"] if name.startswith("PickyAssist")}
    assert len(ours) >= 25
    return ours


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("project", PROJECTS)
def test_the_document_of_a_project_is_valid_and_without_warnings(project, version, tmp_path):
    output, document = described(project, version, tmp_path / "openapi.json")
    assert output == ""
    ours = check(document, version)
    schemas = document["components"]["schemas"]
    if project == "ours alone":
        assert schemas.keys() == ours
        return
    assert {*NAMES} <= schemas.keys() - ours


@pytest.mark.django_db
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("public", [True, False])
def test_it_is_described_for_users_who_may_read_it(version, public, monkeypatch, django_user_model):
    monkeypatch.setattr(spectacular_settings, "OAS_VERSION", version)
    request = Request(RequestFactory().get("/"))
    request.user, request.auth = django_user_model.objects.create_superuser("root"), None
    document = SchemaGenerator(patterns=urls.urlpatterns).get_schema(request, public)
    assert not GENERATOR_STATS
    validate_schema(document)
    check(document, version)
    nullable = document["components"]["schemas"]["PickyAssistMessagePage"]["properties"]["next"]
    expected = {
        "3.0.3": {"type": "string", "format": "uri", "nullable": True},
        "3.1.0": {"type": ["string", "null"], "format": "uri"},
    }[version]
    assert nullable.items() >= expected.items()


@pytest.mark.django_db
@pytest.mark.urls("tests.neighbour.urls")
def test_a_version_in_the_path_changes_nothing(root):
    post(delivery(row("M1")))
    pk = WebhookRequest.objects.get().pk
    for path in (
        "requests/",
        f"requests/{pk}/",
        "groups/A/members/",
        "numbers/1/verdict/",
        "stats/",
    ):
        assert root.get(f"/api/v1/pickyassist/{path}").status_code == 200
    assert root.post(f"/api/v1/pickyassist/requests/{pk}/replay/").status_code == 200
