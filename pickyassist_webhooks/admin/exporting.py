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

from ..insights.export import csv_lines, json_lines
from ..models.masking import Masks

#: Lines sent at once, and characters of the last one that are held back.
_LINES, _HELD_BACK = 500, 3


@dataclass(frozen=True)
class Format:
    """A file format: its link, its media type, and the function that makes its lines."""

    name: str
    label: Any
    media_type: str
    lines: Callable[[QuerySet[Any], list[str], Masks, list[int] | None], Iterator[str]]


FORMATS = {
    file.name: file
    for file in (
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
    """Return a response with ``rows``, or those with these ids, as a file without bodies."""
    names = [
        field.attname
        for field in rows.model._meta.concrete_fields
        # The token is the id of an answer.
        if (field.editable or field.name == "token") and not isinstance(field, models.BinaryField)
    ]
    lines = file.lines(rows, names, masks, pks)
    chunks = _in_chunks(lines)
    name = f"{rows.model._meta.model_name}.{file.name}"
    return StreamingHttpResponse(
        _awaited(chunks) if isinstance(request, ASGIRequest) else chunks,
        content_type=file.media_type,
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "X-Content-Type-Options": "nosniff",
        },
    )


def _in_chunks(lines: Iterator[str]) -> Iterator[str]:
    """Yield many lines at once, and end inside a line until the last one is read.

    If a server runs out of time it ends the file after a chunk, and HTTP/1.0 reports no error. Then
    the file must not look whole: an open quote or brace is an error for programs that read it.
    """
    held_back = ""
    while text := "".join(islice(lines, _LINES)):
        text = held_back + text
        held_back = text[-_HELD_BACK:]
        yield text[:-_HELD_BACK]
    if held_back:
        yield held_back


async def _awaited(chunks: Iterator[str]) -> AsyncIterator[str]:
    while chunk := await sync_to_async(lambda: next(chunks, ""))():
        yield chunk
