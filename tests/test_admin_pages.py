"""The pages that only this app has look like Django's own, on the Django that runs."""

from __future__ import annotations

import re
from datetime import date
from html.parser import HTMLParser
from pathlib import Path

import pytest
from django.contrib.auth.models import Group, Permission
from django.contrib.staticfiles import finders
from django.urls import reverse
from django.utils import translation

from pickyassist_webhooks.admin import charts
from pickyassist_webhooks.models import DeliveryReport, GroupMemberEvent, WebhookRequest
from tests.requests import delivery, member, post

pytestmark = pytest.mark.django_db

APP = "pickyassist_webhooks"
STYLES = Path(finders.find(f"{APP}/admin.css"))

#: Between breadcrumbs, up to Django 6.0.
ARROW = "\u203a"

#: Elements that have no end.
VOID = {"br", "img", "input", "link", "meta", "hr", "path", "use", "line", "rect"}


class Skeleton(HTMLParser):
    """The elements of a part of a page, with the attributes that style sheets look at."""

    def __init__(self, html, name):
        super().__init__()
        self.name, self.depth, self.parts, self.words = name, 0, [], []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        if self.depth or self.name in (given.get("class") or "").split():
            kept = [(key, given[key]) for key in ("class", "role", "aria-current") if key in given]
            self.parts.append((self.depth, tag, kept))
            self.depth += tag not in VOID

    def handle_endtag(self, tag):
        if self.depth and tag not in VOID:
            self.depth -= 1

    def handle_data(self, data):
        if self.depth and data.strip(f" \n{ARROW}"):
            self.words.append(" ".join(data.replace(ARROW, "").split()))


def url(model, page, *args, site="admin"):
    return reverse(f"{site}:{APP}_{model._meta.model_name}_{page}", args=args, current_app=site)


@pytest.fixture
def rows():
    post(delivery())
    post(member(group_subject="Early birds"))
    post({"project_id": "4100", "event_id": 9})


PAGES = {
    "group": "Early birds",
    "problems": "Quarantine",
    "replay": "Process again",
    "url": "The URL to paste",
    "erase": "Erase everything stored about these numbers",
}
each_page = pytest.mark.parametrize("page", PAGES)


def answer(client, page, site="admin"):
    """Return the HTML of a page of this app's own."""
    if page == "group":
        event = GroupMemberEvent.objects.get()
        response = client.get(url(GroupMemberEvent, "group", event.pk, site=site))
    elif page == "problems":
        response = client.get(url(WebhookRequest, "problems", site=site))
    elif page == "replay":
        request = WebhookRequest.objects.get(state="quarantined")
        response = client.get(url(WebhookRequest, "problem", request.pk, site=site))
    elif page == "url":
        response = client.post(url(WebhookRequest, "url", site=site))
    else:
        chosen = {
            "action": "erase_numbers",
            "_selected_action": [DeliveryReport.objects.get().pk],
        }
        response = client.post(url(DeliveryReport, "changelist", site=site), chosen)
    assert response.status_code == 200
    return response.content.decode()


class TestBreadcrumbs:
    @each_page
    def test_are_built_as_those_of_djangos_own_pages(self, page, rows, admin_client):
        group = Group.objects.create(name="Sales")
        djangos = admin_client.get(reverse("admin:auth_group_change", args=[group.pk]))
        expected = Skeleton(djangos.content.decode(), "breadcrumbs")
        assert expected.words[-1] == "Sales"
        skeleton = Skeleton(answer(admin_client, page), "breadcrumbs")
        assert skeleton.parts == expected.parts
        assert skeleton.words[:2] == ["Home", "Picky Assist webhooks"]
        assert len(skeleton.words) == 4
        assert skeleton.words[-1] == PAGES[page]

    def test_lead_to_no_list_that_the_user_may_not_view(self, rows, client, django_user_model):
        user = django_user_model.objects.create_user("copyist", is_staff=True)
        user.user_permissions.add(Permission.objects.get(codename="view_webhook_url"))
        client.force_login(user)
        page = answer(client, "url")
        assert url(WebhookRequest, "changelist") not in page
        assert "Webhook requests" in " ".join(Skeleton(page, "breadcrumbs").words)

    @pytest.mark.urls("tests.urls_two_sites")
    @each_page
    def test_lead_to_the_site_that_the_page_is_of(self, page, rows, admin_client):
        html = answer(admin_client, page, site="staff")
        links = re.findall(r'href="(/[^"]*)"', html)
        assert [link for link in links if link.startswith("/admin/")] == []
        assert f"/staff/{APP}/" in links


