"""Rows as a file to download, sent while they are read."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.db import models
from django.db.models import QuerySet
from django.http import HttpRequest, StreamingHttpResponse
from django.utils.translation import gettext_lazy as _

from ..export import csv_lines, json_lines
from ..masking import Masks

#: Lines sent at once.
_LINES = 500


@dataclass(frozen=True)
class Format:
    """A format of files: what its link says, its media type, and how its lines are made."""

    name: str
    label: Any
    media_type: str
    lines: Callable[[QuerySet[Any], list[str], Masks, list[int] | None], Iterator[str]]


FORMATS = {
    each.name: each
    for each in (
        Format("csv", _("Export as CSV"), "text/csv; charset=utf-8", csv_lines),
        Format("jsonl", _("Export as JSON lines"), "application/jsonl; charset=utf-8", json_lines),
    )
}


def file_response(
    request: HttpRequest,
    file: Format,
    rows: QuerySet[Any],
    masks: Masks,
    pks: list[int] | None = None,
) -> StreamingHttpResponse:
    """Return an answer that sends ``rows``, or those with these ids, as a file without bodies."""
    names = [
        field.attname
        for field in rows.model._meta.concrete_fields
        # The token is the id that an answer had.
        if (field.editable or field.name == "token") and not isinstance(field, models.BinaryField)
    ]
    lines = file.lines(rows, names, masks, pks)
    chunks = iter(lambda: "".join(islice(lines, _LINES)), "")
    name = f"{rows.model._meta.model_name}.{file.name}"
    return StreamingHttpResponse(
        _awaited(chunks) if isinstance(request, ASGIRequest) else chunks,
        content_type=file.media_type,
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "X-Content-Type-Options": "nosniff",
        },
    )


async def _awaited(chunks: Iterator[str]) -> AsyncIterator[str]:
    while chunk := await sync_to_async(lambda: next(chunks, ""))():
        yield chunk
