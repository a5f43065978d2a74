"""Personal data: who may see and search it, and the masks for all others."""

from __future__ import annotations

import re

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.urls import reverse

from pickyassist_webhooks.models import MODELS, Message, Push, WebhookRequest, masking
from pickyassist_webhooks.pushes import record_push
from tests.requests import chat, delivery, filtered, member, post, row, subscriber

APP = "pickyassist_webhooks"
NUMBER = "15557654321"
GROUP = f"{NUMBER}-1589012345@g.us"
#: All personal data of the payloads below.
PERSONAL = [
    NUMBER,
    "Ada Lovelace",
    "ada@example.com",
    "https://pictures.example/ada",
    "I am ill",
    "https://media.example/1",
    "not on WhatsApp, that one",
    "something the vendor adds",
]

MODEL_CLASSES = sorted(
    (model for model in admin.site._registry if model._meta.app_label == APP),
    key=lambda model: model.__name__,
)
each_model = pytest.mark.parametrize("model", MODEL_CLASSES, ids=lambda model: model.__name__)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def events(listen, settings):
    """Store an event of each kind with all fields, and an error that reveals a number."""

    def talkative(event, **named):
        raise ValueError(f"cannot find {event.number}")

    listen("delivery_received", talkative)
    extra = {"number": NUMBER, "notes": PERSONAL[-1]}
    report = extra | {"error_message": PERSONAL[6]}
    post(delivery(row("1", "1", message=PERSONAL[4], media=PERSONAL[5], **report)))
    post(filtered(row("2", "2", **report)))
    post(member(group_id=GROUP, **extra))
    post(
        subscriber(
            mobile=NUMBER,
            name=PERSONAL[1],
            email=PERSONAL[2],
            profile_pic=PERSONAL[3],
            message=PERSONAL[4],
            notes=PERSONAL[-1],
        )
    )
    post(
        chat(
            number=NUMBER,
            name=PERSONAL[1],
            messenger_id=NUMBER,
            message_in_raw=PERSONAL[4],
            media_url=PERSONAL[5],
            payload=PERSONAL[4],
            interactive={"id": "1", "description": PERSONAL[4]},
            location={"name": PERSONAL[6]},
            contact=[{"phone": NUMBER}],
            group_mentions=[NUMBER],
            notes=PERSONAL[-1],
        )
    )
    post(b'{"mobile": "%s", "name": "Ada Lovelace' % NUMBER.encode())
    record_push({"push_id": "1", "data": [row("1", number=NUMBER)]}, project_id="4100")
    Push.objects.update(error=f"cannot find {NUMBER}")
    for model in MODELS.values():
        assert model.objects.count() == 1
    assert WebhookRequest.objects.count() == 6


@pytest.fixture
def clerk(client):
    """Log in a user who may see all rows of this app, but no personal data."""
    user = get_user_model().objects.create_user("clerk", is_staff=True)
    user.user_permissions.set(
        Permission.objects.filter(
            content_type__app_label=APP, codename__startswith="view_"
        ).exclude(codename="view_personal_data")
    )
    client.force_login(user)
    return client


@pytest.fixture
def doctor(clerk):
    """Give that user the permission."""
    get_user_model().objects.get().user_permissions.add(
        Permission.objects.get(codename="view_personal_data")
    )
    return clerk


def url(model, page, *args):
    return reverse(f"admin:{APP}_{model._meta.model_name}_{page}", args=args)


def pages_of(model):
    pks = model._default_manager.values_list("pk", flat=True)
    return [url(model, "changelist"), *(url(model, "change", pk) for pk in pks)]


def all_pages(client):
    answers = [client.get(page) for model in MODEL_CLASSES for page in pages_of(model)]
    assert len(answers) == 9 + 14
    assert {answer.status_code for answer in answers} == {200}
    return "".join(answer.content.decode() for answer in answers)


