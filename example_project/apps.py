from __future__ import annotations

from django.apps import AppConfig


class ExampleConfig(AppConfig):
    name = "example_project"

    def ready(self) -> None:
        # A receiver is connected when its module is imported, and nothing else imports this one.
        from example_project import receivers  # noqa: F401
