"""The overview and its pages: right numbers, in the days of the reader's time zone."""

from __future__ import annotations

import importlib
import json
import re
from datetime import datetime, timedelta, timezone
from html import unescape

import pytest
from django.contrib.admin import AdminSite
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.template import Context, Template
from django.test import RequestFactory, override_settings
from django.urls import reverse
from django.utils import timezone as clock

from pickyassist_webhooks import ingest, signals
from pickyassist_webhooks.choices import WAITING, RequestOrigin, RequestState
from pickyassist_webhooks.health.reports import CONDITIONS
from pickyassist_webhooks.insights import overview, quarantine
from pickyassist_webhooks.models import (
    DeliveryReport,
    GroupMemberEvent,
    Message,
    NewSubscriber,
    WebhookRequest,
)
from pickyassist_webhooks.pushes import record_push
from pickyassist_webhooks.templatetags import pickyassist_admin
from pickyassist_webhooks.testing import push_answer
from tests.pages import Page
from tests.requests import (
    SECRET,
    chat,
    delivery,
    filtered,
    keep,
    member,
    post,
    row,
    subscriber,
    url,
)

pytestmark = pytest.mark.django_db

PAGE = reverse("admin:app_list", args=["pickyassist_webhooks"])


def come(body, days=0, **ago):
    """Keep and process a request as of some time ago."""
    at = clock.now() - timedelta(days=days, **ago)
    ingest.process(keep(body, received_at=at).pk)


def all_permissions():
    permissions = Permission.objects.filter(content_type__app_label="pickyassist_webhooks")
    return permissions.values_list("codename", flat=True)


def words(response):
    """Return the text of a page, each cell apart from the next."""
    return " ".join(
        unescape(re.sub(r"<[^>]+>", " ", response.content.decode().replace("<wbr>", ""))).split()
    )


class TestTraffic:
    def test_each_day_has_its_own(self):
        for days, count in ((0, 3), (1, 2), (6, 1), (7, 4), (29, 1), (30, 5)):
            come(delivery(*(row(f"{days}-{index}") for index in range(count))), days)
        days = overview.latest_days(30)
        [traffic] = overview.traffic_of([DeliveryReport], days)
        assert len(traffic.per_day) == 30
        assert [traffic.latest(days) for days in (1, 2, 7, 8, 30)] == [3, 5, 6, 10, 11]
        newest = DeliveryReport.objects.order_by("received_at").last()
        assert traffic.last_at == newest.received_at

    def test_of_nothing(self):
        [traffic] = overview.traffic_of([NewSubscriber], overview.latest_days(7))
        assert traffic == overview.Traffic(None, (0,) * 7)

    def test_a_clock_that_runs_ahead_hides_nothing(self):
        come(delivery(), days=-3)
        [traffic] = overview.traffic_of([DeliveryReport], overview.latest_days(7))
        assert traffic.latest(1) == 1

    @pytest.mark.parametrize("zone", ["Asia/Kolkata", "Pacific/Honolulu", "UTC"])
    def test_days_are_those_of_the_reader(self, zone):
        with clock.override(zone):
            today = overview.midnight(overview.latest_days(1)[0])
            for number, at in enumerate((today, today - timedelta(seconds=1))):
                ingest.process(keep(delivery(row(str(number))), received_at=at).pk)
            [traffic] = overview.traffic_of([DeliveryReport], overview.latest_days(2))
            assert traffic.per_day == (1, 1)

    def test_without_time_zones(self, settings):
        settings.USE_TZ = False
        now = datetime.now(timezone.utc).replace(tzinfo=None)
        assert overview.latest_days(2)[-1] in (clock.now().date(), now.date())
        assert overview.midnight(now.date()).tzinfo is None


class TestFunnel:
    def test_counts_each_message_once(self):
        come(delivery(row("1", 4), row("1", 1), row("1", 3)))  # read
        come(delivery(row("2", 1)))  # a receipt without more
        come(delivery(row("3", 4)))
        come(delivery(row("4", 2), row("4", 5)))
        come(delivery(row("5", 2), row("5", 1)))  # a conflict: the receipt counts
        come(delivery(row("6", 3)), days=8)
        funnel = overview.funnel(overview.latest_days(7)[0])
        assert funnel == overview.Funnel(submitted=5, delivered=3, read=1, failed=1, refunded=1)
        assert funnel.rate(funnel.delivered) == 0.6
        assert overview.counts(overview.latest_days(7)[0], [Message].__contains__).conflicts == 1

    @pytest.mark.django_db(transaction=True)
    def test_its_cursor_has_one_session(self, monkeypatch):
        """Behind a pooler the next transaction can have another session of PostgreSQL."""
        kept = []

        def cursor(open_cursor=connection.chunked_cursor):
            kept.append(connection.in_atomic_block)
            return open_cursor()

        monkeypatch.setattr(connection, "chunked_cursor", cursor)
        overview.funnel(overview.latest_days(7)[0])
        assert kept == [connection.vendor == "postgresql"]

    def test_of_nothing(self):
        funnel = overview.funnel(overview.latest_days(7)[0])
        assert funnel.rate(funnel.read) == 0


