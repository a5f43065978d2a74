"""Pages that cost the same however far one has read: by the place of a row, without a count."""

from __future__ import annotations

import base64
import json
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Q, QuerySet
from django.utils.dateparse import parse_datetime
from rest_framework.exceptions import ValidationError
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.settings import api_settings
from rest_framework.utils.urls import replace_query_param

#: Rows on a page where neither the request nor the project's ``PAGE_SIZE`` says another number.
PAGE_SIZE, MAX_PAGE_SIZE = 100, 1000

CURSOR, SIZE, ORDERING = "cursor", "page_size", "ordering"


class KeysetPagination(BasePagination):
    """Orders by an indexed field and then by id; a cursor is the place of a row in that order."""

    def paginate_queryset(
        self, queryset: QuerySet[Any], request: Request, view: Any = None
    ) -> list[Any]:
        self.request = request
        self.size = page_size(request)
        ordering = self._ordering(request, view)
        self.field, descending = ordering.lstrip("-"), ordering.startswith("-")
        place = self._place(request)
        backward = bool(place and place["back"])
        rows = queryset.order_by(*_order(self.field, descending != backward))
        if place:
            rows = rows.filter(_beyond(self.field, place, descending != backward))
        found = list(rows[: self.size + 1])
        more, page = len(found) > self.size, found[: self.size]
        if backward:
            page.reverse()
        self.has_next = more or backward
        self.has_previous = bool(place) and (more or not backward)
        self.page = page
        return page

    def get_paginated_response(self, data: Any) -> Response:
        following = self._link(-1, False) if self.has_next and self.page else None
        before = self._link(0, True) if self.has_previous and self.page else None
        return Response({"next": following, "previous": before, "results": data})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        link = {"type": ["string", "null"], "format": "uri"}
        return {
            "type": "object",
            "required": ["next", "previous", "results"],
            "properties": {"next": link, "previous": link, "results": schema},
        }

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        orderings = [sign + field for field in view.orderings for sign in ("-", "")]
        return [
            _parameter(CURSOR, "Where to go on, from `next` or `previous`.", {"type": "string"}),
            _parameter(
                SIZE, "Rows on a page.", {"type": "integer", "minimum": 1, "maximum": MAX_PAGE_SIZE}
            ),
            _parameter(ORDERING, "`-` is the newest first.", {"type": "string", "enum": orderings}),
        ]

    def _ordering(self, request: Request, view: Any) -> str:
        allowed = [sign + field for field in view.orderings for sign in ("-", "")]
        ordering = str(request.query_params.get(ORDERING) or allowed[0])
        if ordering not in allowed:
            raise ValidationError({ORDERING: [f"Expected one of: {', '.join(allowed)}."]})
        return ordering

    def _place(self, request: Request) -> dict[str, Any] | None:
        text = request.query_params.get(CURSOR)
        if not text:
            return None
        place = read(CURSOR, text)
        if place.get("by") != self.field:
            raise bad(CURSOR)
        try:
            return {
                "value": (identifier if self.field == "id" else _moment)(place["value"]),
                "id": identifier(place["id"]),
                "back": bool(place["back"]),
            }
        except (KeyError, TypeError, ValueError, OverflowError):
            raise bad(CURSOR) from None

    def _link(self, index: int, back: bool) -> str:
        row = self.page[index]
        value = getattr(row, self.field)
        place = {
            "by": self.field,
            "value": value if self.field == "id" else value.isoformat(),
            "id": row.pk,
            "back": back,
        }
        return replace_query_param(self.request.build_absolute_uri(), CURSOR, written(place))


def page_size(request: Request) -> int:
    """Return how many rows a page has. Raises ``ValidationError`` for what is no such number."""
    text = request.query_params.get(SIZE)
    if not text:
        return int(min(api_settings.PAGE_SIZE or PAGE_SIZE, MAX_PAGE_SIZE))
    size = int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else 0
    if not 1 <= size <= MAX_PAGE_SIZE:
        raise ValidationError({SIZE: [f"Expected a whole number from 1 to {MAX_PAGE_SIZE}."]})
    return size


def written(place: dict[str, Any]) -> str:
    """Return a place as a cursor, which nobody needs to look into."""
    text = json.dumps(place, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def read(name: str, text: str) -> dict[str, Any]:
    """Return the place that a cursor stands for. Raises ``ValidationError`` where it is none."""
    try:
        place = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, RecursionError):
        raise bad(name) from None
    if not isinstance(place, dict):
        raise bad(name)
    return place


def bad(name: str) -> ValidationError:
    return ValidationError({name: ["Expected a cursor of an answer of this list and ordering."]})


def identifier(value: Any) -> int:
    """Return an id. Raises ``ValueError`` where it is none."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**63:
        raise ValueError(value)
    return value


def _moment(text: str) -> datetime:
    # As rows have it: no database fails at that, as it may at offsets and years that are far off.
    offset = timedelta(0) if settings.USE_TZ else None
    found = parse_datetime(text)
    if found is None or found.utcoffset() != offset or not 1900 <= found.year <= 9998:
        raise ValueError(text)
    return found


def _order(field: str, descending: bool) -> list[str]:
    names = ["id"] if field == "id" else [field, "id"]
    return [f"-{name}" if descending else name for name in names]


def _beyond(field: str, place: dict[str, Any], descending: bool) -> Q:
    past = "lt" if descending else "gt"
    beyond = Q(**{f"id__{past}": place["id"]})
    if field == "id":
        return beyond
    # The first condition is where an index can start; the others are about rows of the same time.
    start = Q(**{f"{field}__{past}e": place["value"]})
    return start & (Q(**{f"{field}__{past}": place["value"]}) | beyond)


def _parameter(name: str, description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "query", "description": description, "schema": schema}
