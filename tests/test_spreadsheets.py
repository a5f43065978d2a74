"""Files for spreadsheet programs: labels, local times, digits that stay, and one row a number."""

from __future__ import annotations

import csv
import subprocess
import sys
from datetime import datetime
from io import BytesIO, StringIO
from urllib.parse import quote

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.urls import reverse
from django.utils import timezone, translation
from openpyxl import load_workbook

from pickyassist_webhooks.models import (
    DeliveryReport,
    FilterReport,
    Message,
    NewSubscriber,
    WebhookRequest,
)
from tests.requests import delivery, filtered, post, row, subscriber

APP = "admin:pickyassist_webhooks"

pytestmark = pytest.mark.django_db


def get(client, model, name, **query):
    answer = client.get(reverse(f"{APP}_{model._meta.model_name}_export_{name}"), query)
    assert answer.status_code == 200
    return answer


def sheet(client, model, separator=",", **query):
    """Return the rows of the CSV file as dicts by their titles."""
    text = get(client, model, "sheet", **query).getvalue().decode()
    assert text.startswith("\ufeff")
    lines = csv.DictReader(StringIO(text[1:]), delimiter=separator, strict=True)
    return list(lines)


def book(client, model, **query):
    """Return the sheets of the workbook, each as a list of rows."""
    content = get(client, model, "xlsx", **query).getvalue()
    return [
        [[cell.value for cell in cells] for cells in each]
        for each in load_workbook(BytesIO(content)).worksheets
    ]


@pytest.fixture
def berlin(settings):
    settings.TIME_ZONE = "Europe/Berlin"
    yield
    timezone.get_default_timezone.cache_clear()


def test_a_person_reads_labels_and_local_times(root, berlin, clock):
    timezone.get_default_timezone.cache_clear()
    post(delivery(row("1", "1", number="004915550001111", message="Hi", vendor={"a": 1})))
    [cells] = sheet(root, DeliveryReport)
    report = DeliveryReport.objects.get()
    local = timezone.localtime(report.received_at)
    assert cells["Received at (Europe/Berlin)"] == f"{local:%Y-%m-%d %H:%M:%S}"
    assert cells["Status"] == "delivered"
    assert cells["Number"] == '="004915550001111"'
    assert cells["Message"] == "Hi"
    assert cells["Extra"] == 'vendor: {"a": 1}'
    assert cells["Previous status"] == ""


def test_problems_are_lines_of_words(root):
    post(delivery(row("1", "soon"), row("2", "later", note=None)))
    [cells] = sheet(root, WebhookRequest)
    first, second = cells["Problems"].splitlines()
    expected = "expected: a whole number of 64 bits"
    assert first == f"code: not_an_integer, {expected}, path: data[0].status"
    assert second == first.replace("[0]", "[1]")
    assert cells["Warnings"] == ""


def test_a_country_has_its_name(root):
    post(delivery(row("1", "1", number="5511987654321")))
    [cells] = sheet(root, Message)
    assert cells["Country"] == "Brazil"


def test_codes_have_their_words(root):
    known = row("1", "2", error_code="131026", channel_id="8")
    post(delivery(known, row("2", "2", error_code="9X")))
    other, known = sheet(root, Message)
    assert known["Error code"].startswith("131026: the number is not on WhatsApp")
    assert known["Channel"] == "8 (WhatsApp Official)"
    assert other["Error code"] == '="9X"'


def test_lines_of_a_text_stay_lines(root):
    post(delivery(row("1", message="one\r\ntwo\u202e")))
    [cells] = sheet(root, DeliveryReport)
    assert cells["Message"] == "one\ntwo\\u202e"


@pytest.mark.parametrize(
    "text",
    [
        *("007", "2026-11", "10/11", "1.2", "12E45", "10:30", "MAR1", "MAR 1", "1 May", "1 1/2"),
        *("12%", "$5", "(123456789012)", "1 000", "2026-11-29 10:00:00", "+91 98765 43210"),
    ],
)
def test_excel_makes_no_number_or_date_of_an_id(root, text):
    post(delivery(row(text, reference_number=text)))
    [cells] = sheet(root, DeliveryReport)
    assert cells["Message ID"] == cells["Reference number"] == f'="{text}"'