def test_what_waits_is_listed_by_its_link(root):
    """By one link for all states in which a request waits, and nothing else is."""
    waiting = keep(delivery(row("waits")))
    come({"event_id": 99})
    page = root.get("/admin/pickyassist_webhooks/").content.decode()
    [link] = re.findall(r'<a href="([^"]+)">Waiting for a worker<', page)
    listed = root.get(link).content.decode()
    assert re.findall(r"/webhookrequest/(\d+)/change/", listed) == [str(waiting.pk)]


def test_what_waits():
    assert overview.waiting_since() is None
    old, new = (keep(delivery(row(str(days))), received_at=ago(days)) for days in (3, 1))
    come({"event_id": 99})
    WebhookRequest.objects.filter(pk=new.pk).update(state=RequestState.FAILING)
    assert overview.waiting_since() == WebhookRequest.objects.get(pk=old.pk).received_at
    states = overview.counts(clock.now().date(), [WebhookRequest].__contains__).states
    assert {state: count for state, count in states.items() if count} == {
        RequestState.RECEIVED: 1,
        RequestState.FAILING: 1,
        RequestState.QUARANTINED: 1,
    }


def ago(days):
    return clock.now() - timedelta(days=days)


def test_subscribers_by_channel():
    for number, channel in enumerate(("8", "8", "11", "")):
        come(subscriber(subscriber_id=str(number), channel=channel))
    come(subscriber(subscriber_id="old", channel="5"), days=40)
    counts = overview.counts(overview.latest_days(30)[0], [NewSubscriber].__contains__)
    assert counts.channels == [("8", 2), ("", 1), ("11", 1)]


def test_groups_in_which_something_happened_last():
    for index in range(overview.TOP + 3):
        come(member(group_id=f"G{index}", group_subject=f"Group {index}"))
    come(member(2, group_id="G5"))
    groups = overview.active_groups()
    assert [group.group_id for group in groups][:2] == ["G5", f"G{overview.TOP + 2}"]
    assert len(groups) == overview.TOP
    assert groups[0].event == GroupMemberEvent.objects.order_by("-pk").first().pk