@pytest.mark.urls("tests.urls_two_sites")
def test_the_overview_of_a_second_site_leads_to_that_site(rows, admin_client):
    html = admin_client.get(f"/staff/{APP}/").content.decode()
    assert 'class="pickyassist-overview"' in html
    assert "/admin/" not in re.sub(r'"/static/[^"]*"', "", html)


@pytest.mark.parametrize("page", ["erase", "replay"])
def test_the_way_back_is_a_button_as_on_djangos_page_for_deleting(page, rows, admin_client):
    html = answer(admin_client, page)
    djangos = delete_selected(admin_client)
    [(_, tag, own)] = Skeleton(html, "cancel-link").parts
    [(_, djangos_tag, expected)] = Skeleton(djangos, "cancel-link").parts
    assert tag == djangos_tag == "a"
    assert dict(expected).items() <= dict(own).items()


def test_erasing_looks_as_dangerous_as_deleting(rows, admin_client):
    """By a class of the body's that Django's style sheet knows."""
    for html in (answer(admin_client, "erase"), delete_selected(admin_client)):
        assert Skeleton(html, "delete-confirmation").parts[0][1] == "body"


def delete_selected(client):
    """Return the page on which Django asks whether rows are to be deleted."""
    chosen = {"action": "delete_selected", "_selected_action": [DeliveryReport.objects.get().pk]}
    return client.post(url(DeliveryReport, "changelist"), chosen).content.decode()


def nonce(request):
    """Give templates a nonce, as Django's own context processor does from 6.0 on."""
    return {"csp_nonce": "only-for-this-page"}


def style_sheets(html):
    """Tell of each style sheet of a page whether it has a nonce."""
    links = re.findall(r"<link[^>]*>", html)
    return {name[1]: "nonce=" in link for link in links if (name := re.search(r"(\w+\.css)", link))}


@pytest.mark.parametrize("page", ["overview", *PAGES])
def test_a_policy_with_nonces_takes_our_style_sheet_as_it_takes_djangos(
    page, rows, admin_client, settings
):
    [engine] = settings.TEMPLATES
    processors = [*engine["OPTIONS"]["context_processors"], f"{__name__}.nonce"]
    settings.TEMPLATES = [engine | {"OPTIONS": {"context_processors": processors}}]
    if page == "overview":
        html = admin_client.get(reverse("admin:app_list", args=[APP])).content.decode()
    else:
        html = answer(admin_client, page)
    sheets = style_sheets(html)
    assert sheets["admin.css"] >= sheets["base.css"]


class TestStyleSheet:
    TEXT = re.sub(r"/\*.*?\*/", "", STYLES.read_text("utf-8"), flags=re.DOTALL)

    def test_says_what_to_do_without_djangos_variables(self):
        used = re.findall(r"var\(--[\w-]+(.)", self.TEXT)
        assert len(used) > 10
        assert set(used) == {","}

    def test_knows_neither_left_nor_right(self):
        """Only the start and the end of a line, which change their sides with the language."""
        assert re.findall(r".*\b(?:left|right)\b.*", self.TEXT) == []
        sides = re.findall(r"(?:margin|padding): (\S+) (\S+) (\S+) (\S+);", self.TEXT)
        assert [each for each in sides if each[1] != each[3]] == []


class TestCharts:
    DAYS = [date(2026, 1, day) for day in range(1, 8)]
    COUNTS = [1, 2, 0, 4, 5, 6, 7]

    def test_are_mirrored_where_lines_start_at_the_right(self):
        there = charts.of_days(charts.names_of(self.DAYS), self.COUNTS)
        with translation.override("ar"):
            here = charts.of_days(charts.names_of(self.DAYS), self.COUNTS)
        assert (there.direction, there.start, there.end) == ("ltr", 0, charts.WIDTH)
        assert (here.direction, here.start, here.end) == ("rtl", charts.WIDTH, 0)
        for bar, mirrored in zip(there.bars, here.bars, strict=True):
            assert mirrored.x == pytest.approx(charts.WIDTH - bar.x - bar.width, abs=0.02)
            assert mirrored.height == bar.height

    @pytest.mark.parametrize("language", ["en", "ar", "he", "fa"])
    def test_have_all_bars_inside(self, language):
        with translation.override(language):
            funnel = charts.of_funnel([("Read", 4, 0.5), ("No", 3, 0.375)])
            drawn = [charts.of_days(charts.names_of(self.DAYS), self.COUNTS), funnel]
        for chart in drawn:
            for bar in chart.bars:
                assert -0.02 <= bar.x <= bar.x + bar.width <= charts.WIDTH + 0.02
                assert 0 <= bar.y <= bar.y + bar.height <= chart.height
