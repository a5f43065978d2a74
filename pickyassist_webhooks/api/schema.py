"""The description of the API, and of the incoming webhooks, as OpenAPI 3.1."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import cache
from typing import Any

from django.utils import translation
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ResolvedComponent
from drf_spectacular.settings import SPECTACULAR_DEFAULTS, patched_settings
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.settings import api_settings

from . import errors, examples, fields, serializers, webhooks

Schema = dict[str, Any]

#: Settings of the project's own description, which may be patched for no single one.
_NOT_OURS = ("SERVE_", "DEFAULT_GENERATOR_CLASS")

#: All there are, so that those of the project do not matter.
SETTINGS: Schema = {
    **{
        name: value
        for name, value in SPECTACULAR_DEFAULTS.items()
        if not name.startswith(_NOT_OURS)
    },
    "OAS_VERSION": "3.1.0",
    "TITLE": "Picky Assist webhooks",
    "DESCRIPTION": "What Picky Assist reported, for programs: whoever has a model's `view` "
    "permission may read it. Without `view_personal_data` numbers are `•••` and their last three "
    "characters, texts are `•••`, objects and bodies are null. Below `webhooks` is what Picky "
    "Assist sends.",
    "VERSION": "1",
    "SCHEMA_PATH_PREFIX": "",
    "SERVERS": [],
    "TAGS": [
        {"name": "requests", "description": "Accepted POSTs, and what became of each."},
        {"name": "delivery-reports", "description": "Event 1: what was reported of messages."},
        {"name": "filter-reports", "description": "Event 2: which numbers are on WhatsApp."},
        {"name": "group-events", "description": "Event 3: who joined and left a group."},
        {"name": "subscribers", "description": "Event 4: who wrote for the first time."},
        {"name": "messages", "description": "What became of each message."},
        {"name": "groups", "description": "Who is in a group now."},
        {"name": "numbers", "description": "Whether a number is on WhatsApp."},
        {"name": "stats", "description": "The figures of the admin's overview."},
        {"name": "webhooks", "description": "What Picky Assist sends, and what it is answered."},
    ],
    # Without the one that names enums: it remembers the names of whoever was described first.
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enum_id_removal",
        f"{__name__}.completed",
    ],
}

_WITHOUT_NUL = {"type": "string", "pattern": r"^[^\x00]*$"}

# drf-spectacular patches settings of the whole process, so that two at once would mix them up.
_one_at_a_time = threading.Lock()


class Described(AutoSchema):
    """Adds to each operation an example and all that it answers beside."""

    def get_operation(self, *args: Any) -> Schema:
        operation: Any = super().get_operation(*args)
        name = operation["operationId"]
        is_page = self._is_list_view()
        found = operation["responses"]["200"]
        for content in found["content"].values():
            row = content["schema"]["$ref"].rpartition("/")[2]
            row = row.removeprefix("Paginated").removesuffix("List") if is_page else row
            content["examples"] = _examples(row, is_page)
            if name == "requests_list":
                content["examples"] |= {"followed": {"value": _followed_page()}}
                content["schema"] = {"oneOf": [content["schema"], self._followed()]}
        for parameter in operation.get("parameters", ()):
            if parameter["in"] == "query" and parameter["schema"]["type"] != "array":
                parameter["allowEmptyValue"] = True  # as forms send what nobody filled in
            if parameter["schema"] == {"type": "string"}:
                parameter["schema"] = _WITHOUT_NUL
        found["description"] = "A page of them." if is_page else "As it is now."
        statuses = {"401", "403", "404", "406"} | set(operation.pop("x-answers", ()))
        # A single request is looked up without the filters, and so without their refusals.
        if name != "requests_retrieve":
            statuses.add("400")
        if self.view.get_throttles():
            statuses.add("429")
        operation["responses"] |= errors.responses(name, statuses, list(found["content"]))
        return operation

    def get_summary(self) -> str:
        """Return the first line of the docstring, after what is done."""
        said = self.get_description().partition("\n")[0].rstrip(".")
        verb = {"list": "List: ", "retrieve": "Read one: "}.get(
            getattr(self.view, "action", ""), ""
        )
        return verb + (said[:1].lower() + said[1:] if verb else said)

    def get_auth(self) -> list[Schema]:
        """Describe the authentications that are known, and others by what they ask for."""
        known: list[Any] = []
        others: list[Any] = []
        for authenticator in self.view.get_authenticators():
            is_known = OpenApiAuthenticationExtension.get_match(authenticator)
            (known if is_known else others).append(authenticator)
        self.view.get_authenticators = lambda: known
        # An empty one would mean that nobody needs to log in, which whatever our permissions stand
        # beside allows.
        found = [auth for auth in super().get_auth() if auth]
        for authenticator in others:
            scheme = str(authenticator.authenticate_header(self.view.request) or "").split(" ")[0]
            if scheme:
                name = type(authenticator).__name__
                self._register(
                    name,
                    {"type": "http", "scheme": scheme.lower()},
                    ResolvedComponent.SECURITY_SCHEMA,
                )
                found.append({name: []})
        return found

    def _map_serializer_field(self, field: Any, *args: Any, **kwargs: Any) -> Schema:
        mapped: Schema = super()._map_serializer_field(field, *args, **kwargs)
        if isinstance(field, fields.Code):
            known = ", ".join(f"{code} {label}" for code, label in field.choices.items())
            mapped["description"] = f"Known are: {known}. Others are kept as they came."
        return mapped

    def _followed(self) -> Schema:
        row = self.resolve_serializer(serializers.FollowedRequestSerializer, "response").ref
        page = {
            "type": "object",
            "description": "What has come to rest since the cursor, which `after` asks for.",
            "required": ["next", "more", "results"],
            "properties": {
                "next": {"type": "string", "format": "uri"},
                "more": {"type": "boolean", "description": "Whether to ask again at once."},
                "results": {"type": "array", "items": row},
            },
        }
        return self._register("FollowedRequestPage", page)

    def _register(self, name: str, schema: Schema, kind: str = ResolvedComponent.SCHEMA) -> Schema:
        component = ResolvedComponent(name=name, type=kind, schema=schema, object=name)
        self.registry.register_on_missing(component)
        return dict(component.ref)


def described(**said: Any) -> Callable[[Any], Any]:
    """Describe an operation, whatever the project's ``DEFAULT_SCHEMA_CLASS`` is."""

    def decorate(operation: Any) -> Any:
        operation.kwargs = {"schema": Described, **getattr(operation, "kwargs", {})}
        return extend_schema(**said)(operation)

    return decorate