class TestPage:
    @pytest.fixture
    def filled(self):
        def crm(event, **named):
            raise ConnectionError("down")

        signals.member_joined.connect(crm)
        come(member())
        signals.member_joined.disconnect(crm)
        come(delivery(row("1", 2, error_code="470", error_message="Call +15550001111"), row("2")))
        come(delivery(row("3", 2), row("3", 1)))
        come(filtered(), days=3)
        come(subscriber())
        come({"event_id": 99})

    def test_answers_each_question(self, filled, root):
        page = root.get(PAGE)
        for sentence in (
            "Quarantined 1",
            "Receivers that failed",
            "test_overview.TestPage.filled.<locals>.crm",
            "The last one came",
            "Submitted",
            "3 (100.0%)",
            "2 (66.7%)",
            "Delivered, but also failed or refunded: 1",
            "470 Call # 1",
            "919737001155 (Shared number India) 1",
            "Team",
        ):
            assert sentence in words(page), sentence

    def test_every_link_answers(self, filled, root):
        links = [link for link in Page(root.get(PAGE)).links if "/admin/pickyassist" in link]
        assert len(links) > 15
        for link in links:
            Page(root.get(link))

    def test_links_lead_to_what_they_count(self, filled, root):
        links = Page(root.get(PAGE)).links
        for part, count in (
            ("conflict=yes", 1),
            ("newsubscriber/?channel=", 1),
            ("?receiver=", 1),
            ("dead", 0),
        ):
            [link] = {link for link in links if part in link}
            assert root.get(link).context["cl"].result_count == count, link

    def test_a_list_shows_and_removes_the_filter_of_a_link(self, filled, root):
        keep(delivery(row("waits")))
        [link] = {link for link in Page(root.get(PAGE)).links if "state__in" in link}
        changelist = root.get(link).context["cl"]
        assert changelist.result_count == 1  # without the one with a receiver that failed
        [spec] = [each for each in changelist.filter_specs if each.title == "state"]
        choices = {str(each["display"]): each for each in spec.choices(changelist)}
        chosen = {name for name, each in choices.items() if each["selected"]}
        assert chosen == {str(state.label) for state in WAITING}
        listed = WebhookRequest._meta.model_name
        url = reverse(f"admin:pickyassist_webhooks_{listed}_changelist")
        for name, count in (("quarantined", 1), ("All", WebhookRequest.objects.count())):
            again = root.get(url + choices[name]["query_string"]).context["cl"]
            assert again.result_count == count
        [same] = [each for each in again.filter_specs if each.title == "state"]
        assert next(iter(same.choices(again)))["selected"]
        every = root.get(url + changelist.clear_all_filters_qs).context["cl"]
        assert every.result_count == WebhookRequest.objects.count()

    @pytest.mark.parametrize(("asked", "shown"), [("7", 7), ("90", 90), ("5", 30), ("x", 30)])
    def test_a_period_is_chosen(self, asked, shown, filled, root):
        page = root.get(PAGE, {"days": asked}).content.decode()
        assert page.count("<rect x=") >= 4 * shown
        assert re.search(rf'days={shown}" aria-current="page"', page)

    def test_the_day_of_each_bar_is_in_a_table_too(self, filled, root):
        page = root.get(PAGE, {"days": 7}).content.decode()
        assert page.count('<th scope="row">') >= 4 * 7

    @pytest.mark.parametrize("days", [7, 30, 90])
    def test_costs_the_same_whatever_there_is(
        self, days, filled, root, django_assert_max_num_queries
    ):
        for number in range(20):
            come(delivery(row(f"m{number}", 2, error_message=str(number))))
            come(member(group_id=str(number)))
            come(chat(f"asked {number}", number=f"1555000{number:04}"))
            come(chat(f"told {number}", number=f"1555000{number:04}", direction=1))
        with django_assert_max_num_queries(25):
            root.get(PAGE, {"days": days})

    def test_costs_25_statements_at_most_with_all_settings(
        self, filled, login, settings, django_assert_max_num_queries
    ):
        """Two of them are for the permissions of staff, and four for session, user and worker."""
        settings.PICKYASSIST_WEBHOOKS = settings.PICKYASSIST_WEBHOOKS | {
            "RETENTION_DAYS": {"bodies": 2, "events": 2},
            "API_TOKENS": {"4100": "token"},
            "SILENCE": {"delivery_report": 3600},
        }
        come(chat("asked"), days=5)
        come(chat("told", direction=1))
        keep(delivery(row("waits")))
        record_push(push_answer(), project_id="4100")
        client = login(*all_permissions())
        with django_assert_max_num_queries(25):
            page = client.get(PAGE)
        assert "Time to the first answer" in words(page)
        assert "Rows should have been deleted" in words(page)

    @pytest.mark.parametrize(
        "more", ["", "&tests=none", "&error_of={}", "&q=12125550111", "&q=12125550111&tests=none"]
    )
    def test_a_list_with_all_filters_costs_10_statements_at_most(
        self, more, filled, login, django_assert_max_num_queries
    ):
        come(delivery(row("wanted", 2, number="12125550111", error_code="471")))
        failed = Message.objects.get(error_code="471")
        tested = keep(delivery(row("test")))
        ingest.process(tested.pk)
        WebhookRequest.objects.filter(pk=tested.pk).update(origin=RequestOrigin.TEST)
        parameters = "country=US&status__in=2,5&error_code=471" + more.format(failed.pk)
        list_url = reverse("admin:pickyassist_webhooks_message_changelist")
        client = login(*all_permissions())
        with django_assert_max_num_queries(10):
            page = client.get(f"{list_url}?{parameters}")
        assert [row.pk for row in page.context["cl"].result_list] == [failed.pk]

    def test_shows_only_what_the_user_may_view(self, filled, login):
        page = Page(login("view_message").get(PAGE)).text
        assert "Message results" in page
        assert "The most frequent errors" in page
        for hidden in (
            "attention",
            "Receivers",
            "Events received",
            "subscribers by channel",
            "active groups",
        ):
            assert hidden not in page

    def test_without_personal_data(self, filled, login):
        names = ("message", "groupmemberevent", "webhookrequest")
        page = Page(login(*(f"view_{name}" for name in names)).get(PAGE)).text
        assert "15550001111" not in page
        assert "470" in page

    def test_a_group_without_a_subject_is_called_by_its_id(self, login):
        come(member(group_id="15550001111-99", group_subject=""))
        page = Page(login("view_groupmemberevent").get(PAGE)).text
        assert "•••111-99" in page

    def test_says_that_there_are_no_messages(self, root):
        come(subscriber())
        assert "No message was first reported in this period." in Page(root.get(PAGE)).text

    def test_on_another_site(self, filled, root):
        site = AdminSite("other")
        request = RequestFactory().get("/")
        request.user, request.current_app = get_user_model().objects.get(), site.name
        tag = Template("{% load pickyassist_admin %}{% pickyassist_overview %}")
        # Which has no pages of ours, so there is nothing to lead to.
        assert "Events received" not in tag.render(Context({"request": request}))


class TestFirstSteps:
    def test_say_what_to_do(self, root):
        page = root.get(PAGE).content.decode()
        assert "Nothing has arrived yet" in page
        assert "http://testserver/pickyassist/events/•••/" in page
        assert SECRET not in page
        assert "Show the URL to paste" in page

    def test_to_somebody_who_may_not_see_the_secret(self, login):
        page = login("view_webhookrequest").get(PAGE).content.decode()
        assert "Show the URL" not in page
        assert "Someone with the permission" in page

    def test_where_no_url_leads_to_the_webhook(self, root, settings):
        settings.ROOT_URLCONF = "tests.urls_admin_only"
        page = root.get(PAGE).content.decode()
        assert "include(&quot;pickyassist_webhooks.urls&quot;)" in page or "include(" in page

    def test_do_not_come_back_when_requests_are_pruned(self, root):
        come(delivery())
        WebhookRequest.objects.all().delete()
        assert "Nothing has arrived yet" not in root.get(PAGE).content.decode()

    def test_are_gone_once_something_came(self, root):
        post(b"[]")
        assert "Nothing has arrived yet" not in root.get(PAGE).content.decode()


