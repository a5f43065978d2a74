"""The read API: permissions, filters, pages of constant cost, and replays."""

from __future__ import annotations

import base64
import json

import pytest
from django.db import connection
from django.http import JsonResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import (
    DjangoModelPermissions,
    DjangoModelPermissionsOrAnonReadOnly,
)
from rest_framework.response import Response

from pickyassist_webhooks import ingest, signals
from pickyassist_webhooks.api.current import RepliesView
from pickyassist_webhooks.api.document import SchemaView
from pickyassist_webhooks.api.views import MayView, StatisticsView, WebhookRequestViewSet
from pickyassist_webhooks.models import (
    DeliveryReport,
    GroupMemberEvent,
    Message,
    NewSubscriber,
    WebhookRequest,
)
from tests.requests import delivery, filtered, keep, member, post, row, subscriber

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.urls_api")]

LISTS = {
    "request": "webhookrequest",
    "delivery-report": "deliveryreport",
    "filter-report": "filterreport",
    "group-event": "groupmemberevent",
    "subscriber": "newsubscriber",
    "message": "message",
}
ARABIC_DIGITS = {ord("0") + digit: 0x660 + digit for digit in range(10)}
each_list = pytest.mark.parametrize("name", LISTS)


def url(name, *args):
    return reverse(f"pickyassist_webhooks_api:{name}", args=args)


@pytest.fixture
def filled():
    fields = {"reference_number": "ORD-1", "error_message": "Call +15550001111"}
    post(delivery(row("M1", 2, **fields), row("M1", 1), row("M2", 77, vendor="new")))
    post(filtered(row("F1", 1)))
    post(member())
    post(subscriber(name="Ada", channel="8"))
    post({"project_id": "1", "event_id": 99})


def rows(client, name, **query):
    response = client.get(url(f"{name}-list"), query)
    assert response.status_code == 200, response.content
    return response.json()["results"]


@each_list
def test_lists_and_details(name, filled, root):
    listed = rows(root, name)
    assert listed
    [detail] = [root.get(url(f"{name}-detail", listed[0]["id"])).json()]
    assert listed[0].items() <= detail.items()
    assert root.get(url(f"{name}-detail", 10**6)).status_code == 404


@each_list
def test_the_view_permission_of_the_admin_is_required(name, filled, login):
    strangers = Client().get(url(f"{name}-list"))
    assert strangers.status_code in (401, 403)
    assert login().get(url(f"{name}-list")).status_code == 403
    assert rows(login(f"view_{LISTS[name]}"), name)


@each_list
@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_lists_and_details_are_read_only(name, method, filled, root):
    pk = rows(root, name)[0]["id"]
    for page in (url(f"{name}-list"), url(f"{name}-detail", pk)):
        answer = getattr(root, method)(page, "{}", content_type="application/json")
        assert answer.status_code == 405


@each_list
def test_masked(name, filled, login):
    text = json.dumps(rows(login(f"view_{LISTS[name]}"), name))
    for hidden in ("15550001111", "Ada", "Call +", '"new"'):
        assert hidden not in text
    shown = json.dumps(rows(login(f"view_{LISTS[name]}", "view_personal_data"), name))
    assert ("15550001111" in shown) is (name != "request")


@each_list
def test_a_list_costs_the_same_for_any_number_of_rows(name, root):
    counts = []
    for batch in range(2):
        for number in range(1 + batch * 20):
            text = f"{batch}-{number}"
            post(delivery(row(text)))
            post(filtered(row(text)))
            post(member(number=text))
            post(subscriber(subscriber_id=text))
        with CaptureQueriesContext(connection) as queries:
            assert len(rows(root, name)) > batch * 20
        counts.append(len(queries))
        assert not any("COUNT(" in query["sql"] for query in queries)
    assert counts[0] == counts[1] <= 3


def test_codes_have_labels(filled, root):
    reports = {each["status"]: each["status_label"] for each in rows(root, "delivery-report")}
    assert reports == {1: "delivered", 2: "failed", 77: ""}
    [request] = rows(root, "request", state="quarantined")
    assert (request["state_label"], request["kind"], request["kind_label"]) == (
        "quarantined",
        "",
        "",
    )


def test_a_message_has_its_current_state(filled, root):
    [message] = rows(root, "message", reference_number="ORD-1")
    assert message["conflict"] is True
    assert message["status_label"] == "delivered"
    assert "key" not in message


