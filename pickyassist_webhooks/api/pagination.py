"""Keyset pagination: each page costs the same, because nothing is counted or skipped."""

from __future__ import annotations

import base64
import json
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Q, QuerySet
from django.utils.dateparse import parse_datetime
from drf_spectacular.plumbing import append_meta
from rest_framework.exceptions import ValidationError
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.settings import api_settings
from rest_framework.utils.urls import replace_query_param

from ..models.moments import in_utc
from . import texts

#: Rows on a page if neither the request nor the project's ``PAGE_SIZE`` sets a number.
PAGE_SIZE, MAX_PAGE_SIZE = 100, 1000

CURSOR, SIZE, ORDERING = "cursor", "page_size", "ordering"

_FROM_LIST = "Expected a cursor from this list with the same ordering."


class KeysetPagination(BasePagination):
    """Order by an indexed field, then by id; a cursor is the position of a row in that order."""

    def paginate_queryset(
        self, queryset: QuerySet[Any], request: Request, view: Any = None
    ) -> list[Any]:
        self.request = request
        size = page_size(request)
        ordering = self._ordering(request, view)
        self.field, descending = ordering.lstrip("-"), ordering.startswith("-")
        position = self._position(request)
        backward = bool(position and position["back"])
        rows = queryset.order_by(*_order(self.field, descending != backward))
        if position:
            rows = rows.filter(_beyond(self.field, position, descending != backward))
        rows_and_next = list(texts.shortened(rows)[: size + 1])
        page = rows_and_next[:size]
        page = page[: texts.fitting([[row] for row in page])]
        more = len(rows_and_next) > len(page)
        if backward:
            page.reverse()
        self.next = self._link(page[-1], False) if page and (more or backward) else None
        has_previous = page and position and (more or not backward)
        self.previous = self._link(page[0], True) if has_previous else None
        return page

    def get_paginated_response(self, data: Any) -> Response:
        return Response({"next": self.next, "previous": self.previous, "results": data})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        url = {"type": "string", "format": "uri", "example": "https://example.com/?cursor=eyJ9"}
        link = append_meta(url, {"nullable": True})
        properties = {"next": link, "previous": link, "results": schema}
        return {"type": "object", "required": [*properties], "properties": properties}

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        text = {"type": "string"}
        return [
            *(_parameter(name, description, text) for name, description in view.parameters.items()),
            _parameter(CURSOR, "The cursor from `next` or `previous`.", text),
            _parameter(
                SIZE, "Rows on a page.", {"type": "integer", "minimum": 1, "maximum": MAX_PAGE_SIZE}
            ),
            _parameter(
                ORDERING, "`-` puts the newest first.", {"type": "string", "enum": _orderings(view)}
            ),
        ]

    def _ordering(self, request: Request, view: Any) -> str:
        allowed = _orderings(view)
        ordering = str(request.query_params.get(ORDERING) or allowed[0])
        if ordering not in allowed:
            raise ValidationError({ORDERING: [f"Expected one of: {', '.join(allowed)}."]})
        return ordering

    def _position(self, request: Request) -> dict[str, Any] | None:
        text = request.query_params.get(CURSOR)
        if not text:
            return None
        position = read_cursor(CURSOR, text)
        if position.get("by") != self.field:
            raise bad(CURSOR)
        try:
            return {
                "value": (identifier if self.field == "id" else _moment)(position["value"]),
                "id": identifier(position["id"]),
                "back": bool(position["back"]),
            }
        except (KeyError, TypeError, ValueError, OverflowError):
            raise bad(CURSOR) from None

    def _link(self, row: Any, back: bool) -> str:
        value = getattr(row, self.field)
        position = {
            "by": self.field,
            "value": value if self.field == "id" else _text(value),
            "id": row.pk,
            "back": back,
        }
        return replace_query_param(
            self.request.build_absolute_uri(), CURSOR, encode_cursor(position)
        )


def _orderings(view: Any) -> list[str]:
    return [sign + field for field in view.orderings for sign in ("-", "")]


def page_size(request: Request) -> int:
    """Return the number of rows on a page. Raise ``ValidationError`` if it is invalid."""
    text = request.query_params.get(SIZE)
    if not text:
        return min(int(api_settings.PAGE_SIZE or PAGE_SIZE), MAX_PAGE_SIZE)
    size = int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else 0
    if not 1 <= size <= MAX_PAGE_SIZE:
        raise ValidationError({SIZE: [f"Expected a whole number from 1 to {MAX_PAGE_SIZE}."]})
    return size


def encode_cursor(position: dict[str, Any]) -> str:
    """Return a position as an opaque cursor."""
    text = json.dumps(position, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read_cursor(name: str, text: str, expected: str = _FROM_LIST) -> dict[str, Any]:
    """Return the position in a cursor. Raise ``ValidationError`` if the cursor is invalid."""
    try:
        position = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, RecursionError):
        raise bad(name, expected) from None
    if not isinstance(position, dict):
        raise bad(name, expected)
    return position


def bad(name: str, expected: str = _FROM_LIST) -> ValidationError:
    return ValidationError({name: [expected]})


def identifier(value: Any) -> int:
    """Return an id. Raise ``ValueError`` if it is invalid."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**63:
        raise ValueError(value)
    return value


def _text(value: datetime) -> str:
    # A database with a TIME_ZONE of its own returns moments with another offset.
    return (in_utc(value) if settings.USE_TZ else value).isoformat()


def _moment(text: str) -> datetime:
    # As stored in rows: databases can fail at other offsets and at distant years.
    offset = timedelta(0) if settings.USE_TZ else None
    value = parse_datetime(text)
    if value is None or value.utcoffset() != offset or not 1900 <= value.year <= 9998:
        raise ValueError(text)
    return value


def _order(field: str, descending: bool) -> list[str]:
    names = ["id"] if field == "id" else [field, "id"]
    return [f"-{name}" if descending else name for name in names]


def _beyond(field: str, position: dict[str, Any], descending: bool) -> Q:
    past = "lt" if descending else "gt"
    beyond = Q(**{f"id__{past}": position["id"]})
    if field == "id":
        return beyond
    # The first condition lets the index seek; the others order rows of the same time.
    start = Q(**{f"{field}__{past}e": position["value"]})
    return start & (Q(**{f"{field}__{past}": position["value"]}) | beyond)


def _parameter(name: str, description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "query", "description": description, "schema": schema}
