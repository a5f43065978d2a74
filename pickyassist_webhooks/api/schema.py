"""The OpenAPI description of each API view."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ResolvedComponent
from drf_spectacular.utils import OpenApiResponse, extend_schema

from . import errors, examples, serializers
from .components import Schema, named, operation_id, tag

#: The description of a request ID in a URL.
ID: Schema = {
    "schema": {
        "type": "string",
        "pattern": "^([0-9]{1,18}|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})$",
    },
    "description": "The ID of a request, or its token (the `id` in the webhook response).",
}

_WITHOUT_NUL = {"type": "string", "pattern": r"^[^\x00]*$"}


class Described(AutoSchema):
    """Describe operations in the same way in this app's document and the project's.

    Names have our prefix; paths, settings and hooks of a project do not change them.
    """

    def get_operation(self, *args: Any) -> Any:
        operation: Any = super().get_operation(*args)
        for parameter in operation.get("parameters", ()):
            if parameter["in"] == "query":
                parameter["allowEmptyValue"] = True  # forms send empty fields
            if parameter["in"] == "path":
                parameter |= self.view.paths.get(parameter["name"], {})
            if parameter["schema"] == {"type": "string"}:
                parameter["schema"] = _WITHOUT_NUL
        if self._name() == "requests_list":
            for content in operation["responses"]["200"]["content"].values():
                self._add_change_feed(content)
        self._register("BadRequest", errors.BAD_REQUEST)
        return operation

    def get_response_serializers(self) -> Any:
        serializer: Any = super().get_response_serializers()
        is_page = self._is_list_view(serializer)
        description = "One page of rows." if is_page else "The current state."
        success = OpenApiResponse(serializer, description, examples.of(serializer))
        return {"200": success} | errors.responses(self._name(), bool(self.view.get_throttles()))

    def _add_change_feed(self, content: Schema) -> None:
        for event in serializers.EVENTS.values():
            self.resolve_serializer(event, "response")
        page = serializers.FollowedRequestPageSerializer
        component = self.resolve_serializer(page, "response")
        content["schema"] = {"oneOf": [content["schema"], component.ref]}
        content["examples"]["ChangeFeed"] = {"value": examples.change_feed()}

    def get_operation_id(self) -> str:
        return operation_id(self._name())

    def get_tags(self) -> list[str]:
        return [tag(self.view.resource)]

    def get_serializer_name(self, *args: Any) -> str:
        return named(super().get_serializer_name(*args))

    def get_paginated_name(self, serializer_name: str) -> str:
        return f"{serializer_name}Page"

    def _name(self) -> str:
        """Return the resource and the action of an operation."""
        action = getattr(self.view, "action", self.view.part)
        return f"{self.view.resource}_{action}".rstrip("_").replace("-", "_")

    def get_summary(self) -> str:
        """Return the action and the first line of the docstring."""
        line = self.get_description().partition("\n")[0].rstrip(".")
        verb = {"list": "List: ", "retrieve": "Read one: "}.get(
            getattr(self.view, "action", ""), ""
        )
        return verb + (line[:1].lower() + line[1:] if verb else line)

    def get_auth(self) -> list[Schema]:
        """Describe known authentication classes, and others by their HTTP scheme."""
        supported: list[Any] = []
        others: list[Any] = []
        for authenticator in self.view.get_authenticators():
            is_supported = OpenApiAuthenticationExtension.get_match(authenticator)
            (supported if is_supported else others).append(authenticator)
        self.view.get_authenticators = lambda: supported
        # An empty entry would mean that login is optional: the project's permissions may allow
        # that, but ours require a login.
        schemes = [auth for auth in super().get_auth() if auth]
        for authenticator in others:
            scheme = str(authenticator.authenticate_header(self.view.request) or "").split(" ")[0]
            if scheme:
                name = type(authenticator).__name__
                as_http = {"type": "http", "scheme": scheme.lower()}
                self._register(name, as_http, ResolvedComponent.SECURITY_SCHEMA)
                schemes.append({named(name): []})
        return schemes

    def _map_basic_serializer(self, serializer: Any, direction: str) -> Schema:
        mapped: Schema = super()._map_basic_serializer(serializer, direction)
        if isinstance(serializer, serializers.ReplaySerializer):
            mapped["additionalProperties"] = False
        return mapped

    def _register(self, name: str, schema: Schema, kind: str = ResolvedComponent.SCHEMA) -> None:
        full_name = named(name)
        component = ResolvedComponent(name=full_name, type=kind, schema=schema, object=full_name)
        self.registry.register_on_missing(component)


def described(**options: Any) -> Callable[[Any], Any]:
    """Describe an operation, independent of the project's ``DEFAULT_SCHEMA_CLASS``."""

    def decorate(operation: Any) -> Any:
        operation.kwargs = {"schema": Described, **getattr(operation, "kwargs", {})}
        return extend_schema(**options)(operation)

    return decorate