@pytest.mark.parametrize("name", ["request-detail", "message-detail", "replies"])
def test_an_id_is_written_with_the_digits_0_to_9(filled, root, name):
    model = WebhookRequest if name == "request-detail" else Message
    pk = f"0{model.objects.first().pk}"
    assert root.get(url(name, pk)).status_code == 200
    arabic = pk.translate(ARABIC_DIGITS)
    for other in (arabic, f"+{pk}", f"0_{pk}"):
        assert root.get(url(name, other)).status_code == 404


@pytest.mark.parametrize("name", ["request", "delivery-report", "message"])
def test_a_row_has_no_filters(filled, root, name):
    [first, *_] = rows(root, name)
    path = url(f"{name}-detail", first["id"])
    assert root.get(path).status_code == 200
    for parameter in ("status", "cursor", "page_size", "x"):
        answer = root.get(path, {parameter: "1"})
        assert (answer.status_code, answer.json()) == (400, {parameter: ["Unknown parameter."]})


def test_errors_of_the_description_are_plain_texts(db):
    answer = Client().get(url("schema"))
    assert answer.status_code in (401, 403)
    assert answer.content.decode() == "detail: Authentication credentials were not provided.\n"


@pytest.mark.parametrize("detail", [["text"], {"messages": [{"class": "text"}], "other": [1]}])
def test_errors_of_the_description_keep_their_form(detail, root, monkeypatch):
    def fail(self, request):
        raise AuthenticationFailed(detail)

    monkeypatch.setattr(SchemaView, "get", fail)
    answer = root.get(url("schema"), {"format": "json"})
    assert answer.status_code in (401, 403)
    texts = {"messages": [{"class": "text"}], "other": ["1"]}
    assert answer.json() == (texts if isinstance(detail, dict) else detail)


@pytest.mark.parametrize("answer", [Response(status=400), JsonResponse({"a": 1}, status=400)])
def test_errors_of_the_description_by_the_project(answer, monkeypatch):
    """A project can have its own ``EXCEPTION_HANDLER``."""
    monkeypatch.setattr(SchemaView, "get_exception_handler", lambda view: lambda *args: answer)
    assert Client().get(url("schema")).status_code == 400


@pytest.mark.parametrize("view", [StatisticsView, SchemaView])
def test_a_permission_class_of_models(view, root, monkeypatch):
    """One of them is in the first example of Django REST framework."""
    of_models = DjangoModelPermissionsOrAnonReadOnly
    monkeypatch.setattr(view, "permission_classes", (of_models, *view.permission_classes))
    path = reverse(f"pickyassist_webhooks_api:{'stats' if view is StatisticsView else 'schema'}")
    assert root.get(path).status_code == 200
    assert Client().get(path).status_code in (401, 403)


def test_no_stranger_learns_which_messages_there_are(filled, login, monkeypatch):
    of_models = DjangoModelPermissionsOrAnonReadOnly
    monkeypatch.setattr(RepliesView, "permission_classes", (of_models, MayView))
    for client in (Client(), login("view_message")):
        answers = [client.get(url("replies", pk)) for pk in (Message.objects.first().pk, 10**9)]
        assert len({answer.status_code for answer in answers} - {401, 403}) == 0


class TestRequest:
    def test_by_token_as_by_id(self, filled, root):
        kept = WebhookRequest.objects.first()
        pages = [root.get(url("request-detail", each)).json() for each in (kept.pk, kept.token)]
        assert pages[0] == pages[1]
        assert base64.b64decode(pages[0]["body"]) == bytes(kept.body)

    @pytest.mark.parametrize("key", ["0", "9" * 30, "-", "a" * 36])
    def test_an_unknown_request(self, key, root):
        assert root.get(url("request-detail", key)).status_code == 404

    def test_bodies_are_personal(self, filled, login):
        client = login("view_webhookrequest")
        kept = WebhookRequest.objects.first()
        assert client.get(url("request-detail", kept.pk)).json()["body"] is None

    def test_problems(self, filled, root):
        kept = WebhookRequest.objects.get(state="quarantined")
        page = root.get(url("request-detail", kept.pk)).json()
        assert page["problems"] == kept.problems


