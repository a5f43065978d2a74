"""A project that gives the app another label, which its migrations do not have."""

from __future__ import annotations

from pickyassist_webhooks.apps import PickyAssistWebhooksConfig
from tests.settings import *  # noqa: F403
from tests.settings import INSTALLED_APPS


class Renamed(PickyAssistWebhooksConfig):
    label = "events"


INSTALLED_APPS = [
    f"{__name__}.Renamed" if name == "pickyassist_webhooks" else name for name in INSTALLED_APPS
]