class TestUrl:
    page = reverse("admin:pickyassist_webhooks_webhookrequest_url")

    def test_is_shown_when_asked_for(self, login):
        answer = login("view_webhook_url").post(self.page)
        assert f"http://testserver/pickyassist/events/{SECRET}/" in answer.content.decode()
        assert "no-store" in answer["Cache-Control"]

    def test_of_each_label(self, root, settings):
        secrets = {"shop": "A" * 30, "<b>club": "B" * 30}
        settings.PICKYASSIST_WEBHOOKS = {"SECRETS": secrets}
        page = root.post(self.page).content.decode()
        for secret in secrets.values():
            assert f"/events/{secret}/" in page
        assert "&lt;b&gt;club" in page

    @pytest.mark.parametrize("codenames", [(), ("view_webhookrequest",)])
    def test_is_refused_without_its_permission(self, codenames, login):
        assert login(*codenames).post(self.page).status_code == 403

    def test_no_link_leads_to_it(self, root):
        assert root.get(self.page).status_code == 405

    def test_is_refused_from_elsewhere(self, root):
        root.handler.enforce_csrf_checks = True
        assert root.post(self.page).status_code == 403

    def test_without_a_secret(self, root, settings):
        settings.PICKYASSIST_WEBHOOKS = {}
        assert "No secret is configured" in root.post(self.page).content.decode()

    def test_where_no_url_leads_to_the_webhook(self, root, settings):
        come(delivery())
        settings.ROOT_URLCONF = "tests.urls_admin_only"
        assert "Show the URL" not in root.get(PAGE).content.decode()
        assert SECRET not in root.post(self.page).content.decode()

    def test_of_an_authenticator_of_the_project(self, root, settings):
        settings.PICKYASSIST_WEBHOOKS = settings.PICKYASSIST_WEBHOOKS | {
            "AUTHENTICATOR": "example_project.tenants.who"
        }
        page = root.post(self.page).content.decode()
        assert SECRET not in page
        assert "AUTHENTICATOR" in page


def test_without_the_admin_there_are_no_tags(settings):
    """Django imports them for every page of such a project."""
    apps = [app for app in settings.INSTALLED_APPS if app != "django.contrib.admin"]
    with override_settings(INSTALLED_APPS=apps):
        library = importlib.reload(pickyassist_admin).register
    assert not library.tags
    assert not library.filters
    assert "pickyassist_overview" in importlib.reload(pickyassist_admin).register.tags


