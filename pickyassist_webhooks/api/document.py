"""The OpenAPI 3.1 description of the API and of the incoming webhooks."""

from __future__ import annotations

import threading
from functools import cache
from typing import Any

from django.utils import translation
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.settings import SPECTACULAR_DEFAULTS, patched_settings
from drf_spectacular.views import SpectacularAPIView
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.settings import api_settings

from . import views, webhooks
from .components import Schema, tag

_VIEWS = (
    views.WebhookRequestViewSet,
    views.DeliveryReportViewSet,
    views.FilterReportViewSet,
    views.GroupMemberEventViewSet,
    views.NewSubscriberViewSet,
    views.ChatMessageViewSet,
    views.MessageViewSet,
    views.StatisticsView,
)

#: The description of each tag.
_TAGS = {
    **{view.resource: str(view.__doc__) for view in _VIEWS},
    "groups": "Current members of a group.",
    "numbers": "The current report for a number: on WhatsApp or not.",
    "webhooks": "Requests from Picky Assist and the responses to them.",
}

#: Every setting, so that the project's settings have no effect.
SETTINGS: Schema = {
    **{
        name: value
        for name, value in SPECTACULAR_DEFAULTS.items()
        # drf-spectacular does not allow the others to be patched for one document.
        if not name.startswith(("SERVE_", "DEFAULT_GENERATOR_CLASS"))
    },
    "OAS_VERSION": "3.1.0",
    "TITLE": "Picky Assist webhooks",
    "DESCRIPTION": "Read the requests and events that Picky Assist sent. Each resource requires "
    "the `view` permission of its model. Without `view_personal_data`, numbers are `•••` and their "
    "last three characters, texts are `•••`, and objects and bodies are null. The requests from "
    "Picky Assist are described under `webhooks`.",
    "VERSION": "1",
    "SCHEMA_PATH_PREFIX": "",
    "SERVERS": [],
    "TAGS": [{"name": tag(name), "description": text} for name, text in _TAGS.items()],
    # Without the enum naming hook: it remembers names from the first document.
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enum_id_removal",
        f"{__name__}.completed",
    ],
}

# drf-spectacular patches settings for the whole process; two calls at once would mix them up.
_one_at_a_time = threading.Lock()


def completed(result: Schema, **named: Any) -> Schema:
    """Add the incoming webhooks, which have no API view."""
    schemas = result["components"]["schemas"] | webhooks.components()
    result["components"]["schemas"] = dict(sorted(schemas.items()))
    result["webhooks"] = webhooks.webhooks()
    return result


def generate() -> Schema:
    """Return the description without the server URL."""
    # Always in English, because the result is cached.
    with _one_at_a_time, translation.override(None), patched_settings(SETTINGS):
        generator = SchemaGenerator(urlconf="pickyassist_webhooks.api.urls")
        return generator.get_schema(request=None, public=True)


_generated = cache(generate)


def document(mount: str) -> Schema:
    """Return the description of the API mounted at a path."""
    return {**_generated(), "servers": [{"url": mount.rstrip("/") or "/"}]}


@method_decorator(never_cache, name="dispatch")
class SchemaView(SpectacularAPIView):
    """The description of this API only, without the project's other APIs."""

    schema = None
    # The project's permission classes can need a model, and this view has none.
    _ignore_model_permissions = True
    authentication_classes = api_settings.DEFAULT_AUTHENTICATION_CLASSES
    permission_classes = (*api_settings.DEFAULT_PERMISSION_CLASSES, IsAuthenticated)
    versioning_class = None

    def get(self, request: Request, **captured: str) -> Response:
        return Response(document(request.path.removesuffix("schema/")))

    def handle_exception(self, exc: Exception) -> Response:
        """Return an error with plain texts: in YAML an ``ErrorDetail`` has its attributes, too."""
        response = super().handle_exception(exc)
        if isinstance(response, Response):  # a handler of the project can return any other
            response.data = _plain(response.data)
        return response


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return list(map(_plain, value))
    return str(value) if isinstance(value, str) else value
