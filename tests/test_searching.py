"""Finding a person by their number, in any writing, and an id in upper or lower case."""

from __future__ import annotations

from io import StringIO
from itertools import count

import pytest
from django.contrib.admin.views.main import ChangeList
from django.core.management import CommandError, call_command
from django.db import DataError, connection
from django.db.migrations.executor import MigrationExecutor
from django.db.models.query_utils import DeferredAttribute
from django.urls import reverse

from pickyassist_webhooks.models import (
    MODELS,
    DeliveryReport,
    FilterReport,
    GroupMemberEvent,
    Message,
    NewSubscriber,
    WebhookRequest,
)
from pickyassist_webhooks.models.numbers import ending_in
from tests.requests import chat, delivery, filtered, member, post, row, subscriber

pytestmark = pytest.mark.django_db(transaction=True)

NUMBER = "5511987654321"
WITH_NUMBERS = (*MODELS.values(), Message)
FULL = [
    "+55 11 98765-4321",
    "0055 11 98765-4321",
    NUMBER,
    "+55 (11) 98765 4321",
    "55-11-98765.4321",
]
ENDS = ["11987654321", "011 98765-4321", "98765-4321", "87654321"]
APIS = ["delivery-report", "filter-report", "group-event", "subscriber", "chat-message", "message"]
_ids = count(1)


def everything(number):
    """Post an event of each kind about a number."""
    msg_id = f"id-{next(_ids)}"
    post(delivery(row(msg_id, number=number)))
    post(filtered(row(msg_id, number=number)))
    post(member(number=number, group_id=msg_id))
    post(subscriber(mobile=number, subscriber_id=msg_id))
    post(chat(msg_id, number=number))


@pytest.fixture(autouse=True)
def rows():
    everything(NUMBER)
    everything("5511987654322")
    everything("4930123456780")


def found(client, model, term):
    page = reverse(f"admin:pickyassist_webhooks_{model._meta.model_name}_changelist")
    response = client.get(page, {"q": term})
    assert response.status_code == 200
    return set(response.context["cl"].result_list.values_list("pk", flat=True))


@pytest.mark.parametrize("model", WITH_NUMBERS)
@pytest.mark.parametrize("term", FULL + ENDS)
def test_the_admin_finds_one_person(model, term, root):
    assert found(root, model, term) == {model.objects.get(number=NUMBER).pk}


@pytest.mark.parametrize("term", FULL + ENDS)
def test_the_admin_finds_their_requests(term, root):
    requests = {
        pk
        for model in MODELS.values()
        for pk in model.objects.filter(number=NUMBER).values_list("request", flat=True)
    }
    assert found(root, WebhookRequest, term) == requests


@pytest.mark.parametrize(
    "term", ["7654321", "654321", "5511", "1198765432", "4.93E+12", "'5511987654321"]
)
def test_less_or_something_else_finds_no_one(term, root):
    assert not any(found(root, model, term) for model in WITH_NUMBERS)


def test_a_number_that_is_shorter_than_an_end_is_found_as_a_whole(root):
    post(delivery(row("short", number="12345")))
    assert len(found(root, DeliveryReport, "12345")) == 1
    assert not found(root, DeliveryReport, "2345")


@pytest.mark.parametrize("written", ["+55 21 91234-5678", "5521912345678.0", 5521912345678.0])
def test_a_number_is_found_however_it_was_sent(written, root, client):
    everything(written)
    for model in WITH_NUMBERS:
        assert len(found(root, model, "+5521912345678")) == 1


def test_an_end_of_nines_is_found(root):
    everything("5511999999999")
    for model in WITH_NUMBERS:
        assert found(root, model, "99999999") == {model.objects.get(number="5511999999999").pk}


@pytest.mark.parametrize("model", WITH_NUMBERS)
def test_the_key_follows_the_number(model):
    row = model.objects.get(number=NUMBER)
    row.number = "+1 555"
    row.save()
    assert model.objects.get(number_key="5551").pk == row.pk
    assert isinstance(model.number_key, DeferredAttribute)


def test_a_number_that_came_later_is_found(root):
    post(delivery(row("late", number="")))
    post(delivery(row("late", number="5531912345678")))
    assert len(found(root, DeliveryReport, "+55 31 91234-5678")) == 1
    assert len(found(root, Message, "91234-5678")) == 1


def test_who_may_not_see_numbers_finds_none(login):
    names = [f"view_{model._meta.model_name}" for model in WITH_NUMBERS]
    viewer = login(*names)
    assert not any(found(viewer, model, NUMBER) for model in WITH_NUMBERS)


@pytest.mark.parametrize(
    ("sent", "term", "hits"),
    [
        ("ORD-7", "ord-7", 1),
        ("Ord-7", "ORD-7", 1),
        ("oRd-7", "OrD-7", 1),
        ("ORDER-2026-A", "order-2026-a", 1),
        ("ORDERNUMBER-7", "ordernumber-7", 1),
        ("OrderNumber-7", "OrderNumber-7", 1),
        ("ORD-7", "ord-77", 0),
        ("ORD-7", "rd-7", 0),
    ],
)
def test_an_id_in_upper_or_lower_case(sent, term, hits, root):
    post(delivery(row("x", reference_number=sent)))
    assert len(found(root, Message, term)) == hits
    assert len(found(root, DeliveryReport, term)) == hits


