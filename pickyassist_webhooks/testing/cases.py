"""A mixin for Django's own test cases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .capturing import CapturedEvents, capture_events
from .posting import post_event

if TYPE_CHECKING:
    from django.test import SimpleTestCase as Case

    from .posting import Response
else:
    Case = object


class WebhookTestMixin(Case):
    """Give a test case ``post_event()`` and ``captured_events``."""

    #: Every signal of this app that was sent since the test began.
    captured_events: CapturedEvents

    def setUp(self) -> None:
        super().setUp()
        capturing = capture_events()
        self.captured_events = capturing.__enter__()
        self.addCleanup(capturing.__exit__, None, None, None)

    def post_event(self, payload: Any, **options: Any) -> Response:
        """Post a payload, have it processed, and return the response; see ``post_event``."""
        return post_event(self.client, payload, **options)
