"""Shared by all parts of the API description: the name prefix and the OpenAPI version."""

from __future__ import annotations

from typing import Any

from drf_spectacular.settings import spectacular_settings

Schema = dict[str, Any]

#: Starts the name of each component, because a project can have its own ``Message``.
PREFIX = "PickyAssist"

#: Keys whose values are data, not schemas.
_DATA = frozenset({"default", "enum", "example", "examples"})


def named(name: str) -> str:
    """Return the full name of a component of this API."""
    return f"{PREFIX}{name}"


def ref(name: str) -> Schema:
    """Return a reference to a component of this API."""
    return {"$ref": f"#/components/schemas/{named(name)}"}


def operation_id(name: str) -> str:
    """Return an operation ID; generated clients use it as a function name."""
    return f"pickyassist_{name}"


def tag(resource: str) -> str:
    """Return the tag for the operations on a resource."""
    return f"pickyassist-{resource}"


def for_version(schema: Any) -> Any:
    """Convert an OpenAPI 3.1 schema to the version of the document."""
    return _to_3_0(schema) if spectacular_settings.OAS_VERSION.startswith("3.0") else schema


def _to_3_0(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_to_3_0(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    older = {name: value if name in _DATA else _to_3_0(value) for name, value in schema.items()}
    if isinstance(older.get("type"), list):
        [older["type"]] = [name for name in older["type"] if name != "null"]
        older["nullable"] = True
    if "const" in older:
        older["enum"] = [older.pop("const")]
    if older.pop("contentEncoding", None):
        older["format"] = "byte"
    return older