def test_the_help_says_how(root):
    page = root.get(reverse("admin:pickyassist_webhooks_message_changelist"))
    help_text = page.context["cl"].search_help_text
    assert help_text == (
        "Exact match: number, message ID, reference number or error code. "
        "The last 8 digits or more also find a number."
    )
    failures = root.get(reverse("admin:pickyassist_webhooks_receiverfailure_changelist"))
    assert failures.context["cl"].search_help_text == "Exact match: receiver."


@pytest.mark.urls("tests.urls_api")
class TestApi:
    @pytest.mark.parametrize("name", APIS)
    @pytest.mark.parametrize("number", FULL)
    def test_a_full_number_in_any_writing(self, name, number, root):
        answer = root.get(reverse(f"pickyassist_webhooks_api:{name}-list"), {"number": number})
        assert [each["number"] for each in answer.json()["results"]] == [NUMBER]

    @pytest.mark.parametrize("name", APIS)
    @pytest.mark.parametrize("number", ENDS)
    def test_never_its_end_alone(self, name, number, root):
        answer = root.get(reverse(f"pickyassist_webhooks_api:{name}-list"), {"number": number})
        assert not answer.json().get("results")

    @pytest.mark.parametrize("number", ["4.93E+12", "49301234567.0", "+49 30, +49 31"])
    def test_no_one_is_guessed(self, number, root):
        page = reverse("pickyassist_webhooks_api:message-list")
        assert not root.get(page, {"number": number}).json()["results"]
        page = reverse("pickyassist_webhooks_api:verdict", args=[number])
        assert not root.get(page).json()["results"]

    @pytest.mark.parametrize("number", FULL)
    def test_the_verdict(self, number, root):
        page = reverse("pickyassist_webhooks_api:verdict", args=[number])
        assert [each["number"] for each in root.get(page).json()["results"]] == [NUMBER]

    def test_a_text_instead_of_a_number(self, root):
        post(delivery(row("web", number="web-visitor")))
        page = reverse("pickyassist_webhooks_api:message-list")
        assert len(root.get(page, {"number": "web-visitor"}).json()["results"]) == 1
        assert not root.get(page, {"number": "web-visitors"}).json()["results"]

    @pytest.mark.parametrize("model", WITH_NUMBERS)
    def test_querysets(self, model):
        assert model.objects.for_number("+55 11 98765-4321").get().number == NUMBER


def test_one_verdict_for_each_number_however_it_is_written():
    post(filtered(row("second", "2", number="+55 11 98765-4321")))
    verdict = FilterReport.objects.for_number(NUMBER).verdicts().get()
    assert verdict.status == 2


class TestErasing:
    @pytest.mark.parametrize("number", FULL)
    def test_a_full_number_in_any_writing(self, number):
        call_command("pickyassist_erase", number, interactive=False, stdout=StringIO())
        for model in WITH_NUMBERS:
            assert set(model.objects.values_list("number", flat=True)) == {
                "5511987654322",
                "4930123456780",
            }

    @pytest.mark.parametrize("number", ["11987654321", "98765-4321"])
    def test_never_its_end_alone(self, number):
        call_command("pickyassist_erase", number, interactive=False, stdout=StringIO())
        assert Message.objects.count() == 3

    def test_the_digit_that_a_spreadsheet_adds(self):
        with pytest.raises(CommandError, match="use digits only"):
            call_command("pickyassist_erase", "493012345678.0", interactive=False)
        assert Message.objects.count() == 3


@pytest.mark.parametrize("model", WITH_NUMBERS)
def test_each_search_is_a_range_of_an_index(model):
    """The planner may prefer another way for few rows, but it can take the index."""
    rows = model.objects.filter(ending_in("98765-4321")).order_by()
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET enable_seqscan = off")
        plan = rows.explain()
        if connection.vendor == "postgresql":
            cursor.execute("RESET enable_seqscan")
    [index] = [each.name for each in model._meta.indexes if each.fields == ["number_key"]]
    assert index in plan


def test_numbers_that_were_there_before_are_found(root):
    """The migration writes the keys of old rows."""
    app = "pickyassist_webhooks"
    MigrationExecutor(connection).migrate([(app, "0007_character_sets")])
    try:
        executor = MigrationExecutor(connection)
        executor.migrate([(app, "0008_number_keys")])
    finally:
        executor = MigrationExecutor(connection)
        executor.migrate(executor.loader.graph.leaf_nodes())
    for model in (DeliveryReport, FilterReport, GroupMemberEvent, NewSubscriber, Message):
        assert len(found(root, model, "11987654321")) == 1


def test_an_error_that_no_filter_of_the_url_explains(root, monkeypatch):
    def fail(*args):
        raise DataError("of the database")

    monkeypatch.setattr(ChangeList, "get_results", fail)
    page = reverse("admin:pickyassist_webhooks_message_changelist")
    with pytest.raises(DataError, match="of the database"):
        root.get(page)
    assert root.get(page, {"status__exact": "1"}).status_code == 302
