"""Test tools for projects that receive events: payload builders, posting, captured signals."""

from django.core.exceptions import AppRegistryNotReady, ImproperlyConfigured

try:
    from .builders import (
        batch,
        chat_message,
        delivery_report,
        filter_report,
        group_member,
        new_subscriber,
        push_answer,
    )
    from .capturing import Captured, CapturedEvents, capture_events
    from .cases import WebhookTestMixin
    from .posting import post_event
    from .vendor import FakeVendor
except (AppRegistryNotReady, ImproperlyConfigured) as err:
    raise ImproperlyConfigured(
        "pickyassist_webhooks.testing needs Django to be set up. With pytest: install "
        "pytest-django, set DJANGO_SETTINGS_MODULE = mysite.settings in pytest.ini, and name the "
        "plugin in conftest.py, not on the command line."
    ) from err

__all__ = [
    "Captured",
    "CapturedEvents",
    "FakeVendor",
    "WebhookTestMixin",
    "batch",
    "capture_events",
    "chat_message",
    "delivery_report",
    "filter_report",
    "group_member",
    "new_subscriber",
    "post_event",
    "push_answer",
]
