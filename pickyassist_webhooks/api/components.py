"""Shared by all parts of the API description: the names of components and operations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Schema = dict[str, Any]


def named(name: str) -> str:
    """Return the full name of a component: a project can have its own ``Message``."""
    return f"PickyAssist{name}"


def ref(name: str) -> Schema:
    """Return a reference to a component of this API."""
    return {"$ref": f"#/components/schemas/{named(name)}"}


def operation_id(name: str) -> str:
    """Return an operation ID; generated clients use it as a function name."""
    return f"pickyassist_{name}"


def tag(resource: str) -> str:
    """Return the tag for the operations on a resource."""
    return f"pickyassist-{resource}"


def known_codes(labels: Mapping[Any, Any]) -> str:
    """Return the description of a vendor code, with the labels of the known ones."""
    codes = ", ".join(f"{code} {label}" for code, label in labels.items())
    return f"Known codes: {codes}. Other codes are stored unchanged."
