"""What the admin says when something is done there with what strangers sent."""

from __future__ import annotations

import json

import pytest

from pickyassist_webhooks.models import (
    DeliveryReport,
    FilterReport,
    GroupMemberEvent,
    Message,
    NewSubscriber,
    WebhookRequest,
)
from tests.browser.addresses import list_of
from tests.browser.place import failing_receiver, send_all
from tests.browser.posts import Post
from tests.requests import delivery, filtered, member, row, subscriber

NAME = "'\"><b class=pwned>\u202e{{1337*7331}}</li></ul>"
EVENTS = {
    DeliveryReport: lambda name: delivery(row(name)),
    FilterReport: lambda name: filtered(row(name)),
    GroupMemberEvent: lambda name: member(group_id=name),
    Message: lambda name: delivery(row(name)),
    NewSubscriber: lambda name: subscriber(subscriber_id=name),
    WebhookRequest: lambda name: member(group_id=name, group_subject=name),
}
each_event = pytest.mark.parametrize("model", EVENTS, ids=lambda model: model.__name__)
FIRST = "#result_list tbody th a"


def send(place, model, name):
    """Store rows of a test's own, which it may delete."""
    body = json.dumps(EVENTS[model](name)).encode()
    send_all(place.origin, [Post(body, accepted=1, headers={"Content-Type": "application/json"})])


@each_event
def test_each_action(model, place, visitor):
    """What an action says, or asks, about a row; of those that ask none is confirmed."""
    name = f"action {model.__name__} {NAME}"
    send(place, model, name)
    found = visitor.visit(list_of(model, q=name))
    options = visitor.page.locator("select[name=action] option").all()
    actions = [value for option in options if (value := option.get_attribute("value"))]
    assert "delete_selected" in actions
    for action in actions:
        found += visitor.visit(list_of(model, q=name))
        visitor.choose(action)
        found += visitor.press("button[name=index]")
    assert found == []


@each_event
def test_a_row_that_is_deleted(model, place, visitor):
    name = f"deleted {model.__name__} {NAME}"
    send(place, model, name)
    found = visitor.visit(list_of(model, q=name))
    for button in (FIRST, "a.deletelink", "#content [type=submit]"):
        found += visitor.press(button)
    assert "deleted successfully" in visitor.text
    found += visitor.visit("/admin/")  # which names what was done lately
    assert found == []
    assert model is WebhookRequest or f"deleted {model.__name__}" in visitor.text


def test_buttons_on_the_page_of_a_request(place, visitor):
    """Each is pressed on the page of a request of its own, which failed, and so has all of them."""
    buttons, pressed, found = ["none"], 0, []
    while pressed < len(buttons):
        name = f"button {pressed} {NAME}"
        with failing_receiver():
            send(place, WebhookRequest, name)
        found += visitor.visit(list_of(WebhookRequest, q=name))
        found += visitor.press(FIRST)
        forms = visitor.page.locator("#content form[method=post][action$='/']").all()
        buttons = [form.get_attribute("action").split("/")[-2] for form in forms]
        form = f"#content form[action$='/{buttons[pressed]}/']"
        for reason in visitor.page.locator(f"{form} [name=reason]").all():
            reason.fill("because")
        for button in (f"{form} [type=submit]", "a.historylink"):
            found += visitor.press(button)
        pressed += 1
    assert found == []
    assert pressed >= 3