class TestFilters:
    @pytest.mark.parametrize(
        ("name", "query", "count"),
        [
            ("request", {"state": "quarantined"}, 1),
            ("request", {"state": ["quarantined", "done"]}, 5),
            ("request", {"received_at_after": "2999-01-01T00:00:00Z"}, 0),
            ("request", {"received_at_after": "2000-01-01T00:00:00Z"}, 5),
            ("delivery-report", {"status": 2}, 1),
            ("delivery-report", {"number": "15550001111"}, 3),
            ("delivery-report", {"msg_id": "M1", "status": "77"}, 0),
            ("delivery-report", {"status": 10**15}, 0),
            ("delivery-report", {"status": " +2.0 "}, 1),
            ("delivery-report", {"status": "", "number": "", "request": ""}, 3),
            ("request", {"state": ""}, 5),
            ("request", {"state": ["", "done"]}, 4),
            ("group-event", {"action": 1, "group_id": "A4100"}, 1),
            ("subscriber", {"channel": "8"}, 1),
            ("message", {"conflict": "true"}, 1),
            ("message", {"push_id": "700001"}, 2),
            ("message", {"first_reported_at_before": "2000-01-01T00:00:00Z"}, 0),
        ],
    )
    def test_narrow_a_list(self, name, query, count, filled, root):
        assert len(rows(root, name, **query)) == count

    @pytest.mark.parametrize(
        ("name", "query", "expected"),
        [
            ("request", {"stat": "done"}, "received_at_after"),
            ("request", {"state": "great"}, "great"),
            ("request", {"token": "x"}, "UUID"),
            ("delivery-report", {"status": "read"}, "whole number"),
            ("delivery-report", {"status": "1_0"}, "whole number"),
            ("delivery-report", {"request": "1".translate(ARABIC_DIGITS)}, "whole number"),
            ("delivery-report", {"number": "\0"}, "Null"),
            ("delivery-report", {"received_at_after": "yesterday"}, "date"),
            ("delivery-report", {"ordering": "number"}, "-received_at"),
            ("delivery-report", {"page_size": "0"}, "1000"),
            ("delivery-report", {"page_size": "9" * 30}, "1000"),
            ("delivery-report", {"page_size": "000001000999"}, "1000"),
            ("delivery-report", {"request": "9" * 30}, "less than"),
            ("delivery-report", {"cursor": "x"}, "cursor"),
            ("delivery-report", {"cursor": "é"}, "cursor"),
            ("delivery-report", {"cursor": "W10"}, "cursor"),
            ("message", {"conflict": "false"}, "true"),
        ],
    )
    def test_invalid_ones_are_refused_with_the_valid_ones(
        self, name, query, expected, filled, root
    ):
        answer = root.get(url(f"{name}-list"), query)
        assert answer.status_code == 400
        assert expected in answer.content.decode()

    def test_a_number_filter_requires_the_permission(self, filled, login):
        client = login("view_deliveryreport")
        answer = client.get(url("delivery-report-list"), {"number": "15550001111"})
        assert answer.status_code == 403
        assert "view_personal_data" in answer.content.decode()