class TestQuarantine:
    page = reverse("admin:pickyassist_webhooks_webhookrequest_problems")

    def group(self, pk):
        return reverse("admin:pickyassist_webhooks_webhookrequest_problem", args=[pk])

    def form(self, answer):
        """Return the hidden fields of the page that asks."""
        names = ("problem", "after", "last")
        found = re.findall(r'name="(\w+)" value="([^"]*)"', answer.content.decode())
        return {name: value for name, value in found if name in names}

    def confirm(self, client, page):
        """Post the form of the page as a browser does."""
        return client.post(page, self.form(client.get(page)), follow=True)

    @pytest.fixture
    def filled(self):
        for days in (9, 1, 4):
            come({"event_id": 99, "project_id": "1"}, days)
        come(b"not json", days=2)
        come(delivery(row("1"), row("2", "read"), {"x": 1}))

    def test_is_grouped_by_problem(self, filled, root):
        text = words(root.get(self.page))
        for sentence in (
            "not_an_integer , data[].status 0 1 a whole number of 64 bits Delivery report",
            "not_json , the whole body",
            "unknown_event , event_id 3 3 1, 2, 3, 4 or 5 Unknown",
        ):
            assert sentence in text, (sentence, text)

    def test_says_when_each_was_seen(self, filled):
        [group] = [each for each in quarantine.groups() if each.code == "unknown_event"]
        requests = WebhookRequest.objects.filter(problem="unknown_event event_id")
        times = requests.values_list("received_at", flat=True)
        assert (group.first_at, group.last_at) == (min(times), max(times))
        assert group.newest == max(requests.values_list("pk", flat=True))

    def test_links_lead_to_the_requests(self, filled, root):
        newest = WebhookRequest.objects.filter(problem="unknown_event event_id").last()
        [link] = [
            link for link in Page(root.get(self.page)).links if f"problem_of={newest.pk}" in link
        ]
        assert root.get(link).context["cl"].result_count == 3

    def test_what_cannot_be_processed_again_has_no_link_for_that(self, filled, root):
        newest = WebhookRequest.objects.filter(problem="unknown_event event_id").last()
        again = reverse("admin:pickyassist_webhooks_webhookrequest_problem", args=[newest.pk])
        assert again in Page(root.get(self.page)).links
        WebhookRequest.objects.filter(problem=newest.problem).update(state="discarded")
        assert again not in Page(root.get(self.page)).links

    def test_new_fields_are_noticed(self, root):
        post(delivery(row("1", vendor_time="12:00"), row("2", vendor_time="12:01")))
        post(member(**{"<b>": 1}))
        page = root.get(self.page).content.decode()
        assert "vendor_time" in page
        assert "&lt;b&gt;" in page

    def test_what_was_mended_is_no_new_field(self, root):
        post(subscriber(name={"first": "Ada"}))
        assert NewSubscriber.objects.get().extra
        assert "None." in Page(root.get(self.page)).text

    def test_names_of_fields_are_a_strangers(self, login):
        post(delivery(row("1", Ada_Lovelace="x")))
        page = login("view_webhookrequest").get(self.page).content.decode()
        assert "Ada_Lovelace" not in page
        assert "1 more field; the permission" in page

    def test_all_was_understood(self, root):
        assert "No problems." in Page(root.get(self.page)).text

    def test_a_group_is_processed_again_after_its_count(self, root, settings):
        settings.PICKYASSIST_WEBHOOKS = settings.PICKYASSIST_WEBHOOKS | {"PROJECT_IDS": ["1"]}
        for number in range(3):
            come(delivery(row(f"M{number}")))
        [problem] = set(WebhookRequest.objects.values_list("problem", flat=True))
        assert problem == "foreign_project project_id"
        settings.PICKYASSIST_WEBHOOKS = settings.PICKYASSIST_WEBHOOKS | {
            "PROJECT_IDS": None
        }  # as an upgrade may do
        page = self.group(WebhookRequest.objects.last().pk)
        assert "Process 3 requests again" in root.get(page).content.decode()
        assert not DeliveryReport.objects.exists()
        answer = self.confirm(root, page)
        assert "3 requests were processed again (done: 3)." in answer.content.decode()
        assert answer.redirect_chain
        assert DeliveryReport.objects.count() == Message.objects.count() == 3
        assert not WebhookRequest.objects.exclude(problem=None).exists()
        assert [len(each.history) for each in WebhookRequest.objects.all()] == [1, 1, 1]

    def test_a_part_at_a_time(self, root, monkeypatch):
        monkeypatch.setattr("pickyassist_webhooks.admin.bulk.MAX_COUNTED", 2)
        for _ in range(5):
            come({"event_id": 99})
        page = self.group(WebhookRequest.objects.last().pk)
        answer, lefts = root.get(page), []
        for _ in range(2):
            answer = root.post(page, self.form(answer))
            lefts += re.findall(r"(\d) requests? will be processed", answer.content.decode())
        assert lefts == ["3", "1"]
        assert root.post(page, self.form(answer)).status_code == 302
        # Each once, though all of them are as little understood as before.
        assert set(WebhookRequest.objects.values_list("replays", flat=True)) == {1}

    def test_whatever_became_of_the_one_that_named_it(self, root, monkeypatch):
        monkeypatch.setattr("pickyassist_webhooks.admin.bulk.MAX_COUNTED", 2)
        for _ in range(5):
            come({"event_id": 99})
        newest = WebhookRequest.objects.last()
        page = self.group(newest.pk)
        posted = self.form(root.post(page, self.form(root.get(page))))
        newest.delete()
        answer = root.post(page, posted, follow=True)
        assert "2 requests were processed again" in answer.content.decode()
        posted["problem"] += "x"  # signed by no one
        assert root.post(page, posted).status_code == 404

    def test_a_request_that_is_gone_costs_the_others_nothing(self, root, monkeypatch):
        for _ in range(3):
            come({"event_id": 99})
        first, second, _ = WebhookRequest.objects.values_list("pk", flat=True).order_by("pk")
        replay = ingest.replay

        def racing(pk, *args, **named):
            if pk == first:
                WebhookRequest.objects.filter(pk=first).delete()
            elif pk == second:  # a worker was faster, and pruned it at once
                WebhookRequest.objects.filter(pk=second).delete()
                return None
            return replay(pk, *args, **named)

        monkeypatch.setattr(ingest, "replay", racing)
        page = self.group(WebhookRequest.objects.last().pk)
        answer = self.confirm(root, page).content.decode()
        assert "2 requests were processed again" in answer
        assert "1 request was skipped" in answer

    def test_stops_when_the_browser_would(self, root, monkeypatch):
        monkeypatch.setattr("pickyassist_webhooks.admin.bulk.SECONDS", -1.0)
        come({"event_id": 99})
        page = self.group(WebhookRequest.objects.get().pk)
        assert "1 request has this problem" in self.confirm(root, page).content.decode()
        assert WebhookRequest.objects.get().replays == 0

    def test_the_quarantined_requests_of_a_problem_are_discarded_with_one_reason(self, root):
        for _ in range(3):
            come({"event_id": 99})
        come(b"[]")
        page = self.group(WebhookRequest.objects.filter(problem__startswith="unknown").last().pk)
        [link] = {link for link in Page(root.get(self.page)).links if link == f"{page}discard/"}
        form = self.form(root.get(link))
        assert "A reason is needed." in root.post(link, form).content.decode()
        answer = root.post(link, form | {"reason": "A test"}, follow=True)
        assert "3 requests were discarded." in answer.content.decode()
        states = WebhookRequest.objects.order_by("state").values_list("state", flat=True)
        assert list(states) == ["discarded"] * 3 + ["quarantined"]
        assert link not in Page(answer).links

    def test_what_was_discarded_stays_so(self, root):
        come({"event_id": 99})
        kept = WebhookRequest.objects.get()
        ingest.discard(kept.pk, "x", "spam")
        answer = root.get(self.group(kept.pk), follow=True)
        assert "Nothing is left to do for these requests." in answer.content.decode()

    @pytest.mark.parametrize("number", ["x", "-1", "9" * 30, "\u0663"])
    def test_a_place_that_is_none(self, number, root):
        come({"event_id": 99})
        page = self.group(WebhookRequest.objects.get().pk)
        form = self.form(root.get(page))
        assert root.post(page, form | {"last": number}).status_code == 200
        assert WebhookRequest.objects.get().replays == 0
        assert root.post(page, form | {"after": number}).status_code == 302
        assert WebhookRequest.objects.get().replays == 1

    def test_of_a_request_without_a_problem(self, root):
        come(delivery())
        assert root.get(self.group(WebhookRequest.objects.get().pk)).status_code == 404

    @pytest.mark.parametrize(
        ("codenames", "allowed"),
        [
            ((), (403, 403, 403)),
            (("view_webhookrequest",), (200, 403, 403)),
            (("replay_webhookrequest",), (403, 403, 403)),
            (("view_webhookrequest", "replay_webhookrequest"), (200, 200, 403)),
            (("view_webhookrequest", "discard_webhookrequest"), (200, 403, 200)),
        ],
    )
    def test_who_may(self, codenames, allowed, login):
        come({"event_id": 99})
        client = login(*codenames)
        group = self.group(WebhookRequest.objects.get().pk)
        pages = (self.page, group, f"{group}discard/")
        assert tuple(client.get(page).status_code for page in pages) == allowed
        text = client.get(self.page).content.decode()
        assert [f'"{page}"' in text for page in pages[1:]] == [code == 200 for code in allowed[1:]]


