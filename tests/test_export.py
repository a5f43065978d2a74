"""Files: every row the filters leave, no formula in a cell, and nothing that may not be seen."""

from __future__ import annotations

import asyncio
import csv
import json
from io import BytesIO, StringIO
from zoneinfo import ZoneInfo

import pytest
from asgiref.sync import sync_to_async
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.db import connections
from django.test import AsyncClient
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language, override
from openpyxl import load_workbook

from pickyassist_webhooks.insights.export import csv_lines, values_of
from pickyassist_webhooks.models import (
    MODELS,
    DeliveryReport,
    Message,
    NewSubscriber,
    Push,
    WebhookRequest,
)
from pickyassist_webhooks.pushes import record_push
from pickyassist_webhooks.testing import push_answer
from tests.requests import PROJECT, chat, delivery, filtered, member, post, row, subscriber

APP = "pickyassist_webhooks"
FORMULAS = [
    "=1+1",
    "+15550001111",
    "-2+3",
    "@SUM(1)",
    "\t=1+1",
    "\r\n=1+1",
    " =1+1",
    "\u200b=1+1",
    "\uff1d1+1",
    "|calc",
    "%0A=1",
    'x";=1+1',
    "x\n=1+1",
]
OURS = sorted(
    (model for model in admin.site._registry if model._meta.app_label == APP),
    key=lambda model: model.__name__,
)
each_model = pytest.mark.parametrize("model", OURS, ids=lambda model: model.__name__)

pytestmark = pytest.mark.django_db


def where(model, name="csv"):
    return reverse(f"admin:{APP}_{model._meta.model_name}_export_{name}")


def export(client, model, **query):
    """Follow the link above the list, and return the cells of the file."""
    answer = client.get(where(model), query)
    assert answer.status_code == 200
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert answer["Content-Disposition"] == f'attachment; filename="{model._meta.model_name}.csv"'
    return list(csv.reader(StringIO(answer.getvalue().decode()), strict=True))


@pytest.fixture
def hostile(listen):
    def broken(**named):
        raise ValueError("=1+1")

    listen("delivery_received", broken)
    for number, text in enumerate(FORMULAS):
        fields = {"error_code": text, "error_message": text, "reference_number": text, text: text}
        post(delivery(row(f"{number}{text}", message=text, media=text, **fields)))
        post(filtered(row(f"={number}", -number, **fields)))
        post(member(-number, group_id=f"={number}", group_subject=text, application=text))
        named = {"name": text, "email": text, "profile_pic": text, "message": text}
        post(subscriber(subscriber_id=f"-{number}", date=text, **named))
        record_push(push_answer(push_id=f"-{number}"), project_id=text)
        answered = {"interactive": {"id": text, "description": text}, "payload": text, text: text}
        listed = {"location": {text: text}, "contact": [text], "group_mentions": [text]}
        said = {"number": text, "name": text, "message_in_raw": text, "media_url": text}
        post(chat(f"={number}", group_id=text, type=text, **said, **answered, **listed))
    Push.objects.update(error="=1+1")


@each_model
def test_no_cell_starts_a_formula(model, hostile, root):
    head, *rows = export(root, model)
    assert len(rows) == model._default_manager.count() >= len(FORMULAS)
    assert "body" not in head
    assert "key" not in head
    for cells in rows:
        assert len(cells) == len(head)
        for cell in cells:
            assert cell[:1] not in tuple("=+-@|%\t\r\n\uff1d")
            assert not cell.startswith(" =")
            assert cell.isprintable()


def test_what_a_file_says(root):
    post(
        delivery(
            row("1", "1", number="+15550001111", message='He said "hi", twice', vendor={"a": 1})
        )
    )
    [head, cells] = export(root, DeliveryReport)
    value = dict(zip(head, cells, strict=True))
    report = DeliveryReport.objects.get()
    assert value["id"] == str(report.pk)
    assert value["number"] == "'+15550001111"
    assert value["message"] == 'He said "hi", twice'
    assert json.loads(value["extra"]) == {"vendor": {"a": 1}}
    assert value["received_at"] == report.received_at.isoformat()
    assert value["request_id"] == str(report.request_id)
    assert value["previous_status"] == ""


def test_lines_are_quoted_throughout(root):
    post(subscriber(name="a;=1+1"))
    fields = [NewSubscriber._meta.get_field(name) for name in ("name", "date", "number")]
    lines = list(csv_lines(fields, values_of(NewSubscriber.objects.all(), fields, {})))
    assert lines == [
        '"name","date","number"\r\n',
        '"a;=1+1","2020-05-29T10:31:06+00:00","15550001111"\r\n',
    ]


