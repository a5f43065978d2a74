"""Events of each kind, in every combination with rows that are there."""

from __future__ import annotations

from pickyassist_webhooks.inbox.sweep import sweep
from tests.requests import chat, delivery, filtered, keep, member, post, row, subscriber

ODD = 'ü 🎉 "quoted" \\ %s {} \n'


def story():
    """Post events of each kind, in every combination with existing rows."""
    post(delivery(row("1"), row("2", "2"), row("3", "4"), row("")))
    post(delivery(row("1", "3"), row("2", "5", reference_number=ODD), row("1", "1"), row("4")))
    post(delivery(row("1", "1", error_message=ODD, custom={"a": [1, 2.5, ODD]})))
    post(filtered(row("1"), row("2", "0")))
    post(filtered(row("1", custom=ODD)))
    post(member())
    post(member(2, number="7"))
    post(member(group_subject=ODD))
    post(member(2))
    post(subscriber())
    post(subscriber(name=ODD))
    post(subscriber(subscriber_id="", mobile="7", date="nonsense"))
    post(chat("1", contact=[{"name": ODD}], location={}, context_msg_id="1"))
    post(chat("1", name=ODD, type="2", location={"name": ODD}, custom=ODD))
    post(chat("2", message_in_raw=ODD, direction=1, payload=ODD))
    for number in range(4):
        keep(chat(f"C{number}", direction=number, context_msg_id="1"))
        keep(delivery(row("5", number)))
        keep(subscriber(subscriber_id=f"S{number}", date="" if number else "nonsense"))
    keep({"event_id": 99})
    sweep()
