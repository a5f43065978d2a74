"""What tests of a project need that receives events: payloads, a way to post them, the signals."""

from django.core.exceptions import AppRegistryNotReady, ImproperlyConfigured

try:
    from .builders import batch, delivery_report, filter_report, group_member, new_subscriber
    from .capturing import Captured, CapturedEvents, capture_events
    from .cases import WebhookTestMixin
    from .posting import post_event
except (AppRegistryNotReady, ImproperlyConfigured) as err:
    raise ImproperlyConfigured(
        "pickyassist_webhooks.testing needs Django to be set up. With pytest: install "
        "pytest-django, say in pytest.ini DJANGO_SETTINGS_MODULE = mysite.settings, and name the "
        "plugin in conftest.py rather than on the command line."
    ) from err

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
