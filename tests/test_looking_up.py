"""No answer tells a reader without ``view_personal_data`` whether a personal value is there."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.urls import reverse

from pickyassist_webhooks.api import urls
from pickyassist_webhooks.api.pagination import encode_cursor
from pickyassist_webhooks.models import MODELS, Message, WebhookRequest
from pickyassist_webhooks.permissions import to_view
from tests.requests import chat, delivery, filtered, member, post, row, subscriber

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.urls_api")]

NUMBER = "15550001111"
GROUP = f"{NUMBER}-1387000000@g.us"

MESSENGER = "70000001111"

#: A value of some row, for each personal field that rows are looked up by.
THERE = {"number": NUMBER, "group_id": GROUP, "messenger_id": MESSENGER}

READ = [*MODELS.values(), Message, WebhookRequest]
ADMINS = [model for model in admin.site._registry if hasattr(model, "personal")]

#: List, parameter and field of each filter.
FILTERS = [
    (prefix, name, each.field_name, view.queryset.model)
    for prefix, view, _ in urls.router.registry
    for name, each in view.filterset_class.base_filters.items()
]
PERSONAL_FILTERS = [
    (prefix, name, field) for prefix, name, field, model in FILTERS if field in model.personal
]

#: Name, parameter and model of each URL that holds more than an id.
PATHS = [
    (pattern.name, name, pattern.callback.view_class.queryset.model)
    for pattern in urls.urlpatterns
    for name in getattr(pattern.pattern, "converters", ())
    if name != "pk"
]


@pytest.fixture
def filled():
    post(delivery(row("M1", 1, error_message="Call me", message="Hi", media="m", vendor="new")))
    post(filtered(row("F1", 1)))
    post(member(group_id=GROUP))
    post(member(group_id="A4100"))
    post(chat("1", message_in_raw="Hi"))
    post(chat("2", group_id=GROUP, messenger_id=MESSENGER))
    post(subscriber(name="Ada", email="ada@example.com", channel="8"))


@pytest.fixture
def viewer(login):
    return login(*(to_view(model).partition(".")[2] for model in READ))


def nowhere(value):
    return value.replace("1111", "9999")


def path(name, value):
    return reverse(f"pickyassist_webhooks_api:{name}", args=[value])


def test_every_look_up_has_a_case():
    assert {field for _, _, field in PERSONAL_FILTERS} == set(THERE)
    assert {name for _, name, _ in PATHS} == {"group_id", "number"}
    # A filter or a parameter of a URL that has another name would not be known as personal.
    fields = {(model, field.name) for model in READ for field in model._meta.get_fields()}
    assert {(model, name) for _, name, model in PATHS} <= fields
    methods = {("messages", "conflict")}
    for prefix, name, field, model in FILTERS:
        column = field.removesuffix("_id") if field == "request_id" else field
        assert (model, column) in fields or (prefix, name) in methods


@pytest.mark.parametrize(("prefix", "name", "field"), PERSONAL_FILTERS)
@pytest.mark.parametrize("written", ["{}", " {}", "{}\t", "+{}"])
def test_a_filter_tells_nothing(prefix, name, field, written, filled, viewer, root):
    url, there = f"/api/{prefix}/", THERE[field]
    assert root.get(url, {name: there}).json()["results"]
    answers = [viewer.get(url, {name: written.format(each)}) for each in (there, nowhere(there))]
    assert [answer.status_code for answer in answers] == [403, 403]
    assert answers[0].content == answers[1].content
    assert b"view_personal_data" in answers[0].content


@pytest.mark.parametrize(("name", "parameter", "model"), PATHS)
def test_a_url_tells_nothing(name, parameter, model, filled, viewer, root):
    there = THERE[parameter]
    assert root.get(path(name, there)).json()["results"]
    answers = [viewer.get(path(name, each)) for each in (there, nowhere(there))]
    assert [answer.status_code for answer in answers] == [403, 403]
    assert answers[0].content == answers[1].content
    assert b"view_personal_data" in answers[0].content


def test_a_group_without_a_number_in_its_id_is_for_everybody_who_may_view(filled, viewer):
    assert len(viewer.get(path("members", "A4100")).json()["results"]) == 1
    assert len(viewer.get("/api/group-events/", {"group_id": "A4100"}).json()["results"]) == 1
    assert viewer.get(path("members", "A9999")).json()["results"] == []


def test_a_blank_filter_looks_nothing_up(filled, viewer):
    assert (
        len(viewer.get("/api/group-events/", {"number": "", "group_id": " "}).json()["results"])
        == 2
    )


def test_no_order_tells_anything(filled, viewer):
    for prefix, view, _ in urls.router.registry:
        personal = view.queryset.model.personal
        assert not {*view.orderings} & personal.keys()
        for field in personal:
            assert viewer.get(f"/api/{prefix}/", {"ordering": field}).status_code == 400
            position = {"by": field, "value": NUMBER, "id": 0, "back": False}
            cursor = {"ordering": view.orderings[0], "cursor": encode_cursor(position)}
            assert viewer.get(f"/api/{prefix}/", cursor).status_code == 400


LOOKUPS = ["", "__exact", "__startswith", "__contains", "__regex", "__gt", "__in", "__isnull"]


@pytest.mark.parametrize("model", ADMINS)
@pytest.mark.parametrize("lookup", LOOKUPS)
def test_the_admin_s_urls_tell_nothing(model, lookup, filled, login):
    viewer = login(to_view(model).partition(".")[2])
    url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    names = [*model.personal]
    for relation in model._meta.get_fields():
        related = relation.related_model
        names += [f"{relation.name}__{each}" for each in getattr(related, "personal", ())]
    for name in names:
        for value in ("1", NUMBER):
            for page in (url, f"{url}export.csv"):
                answer = viewer.get(page, {f"{name}{lookup}": value})
                assert answer.status_code in (302, 400), (page, name, lookup)


@pytest.mark.parametrize("model", ADMINS)
def test_the_admin_s_search_and_order_tell_nothing(model, filled, login):
    viewer = login(to_view(model).partition(".")[2])
    url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    for value in (NUMBER, GROUP, "Ada", "ada@example.com"):
        for page in (url, f"{url}export.jsonl"):
            texts = [
                b"".join(viewer.get(page, {"q": each})).replace(each.encode(), b"")
                for each in (value, "nowhere")
            ]
            assert texts[0].count(b"\n") == texts[1].count(b"\n")
    plain = viewer.get(url).context["cl"].queryset.query.order_by
    for column in range(1, 6):
        ordered = viewer.get(url, {"o": str(column)}).context["cl"].queryset.query.order_by
        assert not {name.lstrip("-") for name in ordered} & model.personal.keys(), (column, plain)