class TestPages:
    @pytest.mark.parametrize("ordering", ["", "received_at", "-received_at", "id", "-id"])
    def test_go_through_all_rows_and_back(self, ordering, root):
        for batch in range(3):
            post(delivery(*(row(f"{batch}-{number}") for number in range(4))))
        query = {"page_size": 5} | ({"ordering": ordering} if ordering else {})
        page = root.get(url("delivery-report-list"), query).json()
        assert page["previous"] is None
        forth = [[each["id"] for each in page["results"]]]
        while page["next"]:
            page = root.get(page["next"]).json()
            forth.append([each["id"] for each in page["results"]])
        assert [len(ids) for ids in forth] == [5, 5, 2]
        descending = ordering.startswith("-") or not ordering
        ids = sorted(DeliveryReport.objects.values_list("pk", flat=True), reverse=descending)
        assert [each for page in forth for each in page] == ids
        back = [[each["id"] for each in page["results"]]]
        while page["previous"]:
            page = root.get(page["previous"]).json()
            back.append([each["id"] for each in page["results"]])
        assert back[::-1] == forth

    def test_have_the_page_size_of_the_project(self, root, settings):
        post(delivery(*(row(str(number)) for number in range(1, 6))))
        for size in (2, "2"):
            settings.REST_FRAMEWORK = {"PAGE_SIZE": size}
            assert len(rows(root, "delivery-report")) == 2
        assert len(rows(root, "delivery-report", page_size=3)) == 3

    def test_have_the_format_parameter_of_the_project(self, filled, root, settings):
        settings.REST_FRAMEWORK = {"URL_FORMAT_OVERRIDE": "_format"}
        path = url("delivery-report-list")
        assert root.get(path, {"_format": "json"}).status_code == 200
        assert root.get(path, {"format": "json"}).status_code == 400

    @pytest.mark.parametrize(("version", "status"), [("QueryParameter", 200), ("URLPath", 400)])
    def test_take_the_version_parameter_of_the_project(
        self, filled, root, settings, version, status
    ):
        versioning = f"rest_framework.versioning.{version}Versioning"
        settings.REST_FRAMEWORK = {"DEFAULT_VERSIONING_CLASS": versioning}
        for name in ("delivery-report-list", "stats"):
            assert root.get(url(name), {"version": "1"}).status_code == status
            assert root.get(url(name), {"v": "1"}).status_code == 400

    def test_keep_their_filters(self, root):
        post(delivery(*(row(str(number), 1 + number % 2) for number in range(1, 13))))
        page = root.get(url("delivery-report-list"), {"status": 2, "page_size": 4}).json()
        assert {each["status"] for each in root.get(page["next"]).json()["results"]} == {2}

    def test_a_cursor_belongs_to_its_ordering(self, filled, root):
        page = root.get(url("delivery-report-list"), {"page_size": 1}).json()
        answer = root.get(f"{page['next']}&ordering=id")
        assert answer.status_code == 400

    def test_an_empty_list(self, root):
        page = root.get(url("message-list")).json()
        assert page == {"next": None, "previous": None, "results": []}


def test_errors_of_messages(root, login):
    private = {"error_code": "131026", "error_message": "Call +15550001111"}
    post(delivery(row("1", 2, **private), row("2", 2, error_code="470"), row("3")))
    [message] = rows(root, "message", error_code="131026")
    assert message["msg_id"] == "1"
    assert private.items() <= message.items()
    assert "not on WhatsApp" in message["error_explanation"]
    assert rows(root, "message", error_code="9") == []
    assert len(rows(root, "message", error_code="")) == 3
    [masked] = rows(login("view_message"), "message", error_code="131026")
    assert masked["error_message"] == "•••"
    assert masked["error_explanation"] == message["error_explanation"]


class TestCurrentState:
    def test_members_of_a_group(self, root):
        post(member(number="15550000001"))
        post(member(number="15550000002"))
        post(member(2, number="15550000001"))
        post(member(number="15550000003", project_id="9"))
        page = url("members", "A4100")
        numbers = [each["number"] for each in root.get(page).json()["results"]]
        assert sorted(numbers) == ["15550000002", "15550000003"]
        others = root.get(page, {"project_id": "9"}).json()["results"]
        assert [each["number"] for each in others] == ["15550000003"]
        same = root.get(page, {"project_id": " 9"}).json()["results"]
        assert same == others
        every = root.get(page, {"project_id": ""}).json()["results"]
        assert len(every) == 2
        assert root.get(url("members", "120363041@g.us?")).json()["results"] == []

    def test_verdict_for_a_number(self, root, login):
        post(filtered(row("F1", 2, number="15550000001")))
        post(filtered(row("F2", 1, number="15550000001")))
        [verdict] = root.get(url("verdict", "15550000001")).json()["results"]
        assert verdict["status_label"] == "WhatsApp number"
        client = login("view_filterreport")
        assert client.get(url("verdict", "15550000001")).status_code == 403


