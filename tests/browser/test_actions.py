"""The admin's messages after actions on rows of strangers."""

from __future__ import annotations

import json

import pytest

from pickyassist_webhooks.models import (
    ChatMessage,
    DeliveryReport,
    FilterReport,
    GroupMemberEvent,
    Message,
    NewSubscriber,
    WebhookRequest,
)
from tests.browser.addresses import list_of
from tests.browser.posts import Post
from tests.browser.site import failing_receiver, send_all
from tests.requests import chat, delivery, filtered, member, row, subscriber

NAME = "'\"><b class=pwned>\u202e{{1337*7331}}</li></ul>"
EVENTS = {
    ChatMessage: lambda name: chat(name),
    DeliveryReport: lambda name: delivery(row(name)),
    FilterReport: lambda name: filtered(row(name)),
    GroupMemberEvent: lambda name: member(group_id=name),
    Message: lambda name: delivery(row(name)),
    NewSubscriber: lambda name: subscriber(subscriber_id=name),
    WebhookRequest: lambda name: member(group_id=name, group_subject=name),
}
each_event = pytest.mark.parametrize("model", EVENTS, ids=lambda model: model.__name__)
FIRST = "#result_list tbody th a"


def send(site, model, name):
    """Store rows that the test may delete."""
    body = json.dumps(EVENTS[model](name)).encode()
    send_all(site.origin, [Post(body, accepted=1, headers={"Content-Type": "application/json"})])


@each_event
def test_each_action(model, site, visitor):
    """The message or question of each action; no question is confirmed."""
    name = f"action {model.__name__} {NAME}"
    send(site, model, name)
    findings = visitor.visit(list_of(model, q=name))
    options = visitor.page.locator("select[name=action] option").all()
    actions = [value for option in options if (value := option.get_attribute("value"))]
    assert "delete_selected" in actions
    for action in actions:
        findings += visitor.visit(list_of(model, q=name))
        visitor.choose(action)
        findings += visitor.press("button[name=index]")
    assert findings == []


@each_event
def test_a_row_that_is_deleted(model, site, visitor):
    name = f"deleted {model.__name__} {NAME}"
    send(site, model, name)
    findings = visitor.visit(list_of(model, q=name))
    for button in (FIRST, "a.deletelink", "#content [type=submit]"):
        findings += visitor.press(button)
    assert "deleted successfully" in visitor.text
    findings += visitor.visit("/admin/")  # it lists the latest actions
    assert findings == []
    assert model is WebhookRequest or f"deleted {model.__name__}" in visitor.text


def test_buttons_on_the_page_of_a_request(site, visitor):
    """Each button is pressed on the page of another failed request, which has all buttons."""
    buttons, pressed, findings = ["none"], 0, []
    while pressed < len(buttons):
        name = f"button {pressed} {NAME}"
        with failing_receiver():
            send(site, WebhookRequest, name)
        findings += visitor.visit(list_of(WebhookRequest, q=name))
        findings += visitor.press(FIRST)
        forms = visitor.page.locator("#content form[method=post][action$='/']").all()
        buttons = [form.get_attribute("action").split("/")[-2] for form in forms]
        form = f"#content form[action$='/{buttons[pressed]}/']"
        for reason in visitor.page.locator(f"{form} [name=reason]").all():
            reason.fill("because")
        for button in (f"{form} [type=submit]", "a.historylink"):
            findings += visitor.press(button)
        pressed += 1
    assert findings == []
    assert pressed >= 3
