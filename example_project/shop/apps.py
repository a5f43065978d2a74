from __future__ import annotations

from django.apps import AppConfig


class ShopConfig(AppConfig):
    name = "example_project.shop"

    def ready(self) -> None:
        # A receiver is connected when its module is imported, and nothing else imports this one.
        from example_project.shop import receivers  # noqa: F401