class TestStatistics:
    def test_all_parts(self, filled, root):
        statistics = root.get(url("stats"), {"days": 7}).json()
        assert statistics["messages"] == {
            "submitted": 2,
            "delivered": 1,
            "read": 0,
            "failed": 0,
            "refunded": 0,
            "accepted": 0,
        }
        assert statistics["kinds"]["delivery_report"]["count"] == 3
        assert len(statistics["kinds"]["group_member"]["per_day"]) == 7
        assert statistics["requests"]["quarantined"] == 1
        assert statistics["channels"] == [{"channel": "8", "count": 1}]
        assert statistics["errors"] == []
        post(delivery(row("M3", 2, error_code="131026", error_message="Call +15550001111")))
        [error] = root.get(url("stats"), {"days": 7}).json()["errors"]
        explanation = error.pop("error_explanation")
        assert error == {"error_code": "131026", "error_message": "Call #", "count": 1}
        assert "not on WhatsApp" in explanation

    def test_parts_require_the_view_permission(self, filled, login):
        statistics = login("view_deliveryreport").get(url("stats")).json()
        assert statistics["kinds"]["delivery_report"]["count"] == 3
        assert statistics["kinds"]["group_member"] is None
        assert statistics["messages"] is statistics["requests"] is None
        assert statistics["errors"] is None
        post(delivery(row("M3", 2, error_message="Call +15550001111")))
        [error] = login("view_message").get(url("stats")).json()["errors"]
        assert error["error_message"] == "•••"

    @pytest.mark.parametrize("days", ["0", "91", "x"])
    def test_an_invalid_period(self, days, root):
        assert root.get(url("stats"), {"days": days}).status_code == 400

    def test_a_repeated_parameter(self, filled, root):
        answer = root.get(f"{url('message-list')}?status=1&status=2")
        assert answer.status_code == 400
        assert answer.json() == {"status": ["Expected one value; the parameter is repeated."]}
        states = f"{url('request-list')}?state=done&state=quarantined"
        assert root.get(states).status_code == 200
        assert root.get(f"{url('stats')}?days=7&days=8").status_code == 400
        assert root.get(f"{states}&after=").status_code == 200
        assert root.get(url("request-list"), {"after": "", "state": ""}).status_code == 200
        assert root.get(f"{states}&after=&page_size=1&page_size=2").status_code == 400

    def test_an_unknown_parameter(self, filled, root):
        answer = root.get(url("stats"), {"dayz": 7})
        assert answer.status_code == 400
        assert "days" in answer.content.decode()
        pk = WebhookRequest.objects.first().pk
        assert root.get(url("request-detail", pk), {"foo": 1}).status_code == 400

    def test_they_cost_few_queries(self, filled, root, django_assert_max_num_queries):
        with django_assert_max_num_queries(16):
            root.get(url("stats"), {"days": 90})

    def test_strangers(self):
        assert Client().get(url("stats")).status_code in (401, 403)


@pytest.mark.parametrize("name", ["delivery-report-list", "message-list", "stats", "schema"])
def test_no_cache_of_the_site_keeps_an_answer(name, filled, root):
    for client in (root, Client()):
        cached = client.get(url(name))["Cache-Control"]
        assert "no-store" in cached
        assert "private" in cached


