"""How to test receivers: post events to the real URL and check the rows.

Run in the top folder, with the Python of the environment:
``.venv/bin/python example_project/manage.py test example_project``
"""

# ruff: noqa: S101 - tests assert

from __future__ import annotations

from io import StringIO

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.test import TestCase
from django.urls import reverse

from example_project.shop.models import Customer, Order
from example_project.shop.sending import send_message
from pickyassist_webhooks.models import DeliveryReport, ReceiverFailure
from pickyassist_webhooks.pushes import PushRefused
from pickyassist_webhooks.testing import (
    WebhookTestMixin,
    batch,
    chat_message,
    delivery_report,
    filter_report,
    group_member,
    new_subscriber,
)
from pickyassist_webhooks.testing.vendor import FakeVendor

NUMBER = "15550001111"
#: A message about the order, and a second one, sent because the first failed.
FIRST = {"msg_id": "M1", "reference_number": "ORD-1"}
SECOND = {"msg_id": "M2", "reference_number": "ORD-1"}


class ShopTest(WebhookTestMixin, TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.customer = Customer.objects.create(number=NUMBER)
        self.order = Order.objects.create(number="ORD-1", customer=self.customer)

    def post(self, payload: dict) -> None:
        """Post a payload and check that no receiver failed: the answer is 200 in any case."""
        response = self.post_event(payload)
        assert (response.status_code, response.json()["state"]) == (200, "done")
        assert not ReceiverFailure.objects.exists()

    def assert_delivery(self, expected: str) -> None:
        self.order.refresh_from_db()
        assert self.order.delivery == expected


class OrderTest(ShopTest):
    def test_is_marked_as_delivered(self) -> None:
        self.assert_delivery("waiting")
        self.post(delivery_report(status=4, **FIRST))
        self.assert_delivery("submitted")
        self.post(delivery_report(status=1, **FIRST))
        self.assert_delivery("delivered")

    def test_stays_read(self) -> None:
        self.post(delivery_report(status=3, **FIRST))
        for late in (4, 1, 2, 5, 0):
            self.post(delivery_report(status=late, **FIRST))
            self.assert_delivery("read")
        assert DeliveryReport.objects.count() == 6

    def test_of_a_message_that_fails(self) -> None:
        for status in (2, 5):
            self.post(delivery_report(status=status, error_code="500", **FIRST))
            self.assert_delivery("failed")

    def test_of_a_message_that_is_sent_again(self) -> None:
        self.post(delivery_report(status=2, **FIRST))
        self.post(delivery_report(status=1, **SECOND))
        self.assert_delivery("delivered")
        self.post(delivery_report(status=5, **FIRST))
        self.assert_delivery("delivered")

    def test_ignores_a_late_report(self) -> None:
        self.post(delivery_report(status=1, **FIRST))
        self.post(delivery_report(status=4, **FIRST))
        self.assert_delivery("delivered")
        assert len(self.captured_events.named("message_status_changed")) == 1

    def test_is_not_updated_by_a_repeat(self) -> None:
        report = delivery_report(status=1, **FIRST)
        self.post(report)
        Order.objects.update(delivery="waiting")
        self.post(report)
        self.assert_delivery("waiting")
        assert len(self.captured_events.named("message_status_changed")) == 1

    def test_with_an_undocumented_status(self) -> None:
        self.post(delivery_report(status=77, **FIRST))
        self.assert_delivery("waiting")

    def test_ignores_other_reference_numbers(self) -> None:
        for other in ("ORD-2", "ord-1x", ""):
            self.post(delivery_report(status=1, reference_number=other))
        self.assert_delivery("waiting")
        assert DeliveryReport.objects.count() == 3

    def test_one_of_a_batch(self) -> None:
        others = [delivery_report(status=2) for _ in range(20)]
        self.post(batch(*others, delivery_report(status=1, **FIRST), *others))
        self.assert_delivery("delivered")


class AnswerTest(ShopTest):
    def setUp(self) -> None:
        super().setUp()
        self.post(delivery_report(status=1, number=NUMBER, **FIRST))

    def assert_cancelled(self, expected: bool) -> None:
        self.order.refresh_from_db()
        assert self.order.cancel_requested is expected

    def test_cancels_the_order_of_the_message(self) -> None:
        other = Order.objects.create(number="ORD-2", customer=self.customer)
        answer = chat_message(number=NUMBER, message_in_raw=" Cancel ", context_msg_id="M1")
        for _ in range(2):  # Picky Assist may repeat it
            self.post(answer)
            self.assert_cancelled(True)
        other.refresh_from_db()
        assert not other.cancel_requested
        assert len(self.captured_events.named("message_received")) == 1

    def test_cancels_by_a_button(self) -> None:
        answer = {"message_in_raw": "No, thank you", "payload": "cancel", "type": 9}
        self.post(chat_message(number=NUMBER, context_msg_id="M1", **answer))
        self.assert_cancelled(True)

    def test_stays_cancelled_after_other_answers(self) -> None:
        for text in ("cancel", "When will you refund me?"):
            self.post(chat_message(number=NUMBER, message_in_raw=text, context_msg_id="M1"))
            self.assert_cancelled(True)

    def test_of_anything_else_cancels_nothing(self) -> None:
        cancel = {"message_in_raw": "cancel", "number": NUMBER}
        self.post(chat_message(**cancel))  # answers no message
        self.post(chat_message(**cancel, context_msg_id="unknown"))
        self.post(chat_message(**cancel, context_msg_id="M1", direction=1))  # from the shop
        self.post(chat_message(**cancel | {"number": "15550002222"}, context_msg_id="M1"))
        self.post(chat_message(**cancel | {"message_in_raw": "Thanks"}, context_msg_id="M1"))
        self.assert_cancelled(False)


class CustomerTest(ShopTest):
    def assert_customer(self, **expected: object) -> None:
        values = Customer.objects.filter(number=NUMBER).values(*expected).get()
        assert values == expected

    def test_is_on_whatsapp_or_not(self) -> None:
        for status, expected in ((0, None), (2, False), (1, True), (0, True)):
            self.post(filter_report(status=status, number=NUMBER))
            self.assert_customer(on_whatsapp=expected)

    def test_joins_the_group_and_leaves_it(self) -> None:
        for action, expected in ((1, True), (2, False), (1, True)):
            self.post(group_member(action=action, number=NUMBER, group_id="G1"))
            self.assert_customer(in_group=expected)

    def test_is_added_with_a_message_to_the_shop(self) -> None:
        self.post(new_subscriber(mobile="15550002222", name="Grace"))
        assert str(Customer.objects.get(number="15550002222")) == "Grace"
        self.post(new_subscriber(mobile=NUMBER, name="Grace"))  # has another name
        self.assert_customer(name="")
        self.post(new_subscriber(mobile="", name="Messenger user"))
        assert Customer.objects.count() == 2

    def test_ignores_other_numbers(self) -> None:
        self.post(filter_report(status=1))
        self.post(group_member())
        self.assert_customer(on_whatsapp=None, in_group=False)


class SendingTest(ShopTest):
    def setUp(self) -> None:
        super().setUp()
        self.vendor = FakeVendor().__enter__()
        self.addCleanup(self.vendor.__exit__, None, None, None)
        ours = self.settings(
            PICKYASSIST_API_URL=self.vendor.api_url,
            PICKYASSIST_TOKEN=self.vendor.token,
            PICKYASSIST_WEBHOOKS={**settings.PICKYASSIST_WEBHOOKS, **self.vendor.settings},
        )
        ours.enable()
        self.addCleanup(ours.disable)

    def test_reports_arrive(self) -> None:
        push = send_message(self.order, "Your order is on its way")
        assert [message.get_status_display() for message in self.order.messages()] == ["accepted"]
        self.assert_delivery("waiting")
        for report in self.vendor.reports(push.push_id):
            self.post(report)
        self.assert_delivery("delivered")

    def test_reports_are_lost_and_fetched(self) -> None:
        push = send_message(self.order, "Your order is on its way")
        call_command("pickyassist_reconcile", "--push-id", push.push_id, stdout=StringIO())
        self.assert_delivery("delivered")

    def test_a_refusal(self) -> None:
        self.vendor.token = "another"  # noqa: S105
        with self.assertRaises(PushRefused) as caught:  # noqa: PT027
            send_message(self.order, "Your order is on its way")
        assert caught.exception.code == "401"


class AdminTest(ShopTest):
    def test_order_page_links_to_its_messages(self) -> None:
        self.client.force_login(get_user_model().objects.create_superuser("owner"))
        page = reverse("admin:shop_order_change", args=[self.order.pk])
        self.assertContains(self.client.get(page), '<div class="readonly">-</div>')
        self.post(delivery_report(status=2, **FIRST))
        self.post(delivery_report(status=1, **SECOND))
        for message in self.order.messages():
            link = reverse("admin:pickyassist_webhooks_message_change", args=[message.pk])
            self.assertContains(self.client.get(page), f'<a href="{link}">{message}</a>')
            self.assertContains(self.client.get(link), "ORD-1")
        for name in ("order", "customer"):
            assert self.client.get(reverse(f"admin:shop_{name}_changelist")).status_code == 200
