"""Why messages failed: the error of a message, its words, and the lists of it."""

from __future__ import annotations

from datetime import timedelta
from importlib import import_module
from itertools import permutations
from urllib.parse import parse_qs, urlsplit

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.urls import reverse
from django.utils import timezone

from pickyassist_webhooks import ingest
from pickyassist_webhooks.admin.messages import MAX_ERROR as MAX_SHOWN
from pickyassist_webhooks.inbox.sweep import sweep
from pickyassist_webhooks.insights import errors, overview
from pickyassist_webhooks.insights.deliveries import in_use
from pickyassist_webhooks.insights.error_codes import explained
from pickyassist_webhooks.models import DeliveryReport, Message
from pickyassist_webhooks.models.messages import MAX_ERROR
from pickyassist_webhooks.parsing.errors import MAX_GROUP, without_numbers
from tests.pages import Page
from tests.requests import delivery, keep, post, row

pytestmark = pytest.mark.django_db

OVERVIEW = "/admin/pickyassist_webhooks/"
LIST = "admin:pickyassist_webhooks_message_changelist"
HINT = "the number is not on WhatsApp"
PRIVATE = "Ada cannot be reached at +15550001111"


def failed(msg_id="1", status=2, code="131026", text="Undeliverable", **fields):
    return row(msg_id, status, error_code=code, error_message=text, **fields)


def error():
    """Return the error of the only message."""
    message = Message.objects.get()
    return message.error_status, message.error_code, message.error_message


class TestRule:
    REPORTS = (
        failed(status=4, code="1", text="submitted"),
        failed(status=0, code="2", text="unknown"),
        failed(status=77, code="3", text="unlisted"),
        failed(status=2, code="4", text="failed"),
        failed(status=5, code="5", text=""),
        failed(status=1, code="6", text="delivered"),
        failed(status=3, code="7", text="read"),
    )

    @pytest.mark.parametrize("ways", ["one by one", "together"])
    def test_the_highest_status_with_an_error_counts_in_any_order(self, ways):
        for number, order in enumerate(permutations(self.REPORTS[2:6])):
            rows = [each | {"msg_id": f"m{number}"} for each in order]
            for body in [delivery(*rows)] if ways == "together" else map(delivery, rows):
                post(body)
        kept = set(Message.objects.values_list("error_status", "error_code", "error_message"))
        assert kept == {(5, "5", "")}
        assert Message.objects.count() == 24

    @pytest.mark.parametrize(
        ("reports", "expected"),
        [
            (REPORTS[:1], (None, "", "")),
            (REPORTS[:2], (0, "2", "unknown")),
            (REPORTS[:3], (77, "3", "unlisted")),
            (REPORTS[:4], (2, "4", "failed")),
            (REPORTS[5:], (None, "", "")),
            ((failed(), row("1", 5)), (2, "131026", "Undeliverable")),
            ((failed(), failed(code="", text="later")), (2, "131026", "Undeliverable")),
            ((row("1", 2), failed(code=""), failed()), (2, "131026", "Undeliverable")),
            ((failed(text=""), failed(code="8", text="a")), (2, "131026", "a")),
        ],
    )
    @pytest.mark.parametrize("way", ["one by one", "together", "by the sweep"])
    def test_is_that_of_the_stored_report(self, reports, expected, way):
        if way == "together":
            post(delivery(*reports))
        else:
            for report in reports:
                (keep if way == "by the sweep" else post)(delivery(report))
            sweep()
        assert error() == expected
        stored = DeliveryReport.objects.filter(status=expected[0]).values_list(
            "error_code", "error_message"
        )
        assert list(stored) == ([expected[1:]] if expected[0] is not None else [])

    def test_the_order_of_processing_does_not_matter(self):
        requests = [keep(delivery(each)) for each in (failed(), failed(status=5, code="9"))]
        for request in reversed(requests):
            ingest.process(request.pk)
        assert error() == (5, "9", "Undeliverable")

    def test_a_long_text_is_cut_only_in_the_message(self):
        post(delivery(failed(text="x" * 5000, code="7" * 255)))
        message = Message.objects.get()
        assert message.error_message == "x" * MAX_ERROR
        assert message.error_group == "7" * MAX_GROUP
        assert message.reports().get().error_message == "x" * 5000


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("More than 24 hours", "More than # hours"),
        ("Call +1 (555) 000-1111 now", "Call # now"),
        ("message wamid.HBgM12 to 15550001111.", "message wamid.# to #."),
        ("a\n b", "a b"),
        ("limit: 3, not 4", "limit: #, not #"),
        ("1,234.50 or 1.234,50", "# or #"),
        ("-5 s left", "# s left"),
        ("1, 2", "#, #"),
        ("error-5, a--6", "error-#, a--#"),
        ("No number", "No number"),
        ("", ""),
    ],
)
def test_texts_without_numbers(text, expected):
    assert without_numbers(text) == expected