class TestReplay:
    def replay(self, client, pk, **asked):
        return client.post(url("request-replay", pk), asked, content_type="application/json")

    def test_processes_again(self, filled, root):
        replays = []

        def receiver(event, is_replay, **named):
            replays.append(is_replay)

        signals.member_joined.connect(receiver)
        kept = WebhookRequest.objects.get(kind="group_member")
        answer = self.replay(root, kept.token)
        signals.member_joined.disconnect(receiver)
        assert answer.status_code == 200
        assert answer.json()["replays"] == 1
        assert replays == [True]
        assert GroupMemberEvent.objects.count() == 1
        assert WebhookRequest.objects.get(pk=kept.pk).history[0]["what"] == "processed again"

    def test_needs_no_permission_of_the_project_to_add_requests(self, filled, login, monkeypatch):
        """Such as of ``DEFAULT_PERMISSION_CLASSES``: it maps a POST to adding."""

        class Office(DjangoModelPermissions):
            def has_permission(self, request, view):
                return is_office and super().has_permission(request, view)

        is_office = True
        classes = (Office, *WebhookRequestViewSet.permission_classes)
        monkeypatch.setattr(WebhookRequestViewSet, "permission_classes", classes)
        pk = WebhookRequest.objects.first().pk
        may = login("view_webhookrequest", "replay_webhookrequest")
        assert self.replay(may, pk).status_code == 200
        assert self.replay(login("view_webhookrequest"), pk).status_code == 403
        assert self.replay(login("replay_webhookrequest"), pk).status_code == 403
        assert self.replay(Client(), pk).status_code in (401, 403)
        is_office = False  # another condition of theirs still counts
        assert self.replay(may, pk).status_code == 403

    def test_only_failed_receivers(self, login, root):
        def receiver(**named):
            raise ValueError

        signals.subscriber_added.connect(receiver)
        post(subscriber())
        signals.subscriber_added.disconnect(receiver)
        pk = WebhookRequest.objects.get().pk
        client = login("view_webhookrequest", "retry_webhookrequest")
        assert self.replay(client, pk).status_code == 403
        answer = self.replay(client, pk, only_failed_receivers=True)
        assert answer.json()["state"] == "failing"  # that receiver is gone
        assert self.replay(root, pk, only_failed_receivers="maybe").status_code == 400
        assert NewSubscriber.objects.count() == 1

    def test_a_misspelt_field_processes_nothing(self, filled, root):
        pk = WebhookRequest.objects.first().pk
        answer = self.replay(root, pk, only_failed_receiver=True)
        expected = "Unknown field. Expected one of: only_failed_receivers."
        assert (answer.status_code, answer.json()) == (400, {"only_failed_receiver": [expected]})
        assert not WebhookRequest.objects.filter(replays__gt=0).exists()
        form = {"only_failed_receivers": "true", "csrfmiddlewaretoken": "x"}
        assert root.post(url("request-replay", pk), form).status_code == 409

    def test_a_body_nested_too_deeply(self, filled, root):
        path = url("request-replay", WebhookRequest.objects.first().pk)
        answer = root.post(path, "[" * 200_000, content_type="application/json")
        assert answer.status_code == 400
        assert answer.json() == {"detail": "The body is nested too deeply."}

    @pytest.mark.parametrize("form", [{}, {"content_type": "application/json"}])
    def test_as_a_form_and_as_json(self, form, filled, login):
        pk, asked = WebhookRequest.objects.first().pk, {"only_failed_receivers": "true"}
        client = login("view_webhookrequest", "replay_webhookrequest")
        assert client.post(url("request-replay", pk), asked, **form).status_code == 403
        client = login("view_webhookrequest", "retry_webhookrequest")
        assert client.post(url("request-replay", pk), asked, **form).status_code == 409

    def test_a_request_deleted_meanwhile(self, filled, root, monkeypatch):
        def gone(pk, *args, **named):
            WebhookRequest.objects.filter(pk=pk).delete()
            return ingest_replay(pk, *args, **named)

        ingest_replay = ingest.replay
        monkeypatch.setattr(ingest, "replay", gone)
        assert self.replay(root, WebhookRequest.objects.first().pk).status_code == 404

    def test_a_claimed_request(self, root):
        request = keep(delivery(), claimed=True)
        answer = self.replay(root, request.pk)
        assert answer.status_code == 409
        assert "A worker is processing" in answer.json()["detail"]

    def test_an_erased_request(self, filled, root):
        WebhookRequest.objects.update(erased_at="2026-01-01T00:00:00Z")
        assert self.replay(root, WebhookRequest.objects.first().pk).status_code == 410

    @pytest.mark.parametrize(
        "codenames", [(), ("view_webhookrequest",), ("replay_webhookrequest",)]
    )
    def test_permissions(self, codenames, filled, login):
        client = login(*codenames)
        assert self.replay(client, WebhookRequest.objects.first().pk).status_code == 403

    def test_an_unknown_request(self, root):
        assert self.replay(root, 1).status_code == 404


def test_pages_of_a_database_with_a_time_zone_of_its_own(root, monkeypatch):
    for number in range(3):
        post(member(number=f"1555000000{number}"))
    monkeypatch.setitem(connection.settings_dict, "TIME_ZONE", "Europe/Berlin")
    connection.__dict__.pop("timezone", None)
    connection.__dict__.pop("timezone_name", None)
    try:
        page, seen = root.get(url("group-event-list"), {"page_size": 1}).json(), []
        while page["next"]:
            seen += page["results"]
            page = root.get(page["next"]).json()
        assert len(seen + page["results"]) == 3
    finally:
        connection.__dict__.pop("timezone", None)
        connection.__dict__.pop("timezone_name", None)


def test_statistics_by_country_and_of_times(root, login):
    post(delivery(row("1", "1", number="5511987654321"), row("2", "2", number="5511987654322")))
    numbers = root.get(url("stats")).json()
    [country] = numbers["deliveries"]["countries"]
    assert country == {"name": "BR", "submitted": 2, "failed": 1, "rate": 0.5, "change": None}
    assert numbers["latencies"][0]["slowest"] == WebhookRequest.objects.get().pk
    hidden = login().get(url("stats")).json()
    assert hidden["deliveries"] is hidden["latencies"] is None
