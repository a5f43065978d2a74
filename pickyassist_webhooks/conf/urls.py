"""The URL of the webhook view in the project's URLconf."""

from __future__ import annotations

from django.conf import settings
from django.urls import reverse
from django.utils import translation


def webhook_path(secret: str) -> str:
    """Return the path of the view for a secret. Raises ``NoReverseMatch`` if there is none.

    With ``i18n_patterns`` it is that of the default language: no one else reads it.
    """
    try:
        # LocaleMiddleware serves "en-us" below /en/, unless LANGUAGES has both.
        language = translation.get_supported_language_variant(settings.LANGUAGE_CODE)
    except LookupError:
        language = settings.LANGUAGE_CODE
    with translation.override(language):
        return reverse("pickyassist_webhooks:events", args=[secret])