@each_model
def test_masked(model, client, listen):
    def talkative(event, **named):
        raise ValueError(event.number)

    listen("delivery_received", talkative)
    personal = {"message": "I am ill", "name": "Ada Lovelace"}
    post(delivery(row(number="15557654321", **personal)), content_type="application/json")
    post(filtered(row(number="15557654321", **personal)))
    post(member(number="15557654321", **personal))
    post(subscriber(mobile="15557654321", **personal))
    record_push(push_answer({"number": "15557654321"}), project_id=PROJECT)
    Push.objects.update(error="15557654321 is ill")
    said = {"message_in_raw": "I am ill", "contact": [{"phone": "15557654321"}]}
    post(chat(number="15557654321", **said, **personal))
    user = get_user_model().objects.create_user("clerk", is_staff=True)
    codename = f"view_{model._meta.model_name}"
    user.user_permissions.add(Permission.objects.get(codename=codename))
    client.force_login(user)
    text = str(export(client, model))
    assert "15557654321" not in text
    assert "Ada" not in text
    assert "ill" not in text
    user.user_permissions.add(Permission.objects.get(codename="view_personal_data"))
    shown = str(export(client, model))
    assert ("15557654321" in shown) is (model is not WebhookRequest)


@each_model
def test_json_lines(model, hostile, root):
    answer = root.get(where(model, "jsonl"))
    assert answer["Content-Type"] == "application/jsonl; charset=utf-8"
    rows = [json.loads(line) for line in answer.getvalue().decode().splitlines()]
    assert len(rows) == model._default_manager.count()
    newest = model._default_manager.order_by("-pk").first()
    assert rows[0]["id"] == newest.pk  # a number, not the text of one
    assert [row["id"] for row in rows] == sorted((row["id"] for row in rows), reverse=True)
    assert "body" not in rows[0]
    for name in {"extra", "problems"} & rows[0].keys():
        assert rows[0][name] == getattr(newest, name)


@each_model
def test_json_lines_are_masked(model, hostile, client):
    user = get_user_model().objects.create_user("clerk", is_staff=True)
    codename = f"view_{model._meta.model_name}"
    user.user_permissions.add(Permission.objects.get(codename=codename))
    client.force_login(user)
    for line in client.get(where(model, "jsonl")).getvalue().decode().splitlines():
        row = json.loads(line)
        for name in {"number", "query", "error"} & row.keys():
            assert row[name].startswith("•••")


def test_only_what_the_filters_leave(root):
    post(delivery(row("1", 1), row("2", 2), row("3", 2)))
    assert len(export(root, DeliveryReport, status__exact=2)) == 3
    assert len(export(root, DeliveryReport, q="1")) == 2
    assert len(export(root, DeliveryReport, status__exact=2, q="1")) == 1


def test_all_that_a_search_finds(root, monkeypatch):
    monkeypatch.setattr("pickyassist_webhooks.admin.lists.MAX_MATCHES", 2)
    post(delivery(*(row(str(number), number="15550007777") for number in range(1, 6))))
    page = reverse(f"admin:{APP}_deliveryreport_changelist")
    answer = root.get(page, {"q": "15550007777"})
    assert answer.context["cl"].result_count == 2
    assert "More than 2 rows match the search." in answer.content.decode()
    assert len(export(root, DeliveryReport, q="15550007777")) == 6
    # Of a repeated search, the last one counts, as in the list.
    assert len(export(root, DeliveryReport, q=["1", "15550007777"])) == 6


def test_a_note_of_a_search_is_shown_once(root, monkeypatch):
    monkeypatch.setattr("pickyassist_webhooks.admin.lists.MAX_MATCHES", 2)
    for number in range(3):
        post(delivery(row(str(number), number="15550007777")))
    page = reverse(f"admin:{APP}_webhookrequest_changelist") + "?q=15550007777"
    chosen = {"action": "process_again", "select_across": "1", "_selected_action": ["1"]}
    answer = root.post(page, chosen, follow=True).content.decode()
    assert answer.count("More than 2 rows match the search.") == 1
    assert "Process 2 requests again" in answer


def test_in_the_language_and_time_zone_of_the_page(root, settings):
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "tests.test_export.abroad"]
    post(delivery(row("1", 2)))
    answer = root.get(where(Message, "sheet"))
    assert "nachrichten-" in answer["Content-Disposition"]
    # The server sends it after the middleware has returned.
    assert get_language() == "en-us"
    text = b"".join(answer.streaming_content).decode("utf-8-sig")
    assert "fehlgeschlagen" in text
    assert ";" in text.splitlines()[0]
    assert "Asia/Tokyo" in text.splitlines()[0]
    assert get_language() == "en-us"


def abroad(get_response):
    """Let each page be in German, at the time of Tokyo."""

    def middleware(request):
        with override("de"), timezone.override(ZoneInfo("Asia/Tokyo")):
            return get_response(request)

    return middleware


def test_the_link_keeps_the_filters_and_not_the_page(root):
    page = reverse(f"admin:{APP}_deliveryreport_changelist")
    content = root.get(page, {"status__exact": "2", "p": "1"}).content.decode()
    assert f'href="{where(DeliveryReport)}?status__exact=2"' in content


