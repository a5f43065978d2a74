"""Every word of the admin's pages can be translated: what is not data has gone through gettext."""

from __future__ import annotations

import ast
import re
from gettext import NullTranslations
from html import unescape
from pathlib import Path

import pytest
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.urls import reverse
from django.utils.translation import trans_real
from django.utils.translation.trans_real import CONTEXT_SEPARATOR

from pickyassist_webhooks import decoding, fields, ingest, payloads, shapes, signals, worker
from pickyassist_webhooks.admin.expectations import EXPECTATIONS
from pickyassist_webhooks.models import DeliveryReport, GroupMemberEvent, WebhookRequest
from tests.requests import delivery, filtered, keep, member, post, row, subscriber

pytestmark = pytest.mark.django_db

APP = "pickyassist_webhooks"
OURS = [model for model in admin.site._registry if model._meta.app_label == APP]


#: Tokens, paths of receivers, media types, and the names of actions.
DATA = re.compile(
    r"[0-9a-f]{8}(?:-[0-9a-f]{4,}){4}|tests\.[\w.<>]+|\w+/json|T1\d:"
    r"|(?:delete|erase|process|member|event)_\w+|data\[\d?\]\.status|not_an_integer|unknown_event|user0"
)

#: Functions and classes of the parser whose last argument is what was expected.
SAYING = {"NotUnderstood", "Problem", "UnreadablePayload", "missing", "warn", "_mend"}


class Marking(NullTranslations):
    """A language in which every text is itself between brackets."""

    def gettext(self, message):
        return f"⟦{message.rpartition(CONTEXT_SEPARATOR)[2]}⟧"

    def ngettext(self, singular, plural, number):
        return f"⟦{singular if number == 1 else plural}⟧"

    def language(self):
        return "en"

    def to_language(self):
        return "en"


@pytest.fixture
def marked():
    before = getattr(trans_real._active, "value", None)
    trans_real._active.value = Marking()
    yield
    if before is None:
        del trans_real._active.value
    else:
        trans_real._active.value = before


def left(response):
    """Return the words of a page that did not go through gettext and are no code."""
    assert response.status_code == 200
    page = response.content.decode()
    page = page[page.index('id="content-start"') :].partition(">")[2]
    page = re.sub(r"(?s)<(code|pre|script|style)\b.*?</\1>|<input type=.hidden.*?>", " ", page)
    page = re.sub(r"<[^>]+>", attributes, page)
    page = DATA.sub(" ", unescape(page))
    while "⟦" in page:
        page, count = re.subn(r"⟦[^⟦⟧]*⟧", " ", page)
        assert count
    return set(re.findall(r"[A-Za-z_][\w.-]*", page))


def attributes(tag):
    """Return what a tag says to people."""
    return " ".join(re.findall(r' (?:title|aria-label|placeholder|value)="([^"]*)"', tag[0])) or " "


@pytest.fixture
def filled(settings):
    def crm(event, **named):
        raise ValueError("1")

    settings.PICKYASSIST_WEBHOOKS = settings.PICKYASSIST_WEBHOOKS | {"MAX_ATTEMPTS": 1}
    signals.member_joined.connect(crm)
    post(member(group_id="1", group_subject="2"))
    signals.member_joined.disconnect(crm)
    post(member(2, group_id="1", group_subject=""))
    report = row("1", 2, error_code="1", error_message="2", reference_number="3", channel_id="8")
    post(delivery(report, row("1", 1, reference_number="3"), row("2", 77)))
    post(filtered())
    post(subscriber(subscriber_id="1", name="2", message="3", channel="8"))
    post(delivery(row("5", 1), row("6", "7x")))
    post({"project_id": "1", "event_id": 99})
    ingest.replay(WebhookRequest.objects.last().pk, "4711")
    keep({"project_id": "1"})


def test_marks_what_is_not_translated(client):
    """This test can fail: the words of a page in no language but English are all left."""
    client.force_login(get_user_model().objects.create_superuser("4711"))
    assert "Overview" in left(client.get(reverse("admin:app_list", args=[APP])))


def pages():
    yield reverse("admin:app_list", args=[APP])
    yield reverse("admin:app_list", args=[APP]) + "?days=7"
    for model in OURS:
        name = f"admin:{APP}_{model._meta.model_name}"
        yield reverse(f"{name}_changelist")
        for pk in model._default_manager.values_list("pk", flat=True):
            yield reverse(f"{name}_change", args=[pk])
    requests = f"admin:{APP}_webhookrequest"
    yield reverse(f"{requests}_problems")
    yield reverse(f"{requests}_problem", args=[WebhookRequest.objects.exclude(problem=None)[0].pk])
    yield reverse(f"admin:{APP}_groupmemberevent_group", args=[GroupMemberEvent.objects.first().pk])


def test_pages(filled, root, marked):
    found = {page: words for page in pages() if (words := left(root.get(page)))}
    assert found == {}


def test_pages_of_an_empty_database(root, marked):
    assert left(root.get(reverse("admin:app_list", args=[APP]))) == set()
    assert left(root.get(reverse(f"admin:{APP}_webhookrequest_problems"))) == set()


def test_answers_to_buttons(filled, root, marked):
    name = f"admin:{APP}_webhookrequest"
    pk = WebhookRequest.objects.exclude(problem=None).last().pk
    assert left(root.post(reverse(f"{name}_url"))) == set()
    for deed, reason in (("replay", ""), ("retry", ""), ("discard", ""), ("discard", "1")):
        for _ in range(2):
            page = reverse(f"{name}_{deed}", args=[pk])
            answer = root.post(page, {"reason": reason}, follow=True)
            assert left(answer) == set(), deed
    chosen = {"action": "erase_numbers", "_selected_action": [DeliveryReport.objects.first().pk]}
    page = reverse(f"admin:{APP}_deliveryreport_changelist")
    assert left(root.post(page, chosen)) == set()
    assert left(root.post(page, chosen | {"erase": "yes"}, follow=True)) == set()


def test_all_that_the_parser_expects_is_there_for_translators():
    said = set()
    for module in (fields, shapes, payloads, decoding, worker):
        tree = ast.parse(Path(module.__file__).read_text("utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in SAYING:
                said |= texts(node.args[-1], module)
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "expected":
                said |= texts(node.value, module)
    said |= {expected for _, _, expected in shapes.FOREIGN} | {payloads._EVENT_IDS}
    assert said == set(EXPECTATIONS)


def texts(node, module):
    """Return the text that an expression of a module stands for, for each kind if it names one."""
    if not isinstance(node, ast.Constant | ast.JoinedStr):
        return set()
    code = compile(ast.Expression(node), module.__file__, "eval")
    return {
        eval(code, vars(module) | {"shape": shape})  # noqa: S307 -- our own source
        for shape in (shapes.SHAPES if "shape" in code.co_names else [None])
    }