def _examples(row: str, is_page: bool) -> Schema:
    whole = examples.ROWS[row]
    found = {"usual": whole}
    if (hidden := examples.masked(whole)) != whole:
        found["without_view_personal_data"] = hidden
    if not is_page:
        return {name: {"value": each} for name, each in found.items()}
    page = {"next": "https://example.com/?cursor=eyJ9", "previous": None}
    return {name: {"value": {**page, "results": [each]}} for name, each in found.items()}


def _followed_page() -> Schema:
    return {
        "next": "https://example.com/?after=eyJ9",
        "more": False,
        "results": [examples.ROWS["FollowedRequest"]],
    }


def completed(result: Schema, **named: Any) -> Schema:
    """Add to a description what no view shows: errors, codes, and the incoming webhooks."""
    schemas = result["components"]["schemas"]
    schemas |= errors.COMPONENTS | fields.COMPONENTS | webhooks.components()
    result["components"]["schemas"] = dict(sorted(schemas.items()))
    result["webhooks"] = webhooks.webhooks()
    return result


def generate() -> Schema:
    """Return the description, without where the API is."""
    from . import urls  # which imports this module

    # In the language of the source, whoever asks first.
    with _one_at_a_time, translation.override(None), patched_settings(SETTINGS):
        generator = SchemaGenerator(patterns=urls.urlpatterns)
        document: Schema = generator.get_schema(request=None, public=True)
    return document


_generated = cache(generate)


def document(mount: str) -> Schema:
    """Return the description of the API below a path."""
    return {**_generated(), "servers": [{"url": mount.rstrip("/") or "/"}]}


class SchemaView(SpectacularAPIView):
    """The description of this API alone, whatever else the project has."""

    schema = None
    custom_settings = SETTINGS
    authentication_classes = api_settings.DEFAULT_AUTHENTICATION_CLASSES
    permission_classes = (*api_settings.DEFAULT_PERMISSION_CLASSES, IsAuthenticated)
    versioning_class = None

    def get(self, request: Request) -> Response:
        return Response(document(request.path.removesuffix("schema/")))
