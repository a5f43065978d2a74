from __future__ import annotations

from django.apps import AppConfig


class ShopConfig(AppConfig):
    name = "example_project.shop"

    def ready(self) -> None:
        # Importing the module connects its receivers, and nothing else imports it.
        from example_project.shop import receivers  # noqa: F401