def test_a_file_name_keeps_all_letters(root):
    post(delivery())
    with translation.override("hi"):
        name = str(DeliveryReport._meta.verbose_name_plural).replace(" ", "-")
        answer = get(root, DeliveryReport, "sheet")
    assert quote(name) in answer["Content-Disposition"]


def test_the_file_is_named_after_its_list_and_day(root, clock):
    post(delivery())
    today = f"{timezone.localtime():%Y-%m-%d}"
    for name, ending in (("sheet", "csv"), ("xlsx", "xlsx")):
        answer = get(root, DeliveryReport, name)
        expected = f'attachment; filename="delivery-reports-{today}.{ending}"'
        assert answer["Content-Disposition"] == expected


def test_local_times_without_time_zones(root, settings):
    settings.USE_TZ = False
    post(subscriber())
    [cells] = sheet(root, NewSubscriber)
    received = NewSubscriber.objects.get().received_at
    assert cells["Received at (UTC)"] == f"{received:%Y-%m-%d %H:%M:%S}"


def test_languages_with_a_decimal_comma_separate_by_semicolons(root):
    post(subscriber(name="a,b;c", channel="7"))
    with translation.override("de"):
        [cells] = sheet(root, NewSubscriber, separator=";")
    assert "a,b;c" in cells.values()


@pytest.mark.parametrize("text", ["=1+1", "+1+1", "-1", "@1", "\t=1+1", "\uff1d1+1", '12";=1+1'])
def test_no_cell_is_a_formula_of_a_stranger(root, text):
    post(subscriber(name=text, subscriber_id="15550001111222333"))
    [cells] = sheet(root, NewSubscriber)
    assert cells["Name"][:1] not in tuple("=+-@|%\t\uff1d")
    assert cells["Subscriber ID"] == '="15550001111222333"'
    [rows] = book(root, NewSubscriber)
    values = dict(zip(*rows, strict=True))
    assert values["Subscriber ID"] == "15550001111222333"
    content = load_workbook(BytesIO(get(root, NewSubscriber, "xlsx").getvalue()))
    assert {cell.data_type for cell in content.active[2]} <= {"s", "d", "n"}


def test_a_workbook_has_numbers_times_and_texts(root):
    post(delivery(row("1", "1", message="x" * 40_000)))
    [[titles, cells]] = book(root, DeliveryReport)
    values = dict(zip(titles, cells, strict=True))
    assert values["ID"] == DeliveryReport.objects.get().pk
    assert isinstance(values["Received at (UTC)"], datetime)
    assert values["Received at (UTC)"].microsecond == 0
    assert values["Message"] == "x" * 32_767
    assert values["Previous status"] is None


def test_numbers_that_excel_would_round_are_texts(root):
    post(delivery(row("1", "9007199254740993")))
    [[titles, cells]] = book(root, DeliveryReport)
    assert dict(zip(titles, cells, strict=True))["Status"] == "9007199254740993"
    [cells] = sheet(root, DeliveryReport)
    assert cells["Status"] == '="9007199254740993"'


def test_a_full_sheet_goes_on_in_the_next(root, monkeypatch):
    monkeypatch.setattr("pickyassist_webhooks.insights.spreadsheets.MAX_ROWS", 3)
    post(delivery(*(row(str(number)) for number in range(5))))
    sheets = book(root, DeliveryReport)
    assert [len(rows) for rows in sheets] == [3, 3, 2]
    assert len({tuple(rows[0]) for rows in sheets}) == 1
    ids = [cells[0] for rows in sheets for cells in rows[1:]]
    assert ids == sorted(ids, reverse=True)


def test_an_empty_list_has_titles(root):
    [[titles]] = book(root, DeliveryReport)
    assert "Number" in titles
    assert sheet(root, DeliveryReport) == []


