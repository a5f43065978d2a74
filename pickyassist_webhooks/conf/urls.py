"""The URL of the webhook view in the project's URLconf."""

from __future__ import annotations

from contextlib import suppress

from django.conf import settings
from django.conf.urls.i18n import is_language_prefix_patterns_used
from django.urls import reverse
from django.utils import translation

_MIDDLEWARE = "django.middleware.locale.LocaleMiddleware"


def webhook_path(secret: str) -> str:
    """Return the path of the view for a secret. Raises ``NoReverseMatch`` if there is none.

    With ``i18n_patterns`` it is that of the default language: Picky Assist has none.
    """
    language = settings.LANGUAGE_CODE
    _is_used, is_default_prefixed = is_language_prefix_patterns_used(settings.ROOT_URLCONF)
    if is_default_prefixed and _MIDDLEWARE in settings.MIDDLEWARE:
        # It serves "en-us" below /en/, unless LANGUAGES has both.
        with suppress(LookupError):
            language = translation.get_supported_language_variant(language)
    with translation.override(language):
        return reverse("pickyassist_webhooks:events", args=[secret])