def test_a_long_word_is_read_in_time():
    assert without_numbers("x" * 1_000_000 + "1") == "#"
    assert without_numbers("x" * 1_000_000) == "x" * 1_000_000


def test_codes_in_words():
    assert explained("131026").startswith(HINT)
    assert explained("131026").endswith("(Meta)")
    assert explained("802").endswith("(Picky Assist)")
    assert explained("") == explained("1") == ""


class TestMostFrequent:
    def since(self):
        return overview.latest_days(30)[0]

    def come(self, *rows, days=0):
        request = keep(delivery(*rows), received_at=timezone.now() - timedelta(days=days))
        ingest.process(request.pk)

    @pytest.fixture
    def filled(self):
        self.come(*[failed(f"a{n}", text=f"Not {n} reached at 1555000{n}") for n in range(3)])
        self.come(failed("b1", status=5, code="131026", text="Blocked"))
        self.come(failed("b2", code="", text="Blocked"), failed("b3", code="", text="Full"))
        self.come(failed("received"), row("received", 1))
        self.come(failed("old", code="9"), days=40)
        self.come(row("none", 2))

    def test_by_code_and_text_without_numbers(self, filled):
        found = errors.errors(self.since())
        assert [(each.code, each.text, each.count) for each in found] == [
            ("131026", "Not # reached at #", 3),
            ("", "Blocked", 1),
            ("", "Full", 1),
            ("131026", "Blocked", 1),
        ]
        assert Message.objects.get(pk=found[0].newest).msg_id == "a2"

    def test_without_texts_by_code_alone(self, filled):
        found = errors.errors(self.since(), with_texts=False)
        assert [(each.code, each.text, each.count) for each in found] == [
            ("131026", "•••", 4),
            ("", "•••", 2),
        ]

    def test_codes_in_use(self, filled):
        assert in_use()["error_code"] - {""} == {"131026", "9"}

    @pytest.mark.parametrize("may_see_texts", [True, False])
    def test_each_row_links_to_what_it_counts(self, filled, login, may_see_texts):
        names = ("view_message", *(["view_personal_data"] if may_see_texts else []))
        client = login(*names)
        page = Page(client.get(OVERVIEW))
        links = [each for each in page.links if "error_" in each]
        counts = [client.get(each).context["cl"].result_count for each in links]
        assert counts == ([3, 1, 1, 1] if may_see_texts else [4, 2])
        names = {name for each in links for name in parse_qs(urlsplit(each).query, True)}
        assert ("error_of" in names) == may_see_texts
        assert HINT in page.text
        assert ("Not # reached" in page.text) == may_see_texts