class TestGroup:
    def page(self, **which):
        event = GroupMemberEvent.objects.filter(**which).last()
        return reverse("admin:pickyassist_webhooks_groupmemberevent_group", args=[event.pk])

    @pytest.fixture
    def filled(self):
        for number in ("1555000000A", "1555000000B", "1555000000C"):
            come(member(number=number, group_id="G1"), days=5)
        come(member(2, number="1555000000B", group_id="G1"), days=1)
        come(member(number="1555000000D", group_id="G2"), days=1)
        come(member(number="1555000000E", group_id="G1", project_id="other"), days=1)

    def test_who_is_in_it_now(self, filled, root):
        text = Page(root.get(self.page(group_id="G1", project_id="4100"))).text
        assert "Current members: 2" in text
        for letter, there in (("A", True), ("B", False), ("C", True), ("D", False), ("E", False)):
            assert (f"1555000000{letter}" in text) is there

    def test_joins_and_exits_over_time(self, filled, root):
        answer = root.get(self.page(group_id="G1", project_id="4100"))
        joined, exited = (each["chart"] for each in answer.context["charts"])
        assert [bar.value for bar in joined.bars[-6:]] == ["3", "0", "0", "0", "0", "0"]
        assert [bar.value for bar in exited.bars[-3:]] == ["0", "1", "0"]

    def test_kinds_that_never_came_take_no_space(self, filled, root):
        text = words(root.get(PAGE))
        assert "Group member events" in text
        assert 'id="pickyassist-groupmemberevent"' in root.get(PAGE).content.decode()
        assert 'id="pickyassist-filterreport"' not in root.get(PAGE).content.decode()

    def test_members_are_paged(self, filled, root, monkeypatch):
        monkeypatch.setattr("pickyassist_webhooks.admin.groups.MEMBERS", 1)
        page = self.page(group_id="G1", project_id="4100")
        first = root.get(page).content.decode()
        assert "Current members: 2" in first
        assert "Page 1 of 2" in first
        assert "Previous page" not in first
        last = root.get(page, {"p": 2}).content.decode()
        assert "Page 2 of 2" in last
        assert "Next page" not in last
        shown = [re.findall(r">(1555000000[A-E])<", html) for html in (first, last)]
        assert sorted(shown) == [["1555000000A"], ["1555000000C"]]

    def test_members_are_exported(self, filled, root, login):
        event = GroupMemberEvent.objects.filter(group_id="G1", project_id="4100").last()
        url = reverse("admin:pickyassist_webhooks_groupmemberevent_members_jsonl", args=[event.pk])
        assert url in root.get(self.page(group_id="G1", project_id="4100")).content.decode()
        lines = b"".join(root.get(url).streaming_content).decode().splitlines()
        assert {json.loads(line)["number"] for line in lines} == {"1555000000A", "1555000000C"}
        masked = b"".join(login("view_groupmemberevent").get(url).streaming_content).decode()
        assert "1555000000A" not in masked
        assert login().get(url).status_code == 403

    @pytest.mark.parametrize(
        ("subject", "name"), [("Book Club: a/b", "book-club-a-b"), ("?", "group-member-events")]
    )
    def test_the_file_of_members_is_named_after_the_group(self, root, subject, name):
        come(member(group_subject=subject))
        pk = GroupMemberEvent.objects.get().pk
        url = reverse("admin:pickyassist_webhooks_groupmemberevent_members_csv", args=[pk])
        today = f"{clock.localtime():%Y-%m-%d}"
        assert root.get(url)["Content-Disposition"] == f'attachment; filename="{name}-{today}.csv"'

    def test_its_events(self, filled, root):
        page = Page(root.get(self.page(group_id="G1", project_id="4100")))
        [link] = [link for link in page.links if "group_of=" in link]
        assert root.get(link).context["cl"].result_count == 4

    def test_masked(self, login):
        come(member(number="15550001111", group_id="15557654321-77", group_subject=""))
        page = login("view_groupmemberevent").get(self.page()).content.decode()
        assert "15550001111" not in page
        assert "15557654321" not in page
        assert "unnamed" in page

    def test_no_one(self, root):
        come(member(2))
        assert "No members are known" in Page(root.get(self.page())).text

    def test_who_may(self, filled, login):
        assert login().get(self.page()).status_code == 403

    def test_of_no_event(self, root):
        answer = root.get(reverse("admin:pickyassist_webhooks_groupmemberevent_group", args=[1]))
        assert answer.status_code == 404

    def test_without_time_zones(self, filled, root, settings):
        settings.USE_TZ = False
        assert (
            "Current members: 2" in Page(root.get(self.page(group_id="G1", project_id="4100"))).text
        )