def test_a_filter_that_is_none_leads_back_to_the_list(root):
    answer = root.get(where(DeliveryReport), {"received_at__gte": "yesterday"}, follow=True)
    [(address, _)] = answer.redirect_chain
    assert address.endswith("?e=1")
    assert b"A filter in the address was invalid: all rows are shown." in answer.content


@pytest.mark.parametrize("page", ["changelist", "export_csv", "export_xlsx"])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("status__in", f"1,{2**64}"),
        ("id__in", str(2**64)),
        ("request__exact", str(2**64)),
        ("received_at__gte", "0001-01-01T00:00:00+14:00"),
        ("received_at__year", "-1"),
        ("status__range", ""),
        ("status__range", "123"),
    ],
)
def test_a_filter_that_a_database_refuses_is_no_error_of_ours(name, value, page, root):
    post(delivery(row("1")))
    url = reverse(f"admin:{APP}_deliveryreport_{page}")
    answer = root.get(url, {name: value}, follow=True)
    assert answer.status_code == 200
    read = b"".join(answer) if answer.streaming else answer.content
    assert read


@each_model
def test_who_may(model, client):
    client.force_login(get_user_model().objects.create_user("clerk", is_staff=True))
    for name in ("csv", "jsonl"):
        assert client.get(where(model, name)).status_code == 403


def test_a_request_is_known_by_its_token(root):
    token = post(delivery()).json()["id"]
    head, cells = export(root, WebhookRequest)
    assert cells[head.index("token")] == token


def test_a_search_for_what_no_text_holds(root):
    post(delivery())
    assert len(export(root, DeliveryReport, q="\0")) == 1


def test_every_row_of_many_chunks(root, monkeypatch):
    monkeypatch.setattr("pickyassist_webhooks.insights.export._ROWS_AT_ONCE", 3)
    post(delivery(*(row(str(number)) for number in range(9))))
    _, *cells = export(root, DeliveryReport)
    pks = DeliveryReport.objects.order_by("-pk").values_list("pk", flat=True)
    assert [cell[0] for cell in cells] == [str(pk) for pk in pks]


def test_bodies_are_not_read(root, django_assert_max_num_queries):
    for number in range(3):
        post(delivery(row(str(number))))
    with django_assert_max_num_queries(14) as captured:
        export(root, WebhookRequest)
    reading = [query["sql"] for query in captured.captured_queries if "replays" in query["sql"]]
    assert reading
    assert not any('"body"' in sql or "`body`" in sql for sql in reading)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("name", "count_rows"),
    [
        ("csv", lambda content: content.count(b"\r\n") - 1),
        ("xlsx", lambda content: load_workbook(BytesIO(content)).active.max_row - 1),
    ],
)
def test_under_asgi(root, name, count_rows):
    for number in range(3):
        post(delivery(row(str(number))))
    page = where(DeliveryReport, name)

    async def download():
        client = AsyncClient()
        client.cookies = root.cookies
        answer = await client.get(page)
        try:
            return b"".join([chunk async for chunk in answer.streaming_content])
        finally:
            # Those of the thread in which Django ran, which ends with this loop.
            await sync_to_async(connections.close_all)()

    assert count_rows(asyncio.run(download())) == 3


def test_every_kind_is_registered():
    assert set(MODELS.values()) < set(OURS)


class TestFileThatIsCut:
    """As a server's timeout cuts it: after some of the pieces that were sent."""

    @pytest.fixture
    def sent(self, root):
        for start in range(3):
            post(delivery(*(row(f"{start}-{number}") for number in range(400))))

        def sent(name):
            answer = root.get(where(DeliveryReport, name))
            assert answer.streaming
            # Or a proxy that speaks HTTP/1.1 could not tell that the end is missing.
            assert "Content-Length" not in answer
            return [piece.decode() for piece in answer.streaming_content]

        return sent

    def test_is_no_csv(self, sent):
        pieces = sent("csv")
        assert len(list(csv.reader(StringIO("".join(pieces)), strict=True))) == 1201
        assert len(pieces) > 3
        for end in range(1, len(pieces)):
            with pytest.raises(csv.Error, match="unexpected end of data"):
                list(csv.reader(StringIO("".join(pieces[:end])), strict=True))

    def test_is_no_json_lines(self, sent):
        pieces = sent("jsonl")
        assert len([json.loads(line) for line in "".join(pieces).splitlines()]) == 1200
        assert len(pieces) > 3
        for end in range(1, len(pieces)):
            *_, last = "".join(pieces[:end]).splitlines()
            with pytest.raises(json.JSONDecodeError):
                json.loads(last)

    @pytest.mark.parametrize("name", ["csv", "jsonl"])
    def test_is_told_from_one_without_rows(self, name, root):
        content = root.get(where(DeliveryReport, name)).getvalue().decode()
        assert (content == "") == (name == "jsonl")
        assert content == "" or content.endswith('"\r\n')
