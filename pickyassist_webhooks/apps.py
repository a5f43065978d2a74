from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class PickyAssistWebhooksConfig(AppConfig):
    name = "pickyassist_webhooks"
    verbose_name = _("Picky Assist webhooks")
    # Fixed here: every project gets the same columns and needs no migration of its own.
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from .checks import (  # noqa: F401
            databases,
            middleware,
            processing,
            relations,
            settings,
            spool,
            statements,
            urls,
        )