def test_truth_is_a_word(root):
    post(delivery(row("1", "1")))
    [cells] = sheet(root, Message)
    assert (cells["Delivery reported"], cells["Failure reported"]) == ("Yes", "No")


@pytest.mark.parametrize("name", ["sheet", "xlsx"])
def test_masked(client, name):
    post(delivery(row(number="15557654321", message="I am ill")))
    user = get_user_model().objects.create_user("clerk", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_deliveryreport"))
    client.force_login(user)
    text = str(sheet(client, DeliveryReport) if name == "sheet" else book(client, DeliveryReport))
    assert "15557654321" not in text
    assert "ill" not in text
    assert "•••321" in text


def test_without_the_extra_there_is_no_link():
    script = (
        "import sys; sys.modules['xlsxwriter'] = None; import importlib.util;"
        "real = importlib.util.find_spec;"
        "importlib.util.find_spec = lambda name, *rest:"
        " None if name == 'xlsxwriter' else real(name, *rest);"
        "import django; django.setup();"
        "from pickyassist_webhooks.admin.exporting import FORMATS; print(*FORMATS)"
    )
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert answer.stdout.split() == ["sheet", "csv", "jsonl"], answer.stderr


def test_links_above_a_list(root):
    page = root.get(reverse(f"{APP}_webhookrequest_changelist")).content.decode()
    places = [page.index(f"export.{name}") for name in ("xlsx", "sheet", "csv", "jsonl")]
    assert places == sorted(places)
    assert get(root, WebhookRequest, "xlsx")["Content-Type"].endswith("spreadsheetml.sheet")


class TestNumbers:
    """Each number once, with its current verdict."""

    def numbers(self, client, **query):
        rows = sheet(client, FilterReport, verdict="current", **query)
        return sorted((cells["Number"].strip('="'), cells["Status"]) for cells in rows)

    def test_the_last_definite_verdict_counts(self, root):
        post(filtered(row("1", 1, number="111111111"), row("2", 2, number="222222222")))
        post(filtered(row("3", 2, number="111111111"), row("4", 3, number="222222222")))
        post(filtered(row("5", 3, number="333333333"), row("6", 3, number="333333333")))
        current = self.numbers(root)
        verdicts = [
            (each.number, str(each.get_status_display()))
            for each in FilterReport.objects.verdicts()
        ]
        assert current == sorted(verdicts)
        assert [number for number, _ in current] == ["111111111", "222222222", "333333333"]

    def test_a_filter_by_status_is_about_current_verdicts(self, root):
        post(filtered(row("1", 1, number="111111111"), row("2", 2, number="222222222")))
        post(filtered(row("3", 2, number="111111111")))
        off = FilterReport.objects.get(msg_id="2").status
        numbers = self.numbers(root, status__exact=off)
        assert [number for number, _ in numbers] == ["111111111", "222222222"]
        assert self.numbers(root, status__exact=FilterReport.objects.get(msg_id="1").status) == []

    def test_projects_have_verdicts_of_their_own(self, root):
        post(filtered(row("1", 1, number="111111111")))
        post(filtered(row("2", 2, number="111111111")) | {"project_id": "4200"})
        assert len(self.numbers(root)) == 2

    def test_a_page_shows_them(self, root):
        post(filtered(row("1", 1, number="111111111"), row("2", 2, number="111111111")))
        url = reverse(f"{APP}_filterreport_changelist")
        assert root.get(url).context["cl"].result_count == 2
        assert root.get(url, {"verdict": "current"}).context["cl"].result_count == 1

    def test_a_page_tells_the_verdicts_of_two_projects_apart(self, root):
        post(filtered(row("1", 1)))
        post(filtered(row("2", 2)) | {"project_id": "4200"})
        url = reverse(f"{APP}_filterreport_changelist")
        cells = 'class="field-project_id"'
        page = root.get(url, {"verdict": "current"}).content.decode()
        assert page.count(cells) == 2
        assert ">4200<" in page
        assert cells not in root.get(url).content.decode()