def test_without_the_permission_nothing_personal_is_on_any_page(clerk):
    text = all_pages(clerk)
    for personal in PERSONAL:
        assert personal not in text
    assert "•••321" in text
    assert "•••321-1589012345@g.us" in text


def test_with_the_permission_all_of_it_is(doctor):
    text = all_pages(doctor)
    for personal in PERSONAL:
        assert personal in text
    # Only the name of the group's event is masked: logs and messages contain it.
    assert text.count("•••") == text.count("•••321-1589012345@g.us: joined")


@each_model
def test_searches(model, clerk):
    """A user who may not see numbers cannot search by them, but by id."""
    page = url(model, "changelist")
    answer = clerk.get(page, {"q": NUMBER})
    assert len(answer.context["cl"].result_list) == 0
    assert "umber:" not in answer.context["cl"].search_help_text.replace("reference number", "")
    assert "number," not in answer.context["cl"].search_help_text.replace("reference number", "")
    ids = {"WebhookRequest": "1", "DeliveryReport": "1", "FilterReport": "2", "Message": "1"}
    if model.__name__ in ids:
        assert len(clerk.get(page, {"q": ids[model.__name__]}).context["cl"].result_list) == 1


@each_model
def test_searches_with_the_permission(model, doctor):
    results = doctor.get(url(model, "changelist"), {"q": NUMBER}).context["cl"]
    if model.__name__ in ("Push", "ReceiverFailure"):
        assert not results.result_list
    else:
        assert len(results.result_list) == (5 if model is WebhookRequest else 1)
        assert "number" in results.search_help_text.lower()


@each_model
def test_lookups_in_the_url(model, clerk):
    """Columns with personal data, and columns derived from them, refuse lookups."""
    names = {*model.personal, "key"} & {field.name for field in model._meta.fields}
    for name in sorted(names):
        for lookup in ("", "__startswith", "__contains", "__regex"):
            answer = clerk.get(url(model, "changelist"), {f"{name}{lookup}": "1"})
            assert answer.status_code == 400, f"{name}{lookup}"


def test_filters_still_work(clerk):
    for query in (
        "status__exact=1",
        "request=1",
        "received_at__gte=2020-01-01T00:00Z",
        "of_message=1",
    ):
        assert (
            clerk.get(f"{url(MODELS['delivery_report'], 'changelist')}?{query}").status_code == 200
        )


@pytest.mark.parametrize("model", list(apps.get_app_config(APP).get_models()))
def test_str(model):
    for instance in model._default_manager.all():
        assert NUMBER not in str(instance)


def test_logs(caplog):
    for record in [*caplog.get_records("setup"), *caplog.records]:
        assert NUMBER not in record.getMessage()
    assert "talkative" in caplog.get_records("setup")[0].getMessage()


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("15550001111", "•••111"),
        ("+15550001111", "•••111"),
        ("1234567", "•••567"),
        ("123456", "•••"),
        ("", "•••"),
        ("1234567\u202e12", "•••e12"),
    ],
)
def test_numbers(value, shown):
    assert masking.number(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("15550001111-1589012345@g.us", "•••111-1589012345@g.us"),
        ("120363025246125486@g.us", "120363025246125486@g.us"),
        ("A4100", "A4100"),
        ("2024-01", "2024-01"),
    ],
)
def test_group_ids(value, shown):
    assert masking.group_id(value) == shown


def test_every_text_of_an_event_is_classified():
    """List a new field here, or declare it personal."""
    harmless = {
        *("key", "project_id", "push_id", "msg_id", "reference_number", "error_code"),
        *("message_type", "channel", "agent_id", "template_id", "source", "group_subject"),
        *("subscriber_id", "date_text", "country"),
        *("unique_id", "content", "type", "context_msg_id", "reply_id"),
    }
    for model in (*MODELS.values(), Message):
        texts = {
            field.name
            for field in model._meta.fields
            if re.search("CharField|TextField|JSONField", field.get_internal_type())
        }
        assert texts - set(model.personal) - harmless == set()
