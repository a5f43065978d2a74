"""A mixin for Django's own test cases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..inbox.refusals import refusals
from .capturing import CapturedEvents, capture_events
from .folders import OwnSpool
from .posting import post_event

if TYPE_CHECKING:
    from .posting import Response


class WebhookTestMixin(OwnSpool):
    """Give a test case ``post_event()``, ``captured_events`` and its own ``SPOOL_DIR``."""

    #: Every signal call of this app since the test began.
    captured_events: CapturedEvents

    def setUp(self) -> None:
        super().setUp()
        refusals.forget()
        capturing = capture_events()
        self.captured_events = capturing.__enter__()
        self.addCleanup(capturing.__exit__, None, None, None)

    def post_event(self, payload: Any, **options: Any) -> Response:
        """Post and process a payload, and return the response; see ``post_event``."""
        return post_event(self.client, payload, **options)
