"""What tests of a project need that receives events: payloads, a way to post them, the signals."""

from .builders import batch, delivery_report, filter_report, group_member, new_subscriber
from .capturing import Captured, CapturedEvents, capture_events
from .cases import WebhookTestMixin
from .posting import post_event

__all__ = [
    "Captured",
    "CapturedEvents",
    "WebhookTestMixin",
    "batch",
    "capture_events",
    "delivery_report",
    "filter_report",
    "group_member",
    "new_subscriber",
    "post_event",
]