class TestLists:
    """Lists that count no further than people leaf."""

    @pytest.fixture(autouse=True)
    def bounded(self, monkeypatch):
        monkeypatch.setattr("pickyassist_webhooks.admin.lists.MAX_COUNTED", 100)
        come(delivery(*(row(str(number), 1 + number % 2) for number in range(120))))

    page = reverse("admin:pickyassist_webhooks_deliveryreport_changelist")

    def test_say_that_there_are_more(self, root):
        answer = root.get(self.page)
        assert answer.context["cl"].result_count == 100
        assert "There are more rows." in answer.content.decode()
        assert "p=2" in answer.content.decode()
        assert "p=3" not in answer.content.decode()

    def test_are_ordered_as_an_index_is(self, root):
        pks = list(DeliveryReport.objects.order_by("pk").values_list("pk", flat=True))
        for order, expected in (("1", pks[:50]), ("-1", pks[::-1][:50]), ("", pks[::-1][:50])):
            changelist = root.get(self.page, {"o": order} if order else {}).context["cl"]
            assert [each.pk for each in changelist.result_list] == expected

    def test_that_are_whole_say_nothing(self, root):
        answer = root.get(self.page, {"status__exact": 2})
        assert answer.context["cl"].result_count == 60
        assert "There are more rows." not in answer.content.decode()

    def test_no_action_is_done_to_more_than_are_counted(self, root):
        action = {"action": "delete_selected", "_selected_action": ["1"], "select_across": "1"}
        answer = root.post(self.page, action, follow=True)
        assert "More than 100 rows are selected" in answer.content.decode()
        answer = root.post(f"{self.page}?status__exact=2", action)
        assert "Are you sure" in answer.content.decode()

    def test_django_deletes_no_more_than_a_form_has_fields(self, root, settings):
        settings.DATA_UPLOAD_MAX_NUMBER_FIELDS = 40
        action = {"action": "delete_selected", "_selected_action": ["1"], "select_across": "1"}
        answer = root.post(f"{self.page}?status__exact=2", action, follow=True)
        assert "More than 30 rows are selected" in answer.content.decode()
        settings.DATA_UPLOAD_MAX_NUMBER_FIELDS = None
        answer = root.post(f"{self.page}?status__exact=2", action)
        assert "Are you sure" in answer.content.decode()

    @pytest.mark.parametrize("pk", ["x", "\0", "9" * 26, "1.5", ""])
    @pytest.mark.parametrize("action", ["delete_selected", "erase_numbers"])
    def test_an_id_that_is_none_selects_nothing(self, pk, action, root):
        answer = root.post(self.page, {"action": action, "_selected_action": [pk]}, follow=True)
        assert answer.status_code == 200
        assert "Items must be selected" in answer.content.decode()

    @pytest.mark.parametrize(
        "name", ["number", "error_message__contains", "extra__a", "request_id"]
    )
    def test_a_column_without_a_filter_is_no_filter(self, name, root):
        assert root.get(self.page, {name: "1"}).status_code == 400


@pytest.mark.parametrize(("names", "shown"), [((), False), (("view_message",), True)])
def test_a_filter_names_its_row_to_who_may_view_it(names, shown, login):
    come(delivery(row("M-1")))
    page = reverse("admin:pickyassist_webhooks_deliveryreport_changelist")
    asked = {"of_message": Message.objects.get().pk}
    content = login("view_deliveryreport", *names).get(page, asked).content.decode()
    assert ("M-1: delivered" in content) is shown


