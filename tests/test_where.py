"""When and where: the country of a number, filters by days, and the rates on the overview."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from html import unescape
from importlib import import_module
from urllib.parse import parse_qs, urlsplit

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.template import Context, Template
from django.urls import reverse
from django.utils import timezone as clock
from django.utils import translation
from django.utils.html import strip_tags

from pickyassist_webhooks import ingest
from pickyassist_webhooks.admin.labels import local_time, points
from pickyassist_webhooks.insights import deliveries, overview
from pickyassist_webhooks.insights.country_names import NAMES
from pickyassist_webhooks.models import Message
from pickyassist_webhooks.parsing.countries import _COUNTRIES, country_of
from pickyassist_webhooks.pushes import record_push
from pickyassist_webhooks.testing import push_answer
from tests.pages import Page
from tests.requests import delivery, keep, post, row

APP = "pickyassist_webhooks"
LIST = reverse(f"admin:{APP}_message_changelist")
OVERVIEW = reverse("admin:app_list", args=[APP])
BRAZIL, INDIA = "5511987654321", "919812345678"


def come(body, at=None):
    ingest.process(keep(body, received_at=at or clock.now()).pk)


def to(number, name, status="1", **more):
    return row(name, status, number=number, **more)


class TestCountry:
    @pytest.mark.parametrize(
        ("number", "country"),
        [
            (BRAZIL, "BR"),
            ("+55 (11) 98765-4321", "BR"),
            ("5511987654321@c.us", "BR"),
            ("005511987654321", "BR"),
            ("12125550100", "US"),
            ("14165550100", "CA"),
            ("18765550100", "JM"),
            ("79161234567", "RU"),
            ("77011234567", "KZ"),
            ("447400123456", "GB"),
            ("441481960194", "GG"),
            ("447700112345", "GB"),
            ("447700312345", "JE"),
            ("447700712345", "JE"),
            ("447700812345", "JE"),
            ("447911012345", "GB"),
            ("447911112345", "GG"),
            ("447911712345", "GG"),
            ("447457012345", "GB"),
            ("447457612345", "IM"),
            ("447924012345", "IM"),
            ("262262123456", "RE"),
            ("262268812345", "RE"),
            ("262268912345", "YT"),
            ("262709212345", "RE"),
            ("262709512345", "RE"),
            ("262709351234", "YT"),
            ("262939812345", "YT"),
            ("262947812345", "YT"),
            ("262976912345", "YT"),
            ("3906698123456", "VA"),
            ("390612345678", "IT"),
            ("262639123456", "YT"),
            ("38344123456", "XK"),
        ],
    )
    def test_longest_code_wins(self, number, country):
        assert country_of(number) == country

    @pytest.mark.parametrize(
        "text",
        [
            *("", "55", "0", "Ada", "1" * 16, "8001234567890", "8881234567"),
            *("5511987654321@g.us", "5511987654321-1589@g.us"),
        ],
    )
    def test_of_other_texts(self, text):
        assert country_of(text) == ""

    def test_each_has_a_name(self):
        assert set(NAMES) == set(_COUNTRIES.values())
        assert len(set(map(str, NAMES.values()))) == len(NAMES)


@pytest.mark.django_db
class TestColumn:
    def stored(self):
        return list(Message.objects.order_by("pk").values_list("country", flat=True))

    def test_follows_from_the_number(self):
        post(delivery(to(BRAZIL, "1"), to("", "2")))
        assert self.stored() == ["BR", ""]
        post(delivery(to(INDIA, "2", "3")))  # a later report fills the number
        assert self.stored() == ["BR", "IN"]

    @pytest.mark.urls("tests.urls_api")
    def test_an_unknown_country_is_refused(self, root):
        answer = root.get("/api/messages/", {"country": "Brazil"})
        assert answer.status_code == 400
        assert answer.json() == {"country": ["Expected an ISO 3166-1 code, such as BR."]}

    @pytest.mark.urls("tests.urls_api")
    @pytest.mark.parametrize("code", ["BR", "br"])
    def test_filter_of_the_api(self, root, code):
        post(delivery(to(BRAZIL, "1"), to(INDIA, "2")))
        [message] = root.get("/api/messages/", {"country": code}).json()["results"]
        assert (message["msg_id"], message["country"]) == ("1", "BR")

    @pytest.mark.parametrize("name", ["country", "channel"])
    def test_an_index_finds_it_in_the_order_of_the_list(self, name):
        post(delivery(to(BRAZIL, "1")))
        newest = Message.objects.filter(**{name: getattr(Message.objects.get(), name)})
        with connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                cursor.execute("SET LOCAL enable_seqscan = off")
                cursor.execute("SET LOCAL enable_sort = off")
        plan = newest.order_by("-first_reported_at", "-pk")[:50].explain()
        assert f"pickyassist_message_{name}" in plan

    def test_the_filter_offers_more_than_the_newest(self, root):
        come(delivery(to(BRAZIL, "old")), clock.now() - timedelta(days=1))
        post(delivery(*(to(INDIA, str(number)) for number in range(1001))))
        [spec] = [each for each in specs(root.get(LIST)) if each.title == "country"]
        assert [value for value, _name in spec.lookup_choices] == ["BR", "IN", ""]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("at_once", [2, 900])
def test_messages_of_before_get_their_countries_by_the_migration(at_once, monkeypatch):
    migration = import_module(f"{APP}.migrations.0022_fill_countries")
    monkeypatch.setattr(migration, "BATCH", at_once)
    post(delivery(to(BRAZIL, "1"), to(INDIA, "2"), to("", "3"), to(BRAZIL, "4")))
    MigrationExecutor(connection).migrate([(APP, "0017_secret_labels")])
    try:
        table = Message._meta.db_table
        columns = connection.introspection.get_table_description(connection.cursor(), table)
        assert "country" not in {column.name for column in columns}
    finally:
        executor = MigrationExecutor(connection)
        executor.migrate(executor.loader.graph.leaf_nodes())
    countries = Message.objects.order_by("msg_id").values_list("country", flat=True)
    assert list(countries) == ["BR", "IN", "", "BR"]


@pytest.mark.django_db
class TestDays:
    @pytest.fixture(autouse=True)
    def filled(self):
        self.today = overview.latest_days(1)[0]
        for ago in range(4):
            day = overview.midnight(self.today - timedelta(days=ago))
            come(delivery(to(BRAZIL, f"first {ago}")), day)
            come(delivery(to(INDIA, f"last {ago}")), day + timedelta(hours=23, minutes=59))

    def day(self, ago):
        return (self.today - timedelta(days=ago)).isoformat()

    def listed(self, client, query):
        rows = client.get(LIST, query).context["cl"].queryset
        return set(rows.values_list("msg_id", flat=True))

    def test_yesterday(self, root):
        [spec] = [each for each in specs(root.get(LIST)) if hasattr(each, "links")]
        query = {name: str(value) for name, value in dict(spec.links)["Yesterday"].items()}
        assert self.listed(root, query) == {"first 1", "last 1"}

    @pytest.mark.parametrize(
        ("first", "last", "days"),
        [
            (2, 1, {1, 2}),
            (1, 1, {1}),
            (None, 2, {2, 3}),
            (1, None, {0, 1}),
            (None, None, {*range(4)}),
        ],
    )
    def test_a_range_includes_both_days(self, first, last, days, root):
        names = {"first_reported_at__from": first, "first_reported_at__to": last}
        query = {name: "" if ago is None else self.day(ago) for name, ago in names.items()}
        assert self.listed(root, query) == {
            f"{end} {ago}" for ago in days for end in ("first", "last")
        }

    @pytest.mark.parametrize(
        ("first", "last", "message"),
        [
            ("27.11.2026", "", "'27.11.2026' is not a date: use the format YYYY-MM-DD."),
            ("", "2026-02-30", "'2026-02-30' is not a date"),
            ("<b>\0", "", r"'<b>\u0000' is not a date"),
            ("2026-02-02", "2026-02-01", "The first day is after the last day."),
        ],
    )
    def test_bad_dates_are_refused(self, first, last, message, root):
        query = {"first_reported_at__from": first, "first_reported_at__to": last, "country": "BR"}
        page = root.get(LIST, query)
        assert message in unescape(page.content.decode())
        assert not page.context["cl"].queryset.exists()
        assert 'name="country" value="BR"' in page.content.decode()

    def test_a_bad_date_makes_no_empty_file(self, root):
        export = reverse("admin:pickyassist_webhooks_message_export_csv")
        query = "country=BR&first_reported_at__from=27.11.2026"
        answer = root.get(f"{export}?{query}", follow=True)
        assert answer.redirect_chain == [(f"{LIST}?{query}", 302)]
        assert unescape(answer.content.decode()).count("'27.11.2026' is not a date") == 1

    @pytest.mark.parametrize("action", ["delete_selected", "erase_numbers", "", "none"])
    def test_a_bad_date_is_told_once_if_an_action_is_posted(self, action, root):
        chosen = {"action": action, "_selected_action": [1], "index": 0}
        answer = root.post(f"{LIST}?first_reported_at__from=27.11.2026", chosen, follow=True)
        assert unescape(answer.content.decode()).count("'27.11.2026' is not a date") == 1
        again = root.get(LIST, {"first_reported_at__from": "27.11.2026"})
        assert unescape(again.content.decode()).count("'27.11.2026' is not a date") == 1

    @pytest.mark.parametrize("first", ["0001-01-01", "9999-12-31"])
    def test_days_at_the_ends_of_the_calendar(self, first, root):
        query = {"first_reported_at__from": first, "first_reported_at__to": "9999-12-31"}
        assert len(self.listed(root, query)) == (8 if first < "2" else 0)

    def test_the_form_keeps_all_else(self, root):
        query = {"country": "BR", "q": BRAZIL, "o": "1", "first_reported_at__from": self.day(1)}
        page = root.get(LIST, query)
        [spec] = [each for each in specs(page) if hasattr(each, "kept")]
        assert dict(spec.kept) == {"country": "BR", "q": BRAZIL, "o": "1"}
        assert f'value="{self.day(1)}"' in page.content.decode()
        links = [choice["query_string"] for choice in spec.choices(page.context["cl"])]
        assert not any("__from" in link for link in links)

    @pytest.mark.parametrize("name", ["deliveryreport", "webhookrequest", "push", "chatmessage"])
    def test_of_other_lists(self, name, root):
        page = root.get(reverse(f"admin:{APP}_{name}_changelist"))
        assert "Yesterday" in Page(page).text
        assert 'type="date"' in page.content.decode()

    def test_columns_of_times_are_still_sorted(self, root):
        page = root.get(LIST, {"o": "1"})
        names = page.context["cl"].queryset.values_list("msg_id", flat=True)
        assert names[0] == "first 3"
        assert "sortable column-first_reported_at" in page.content.decode()

    def test_without_time_zones(self, root, settings):
        settings.USE_TZ = False
        assert root.get(LIST, {"first_reported_at__from": self.day(1)}).status_code == 200


def specs(page):
    return page.context["cl"].filter_specs


@pytest.mark.django_db
class TestFilters:
    def test_offer_countries_by_name(self, root):
        post(delivery(to(BRAZIL, "1"), to(INDIA, "2")))
        [spec] = [each for each in specs(root.get(LIST)) if each.title == "country"]
        assert spec.lookup_choices == [("BR", "Brazil"), ("IN", "India"), ("", "unknown")]

    @pytest.mark.parametrize(
        ("query", "expected"),
        [
            ({"country": "BR"}, {"1"}),
            ({"country": ""}, {"3"}),
            ({"country": "ZZ"}, set()),
            ({"channel": "11"}, {"3"}),
        ],
    )
    def test_show_only_those(self, query, expected, root):
        post(delivery(to(BRAZIL, "1"), to("", "3")))
        Message.objects.filter(msg_id="3").update(channel="11")
        rows = root.get(LIST, query).context["cl"].queryset
        assert set(rows.values_list("msg_id", flat=True)) == expected

    def test_offer_nothing_in_an_empty_list(self, root):
        assert "country" not in {each.title for each in specs(root.get(LIST))}


@pytest.mark.django_db
class TestDeliveries:
    @pytest.fixture
    def filled(self):
        for days, status in ((1, "1"), (8, "2")):
            at = clock.now() - timedelta(days=days)
            come(delivery(*(to(INDIA, f"in {days} {each}", "1") for each in range(2))), at)
            come(delivery(to(BRAZIL, f"br {days}", status), to(BRAZIL, f"br2 {days}", "2")), at)
        come(delivery(to("", "?", "4")))

    def test_rates_and_changes(self, filled):
        # Accepted only, so no report tells its result yet.
        record_push(push_answer({"msg_id": "a", "number": INDIA}), project_id="4100")
        of_period = deliveries.deliveries(overview.latest_days(7))
        assert of_period.countries == [
            deliveries.Delivery("BR", 2, 1, 0.5, 0.5),
            deliveries.Delivery("IN", 2, 0, 1.0, 0.0),
            deliveries.Delivery("", 1, 0, 0.0, None),
        ]
        [channel] = of_period.channels
        assert (channel.submitted, channel.failed, channel.rate) == (5, 1, 0.6)
        assert channel.change == pytest.approx(0.1)
        assert not of_period.is_cut

    def test_only_the_newest_are_counted(self, filled, monkeypatch, root):
        monkeypatch.setattr(deliveries, "DELIVERY_SAMPLE", 1)
        of_period = deliveries.deliveries(overview.latest_days(7))
        assert of_period.is_cut
        assert sum(each.submitted for each in of_period.countries) < 5
        assert "Only the newest" in Page(root.get(OVERVIEW, {"days": 7})).text

    def test_failed_messages_to_brazil_are_two_clicks_away(self, filled, root):
        page = Page(root.get(OVERVIEW, {"days": 7}))
        assert page.has("Delivery rate by country")
        assert "▲ +50.0" in page.text
        [link] = [each for each in page.links if "country=BR" in each and "status__in" in each]
        messages = root.get(link)
        assert [each.msg_id for each in messages.context["cl"].result_list] == ["br2 1"]
        [spec] = [each for each in specs(messages) if hasattr(each, "links")]
        [yesterday] = [
            each for each in spec.choices(messages.context["cl"]) if each["display"] == "Yesterday"
        ]
        query = parse_qs(urlsplit(yesterday["query_string"]).query)
        assert (query["country"], query["status__in"]) == (["BR"], ["2,5"])

    def test_need_the_permission_to_view_messages(self, filled, login):
        assert "Delivery rate" not in Page(login("view_deliveryreport").get(OVERVIEW)).text

    def test_differences_in_words(self):
        shown = [strip_tags(points(change)) for change in (0.123, -0.05, 0.0001)]
        assert shown == ["▲ +12.3", "▼ \u22125.0", "unchanged"]


class TestTimes:
    AT = datetime(2026, 11, 28, 13, 3, 12, 999, timezone.utc)

    def test_have_seconds_and_a_zone(self):
        with clock.override("Europe/Berlin"):
            assert local_time(self.AT) == "2026-11-28 14:03:12 CET"
        with clock.override("UTC"):
            assert local_time(self.AT) == "2026-11-28 13:03:12 UTC"

    def test_without_time_zones(self, settings):
        settings.USE_TZ, settings.TIME_ZONE = False, "Europe/Berlin"
        shown = local_time(datetime(2026, 11, 28, 14, 3, 12))
        assert shown == "2026-11-28 14:03:12 CET"

    def test_as_a_filter_of_templates(self):
        template = Template("{% load pickyassist_admin %}{{ at|to_the_second }}")
        with clock.override("UTC"), translation.override("de"):
            shown = template.render(Context({"at": self.AT}))
        assert shown.startswith('<bdi dir="ltr">')
        assert ">28.11.2026<" in shown  # breaks at no hyphen
        assert strip_tags(shown) == "28.11.2026 13:03:12 UTC"