class TestAdmin:
    @pytest.fixture(autouse=True)
    def filled(self):
        post(delivery(row("1", 4), failed("1", text=PRIVATE), failed("2", code="470", text="")))
        post(delivery(failed("3", code="new", text="Strange"), row("4", 1)))

    def listed(self, client, **query):
        rows = client.get(reverse(LIST), query).context["cl"].queryset
        return sorted(rows.values_list("msg_id", flat=True))

    def test_the_list_shows_code_hint_and_text(self, root):
        text = Page(root.get(reverse(LIST))).text
        assert f"131026: {HINT}" in text
        assert PRIVATE in text
        assert "470" in text

    def test_filter_and_search(self, root):
        assert self.listed(root, error_code="131026") == ["1"]
        assert self.listed(root, error_code="unused") == []
        assert self.listed(root, error_code="") == []
        assert self.listed(root, q="470") == ["2"]
        assert self.listed(root, q="NEW") == ["3"]
        assert self.listed(root) == ["1", "2", "3", "4"]

    def test_offers_the_codes_that_came(self, root):
        page = Page(root.get(reverse(LIST), {"error_code": ""}))
        offered = {
            parse_qs(urlsplit(each).query, True).get("error_code", [None])[0] for each in page.links
        }
        assert {"131026", "470", "new", ""} <= offered
        assert "without a code" in page.text

    def test_the_page_links_to_the_same_error(self, root):
        message = Message.objects.get(msg_id="3")
        page = Page(
            root.get(reverse("admin:pickyassist_webhooks_message_change", args=[message.pk]))
        )
        [link] = [each for each in page.links if "error_of=" in each]
        post(
            delivery(failed("5", code="new", text="Strange"), failed("6", code="new", text="Other"))
        )
        assert root.get(link).context["cl"].result_count == 2

    def page(self, client, msg_id="1"):
        message = Message.objects.get(msg_id=msg_id)
        url = reverse("admin:pickyassist_webhooks_message_change", args=[message.pk])
        return Page(client.get(url)).text

    def test_page_and_timeline(self, root):
        text = self.page(root)
        assert text.count(f"131026: {HINT}") == 2
        assert text.count(PRIVATE) == 2
        assert "all messages with this error" not in self.page(root, "4")

    def test_a_message_without_an_error_has_no_fields_of_one(self, root):
        post(delivery(row("8", 1)))
        for msg_id, is_shown in (("1", True), ("8", False)):
            message = Message.objects.get(msg_id=msg_id)
            url = reverse("admin:pickyassist_webhooks_message_change", args=[message.pk])
            page = root.get(url).content.decode()
            for name in ("error_code", "error_message", "same_error"):
                assert (f"field-{name}" in page) is is_shown
            assert "field-conflict_explained" not in page

    def test_a_long_text_is_cut_in_the_timeline(self, root):
        post(delivery(failed("7", text="y" * 900, code="")))
        assert self.page(root, "7").count("y" * 900) == 1
        assert "y" * MAX_SHOWN in self.page(root, "7")

    def test_staff_see_the_code_and_the_hint_only(self, login):
        client = login("view_message", "view_deliveryreport")
        for text in (self.page(client), Page(client.get(reverse(LIST))).text):
            assert f"131026: {HINT}" in text
            assert "Ada" not in text
            assert "•••" in text

    def test_the_list_of_reports_shows_it(self, root):
        url = reverse("admin:pickyassist_webhooks_deliveryreport_changelist")
        assert f"131026: {HINT}" in Page(root.get(url)).text

    def test_exports(self, root, login):
        url = reverse("admin:pickyassist_webhooks_message_export_csv")
        lines = b"".join(root.get(url, {"error_code": "131026"})).decode().splitlines()
        assert len(lines) == 2
        assert f'"131026","{PRIVATE}"' in lines[1]
        masked = b"".join(login("view_message").get(url)).decode()
        assert '"131026","•••"' in masked
        assert "Ada" not in masked
        assert "error_group" not in masked

    def test_an_unknown_page(self, root):
        url = reverse("admin:pickyassist_webhooks_message_change", args=[10**6])
        assert root.get(url).status_code == 302


@pytest.mark.parametrize("name", ["error_code", "error_group"])
def test_an_index_finds_them(name):
    post(delivery(failed()))
    wanted = {name: getattr(Message.objects.get(), name)}
    messages = Message.objects.filter(error_group__isnull=False, **wanted)
    newest = messages.order_by("-first_reported_at", "-pk")[:50]
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off")
            cursor.execute("SET LOCAL enable_sort = off")
    [index] = [each.name for each in Message._meta.indexes if each.fields[0] == name]
    assert index in newest.explain()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("at_once", [2, 1000])
def test_messages_of_before_get_their_errors_by_the_migration(at_once, monkeypatch):
    app = "pickyassist_webhooks"
    migration = import_module(f"{app}.migrations.0016_fill_errors")
    monkeypatch.setattr(migration, "BATCH", at_once)
    post(delivery(*TestRule.REPORTS))
    post(delivery(failed("2", status=77, code="77"), failed("2", status=-7, code="-7"), row("3")))
    post(delivery(failed("4", code="", text="x" * 5000), failed("4", status=0), failed("", 2)))
    names = ("msg_id", "error_status", "error_code", "error_message", "error_group")
    expected = list(Message.objects.order_by("pk").values_list(*names))
    MigrationExecutor(connection).migrate([(app, "0014_chat_messages")])
    try:
        columns = {
            column.name
            for column in connection.introspection.get_table_description(
                connection.cursor(), Message._meta.db_table
            )
        }
        assert "error_code" not in columns
    finally:
        executor = MigrationExecutor(connection)
        executor.migrate(executor.loader.graph.leaf_nodes())
    assert list(Message.objects.order_by("pk").values_list(*names)) == expected
    assert [each[1] for each in expected] == [5, 77, None, 2]
