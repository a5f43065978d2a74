"""Every page of the admin, full of texts of strangers: all of it is text, and none of it runs."""

from __future__ import annotations

import json
from urllib.parse import urlsplit

import pytest
from django.contrib import admin
from django.urls import Resolver404, resolve

from pickyassist_webhooks.models import GroupMemberEvent, Message, ReceiverFailure, WebhookRequest
from pickyassist_webhooks.parsing.characters import UNSEEN, UNSTORABLE
from tests.browser import texts
from tests.browser.addresses import APP, MODELS, list_of, named, pages, path
from tests.requests import url

each_model = pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)

#: The page of each row is visited: it shows all of the row. The other pages show its name, and are
#: visited for every tenth row.
SOME = slice(None, None, 10)

#: The media types of files: a body, and the rows of a list.
FILES = (
    "application/octet-stream",
    "text/csv; charset=utf-8",
    "application/jsonl; charset=utf-8",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
)

#: The overview, the app's page on the admin's index.
OVERVIEW = f"/admin/{APP}/"


def visit_all(visitor, paths):
    return [finding for each in paths for finding in visitor.visit(each)]


@each_model
def test_each_row(model, site, visitor):
    findings, shown = [], []
    for pk in site.rows[model]:
        findings += visitor.visit(path(named(model, "change"), pk))
        shown.append(visitor.text)
    assert findings == []
    everything = " ".join(" ".join(shown).split())
    for text in texts.TEXTS:
        assert any(form in everything for form in forms(text)), text


def forms(text):
    """Yield how the beginning of a text may be shown, in one line or in as many as it has."""
    stored = UNSTORABLE.sub("\ufffd", text)
    quoted = [json.dumps(each, ensure_ascii=False)[1:-1] for each in (text, stored)]
    for each in (stored, texts.identifier(text), *quoted):
        yield written_out(each)[:100]
        yield " ".join(written_out(each, but="\r\n\t").split())[:100]


def written_out(text, but=""):
    return UNSEEN.sub(lambda c: c[0] if c[0] in but else f"\\u{ord(c[0]):04x}", text)


@each_model
def test_other_pages_of_rows(model, site, visitor):
    findings, seen = [], 0
    for name in pages(model)[1]:
        # These list only invalid requests.
        is_of_problems = name in (named(model, "problem"), named(model, "problem_discard"))
        rows = site.problems if is_of_problems else site.rows[model][SOME]
        if name == named(model, "test"):
            continue  # by a token; the button of the URL page asks it
        paths = [path(name, pk) for pk in rows]
        if name == named(model, "change") or visitor.ask(paths[0]).status == 405:
            continue  # visited above, or pressed below
        seen += 1
        findings += [finding for each in paths for finding in look_at(visitor, each)]
    assert findings == []
    assert seen >= 2


def look_at(visitor, each):
    """Visit a page, or check that a file is sent as a download."""
    headers = visitor.ask(each).headers
    if "content-disposition" not in headers:
        return visitor.visit(each)
    assert headers["content-disposition"].startswith("attachment; ")
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-type"] in FILES
    return []


@each_model
def test_pages_without_personal_data(model, site, viewer):
    paths = [path(named(model, "change"), pk) for pk in site.rows[model][SOME]]
    assert visit_all(viewer, [list_of(model), *paths]) == []


def test_overview_without_personal_data(site, viewer):
    joined = site.rows[GroupMemberEvent][SOME]
    groups = [path(named(GroupMemberEvent, "group"), pk) for pk in joined]
    problems = path(named(WebhookRequest, "problems"))
    assert visit_all(viewer, [OVERVIEW, problems, *groups]) == []


def test_overview(visitor):
    """Each period, with groups, channels and errors named by strangers."""
    findings = visitor.visit(OVERVIEW)
    periods = visitor.links("nav.pickyassist-periods")
    assert len(periods) >= 2
    for period in periods:
        findings += visitor.visit(period)
        assert "pwned" in visitor.text
    assert findings == []


def test_url_to_paste(visitor):
    """A page that only a button leads to."""
    findings = visitor.visit(OVERVIEW)
    findings += visitor.press(".pickyassist-overview form [type=submit]")
    assert findings == []
    assert url() in visitor.text


@each_model
def test_pages_of_the_model(model, visitor):
    # No one may add rows, and only a button leads to the URL to paste.
    names = set(pages(model)[0]) - {named(model, "add"), named(model, "url")}
    assert len(names) >= 3  # the list, and a file of each format
    findings = [finding for name in sorted(names) for finding in look_at(visitor, path(name))]
    assert findings == []


@each_model
def test_filtered_lists(model, visitor):
    """Each page of the list, and the list by each filter and in each order."""
    findings = visitor.visit(list_of(model))
    lists = {}
    for link in visitor.links("#changelist"):
        parts = urlsplit(link)
        if parts.path == list_of(model) and parts.query:
            names = ",".join(part.partition("=")[0] for part in parts.query.split("&"))
            # One value of each filter: strangers do not name these.
            lists.setdefault(parts.query if names == "p" else names, link)
    # Failures are in one order, and those of one request are linked on its page only.
    assert len(lists) >= 2 or model is ReceiverFailure
    assert findings + visit_all(visitor, lists.values()) == []


@each_model
def test_lists_of_related_rows(model, site, visitor):
    findings, lists = [], set()
    for pk in site.rows[model][SOME]:
        findings += visitor.visit(path(named(model, "change"), pk))
        lists |= {link for link in visitor.links("#content") if "=" in link}
    assert findings + visit_all(visitor, sorted(lists)) == []
    assert lists or model not in (WebhookRequest, Message)


@each_model
def test_searches(model, visitor):
    terms = [group[0] for group in texts.GROUPS] + ["'\"><b id=pwned>\0"]
    assert visit_all(visitor, [list_of(model, q=term) for term in terms]) == []


@each_model
def test_several_to_be_deleted(model, visitor):
    findings = visitor.visit(list_of(model))
    count = visitor.page.locator("input.action-select").count()
    visitor.choose("delete_selected")
    findings += visitor.press("button[name=index]")
    assert findings == []
    assert visitor.page.locator("input[name=_selected_action]").count() == count > 40


def test_every_linked_view(visitor):
    """One page of each view that the admin's index leads to, in any number of steps."""
    findings, ahead, seen = [], ["/admin/"], set()
    while ahead:
        link = ahead.pop()
        view = view_of(link)
        if view and view not in seen:
            seen.add(view)
            findings += look_at(visitor, link)
            ahead += visitor.links("body")
    assert findings == []
    lists = {f"admin:{named(model, 'changelist')}" for model in MODELS}
    assert lists < seen


def view_of(link):
    """Return the name of the view that a link leads to, unless it is another app's."""
    try:
        name = resolve(urlsplit(link).path).view_name
    except Resolver404:
        return ""  # "View site", which this admin has not
    labels = {model._meta.app_label for model in admin.site._registry} - {APP}
    return "" if name.startswith(tuple(f"admin:{label}_" for label in labels)) else name