@pytest.mark.parametrize(("names", "count"), [((), 0), (("view_deliveryreport",), 1)])
def test_a_search_finds_requests_by_what_the_user_may_view(names, count, login):
    come(delivery(row("M-1")))
    page = reverse("admin:pickyassist_webhooks_webhookrequest_changelist")
    client = login("view_webhookrequest", *names)
    assert client.get(page, {"q": "M-1"}).context["cl"].result_count == count


def test_ids_are_written_without_separators(root, settings):
    settings.LANGUAGE_CODE, settings.USE_THOUSAND_SEPARATOR = "de", True
    come(delivery())
    DeliveryReport.objects.update(id=1234567)
    page = reverse("admin:pickyassist_webhooks_deliveryreport_changelist")
    chosen = {"action": "erase_numbers", "_selected_action": ["1234567"]}
    assert 'value="1234567"' in root.post(page, chosen).content.decode()


def test_channels_of_subscribers_are_a_filter(root):
    for channel in ("8", "<b>", ""):
        post(subscriber(subscriber_id=channel, channel=channel))
    page = reverse("admin:pickyassist_webhooks_newsubscriber_changelist")
    [spec] = [spec for spec in root.get(page).context["cl"].filter_specs if spec.title == "channel"]
    assert spec.lookup_choices == [("8", "8 (WhatsApp Official)"), ("<b>", "<b>")]
    for value, count in (("8", 1), ("<b>", 1), ("\0", 0), ("12", 0)):
        assert root.get(page, {"channel": value}).context["cl"].result_count == count


def test_messages_of_the_same_push(root):
    come(delivery(row("1", push_id="P"), row("2", push_id="P"), row("3", push_id="Q")))
    message = Message.objects.get(msg_id="1")
    change = reverse("admin:pickyassist_webhooks_message_change", args=[message.pk])
    [link] = [link for link in Page(root.get(change)).links if "push_of=" in link]
    assert root.get(link).context["cl"].result_count == 2
    come(delivery(row("4", push_id="")))
    change = reverse("admin:pickyassist_webhooks_message_change", args=[Message.objects.last().pk])
    assert not [link for link in Page(root.get(change)).links if "push_of=" in link]


def test_a_problem_is_noted_without_its_place():
    post(delivery(row("1"), row("2", "read")))
    kept = WebhookRequest.objects.get()
    assert kept.problems[0]["path"] == "data[1].status"
    assert kept.problem == "not_an_integer data[].status"
    assert json.dumps(kept.problem)


@pytest.mark.django_db(transaction=True)
def test_problems_of_before_are_noted_by_the_migration():
    executor = MigrationExecutor(connection)
    executor.migrate([("pickyassist_webhooks", "0003_personal_data")])
    try:
        old = executor.loader.project_state(("pickyassist_webhooks", "0003_personal_data")).apps
        requests = old.get_model("pickyassist_webhooks", "WebhookRequest").objects
        kept = {"due_at": clock.now(), "received_at": clock.now(), "body": b""}
        problem = {"path": "data[3].status", "code": "missing", "expected": "x"}
        requests.create(**kept, token="0" * 32, problems=[problem], problem_count=1)
        requests.create(**kept, token="1" * 32)
    finally:
        executor.loader.build_graph()
        executor.migrate(executor.loader.graph.leaf_nodes())
    problems = WebhookRequest.objects.order_by("pk").values_list("problem", flat=True)
    assert list(problems) == ["missing data[].status", None]


class TestHealth:
    """The overview begins with the conditions."""

    def page(self, client):
        return client.get(PAGE).content.decode()

    def test_ok(self, root):
        post(delivery())
        page = self.page(root)
        assert page.count('class="pickyassist-level pickyassist-ok"') == len(CONDITIONS) + 2
        assert "All conditions are ok." in page
        assert page.index("pickyassist-health") < page.index("pickyassist-periods")

    def test_troubles_first(self, root, clock):
        keep(delivery())
        post({"event_id": 99})
        clock.advance(hours=2)
        page = self.page(root)
        listed = re.findall(r"<li><strong class=\"pickyassist-level pickyassist-(\w+)", page)
        assert listed == ["failing", "degraded", "degraded"]
        text = words(root.get(PAGE))
        assert "✕ Failing A request has been due for 2 hours." in text
        assert "! Degraded 50% of the requests of the last 24 hours are quarantined." in text
        assert "All conditions are ok." not in text

    def test_a_new_project_sees_its_first_steps(self, root, clock):
        assert "pickyassist-health" not in self.page(root)
        for _ in range(11):
            post({}, to=url("a-strangers-guess"))
        page = self.page(root)
        assert "11 requests had a wrong secret" in page
        assert "Nothing has arrived yet." in page

    def test_who_may(self, login):
        post(delivery())
        assert "pickyassist-health" not in self.page(login("view_deliveryreport"))
        assert "pickyassist-health" in self.page(login("view_webhookrequest"))
