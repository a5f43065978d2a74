"""Rows as a file to download, sent while they are read."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.db import models
from django.db.models import QuerySet
from django.http import HttpRequest, StreamingHttpResponse
from django.utils import timezone, translation
from django.utils.http import content_disposition_header
from django.utils.translation import gettext_lazy as _

from ..insights.export import Values, csv_lines, json_lines, values_of
from ..insights.spreadsheets import HAS_XLSX, sheet_csv_lines, xlsx_chunks
from ..models.masking import Masks
from ..models.moments import in_utc

#: Lines sent at once, and characters of the last one that are held back.
_LINES, _HELD_BACK = 500, 3

#: A part of a title without blanks, and without characters that some system refuses.
_IN_FILE_NAMES = re.compile(r'[^\s\\/:*?"<>|]+')


@dataclass(frozen=True)
class Format:
    """A file format: its link, the end of a file's name, and its media type."""

    label: Any
    ending: str
    media_type: str
    #: Makes a file of fields and the values of rows.
    make: Callable[[Sequence[Any], Values], Iterator[Any]]
    #: Whether a part of the file is broken by itself, so that no one takes it for the whole.
    is_archive: bool = False
    is_for_people: bool = False


_CSV = "text/csv; charset=utf-8"
_JSON_LINES = "application/jsonl; charset=utf-8"
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

#: By their names in URLs, in the order of the links.
FORMATS = {
    "xlsx": Format(
        _("Export as spreadsheet (XLSX)"),
        "xlsx",
        _XLSX,
        xlsx_chunks,
        is_archive=True,
        is_for_people=True,
    ),
    "sheet": Format(
        _("Export as spreadsheet (CSV)"), "csv", _CSV, sheet_csv_lines, is_for_people=True
    ),
    "csv": Format(_("Export as CSV"), "csv", _CSV, csv_lines),
    "jsonl": Format(_("Export as JSON lines"), "jsonl", _JSON_LINES, json_lines),
}
if not HAS_XLSX:
    del FORMATS["xlsx"]


def file_response(
    request: HttpRequest,
    file: Format,
    rows: QuerySet[Any],
    masks: Masks,
    pks: list[int] | None = None,
    title: str = "",
) -> StreamingHttpResponse:
    """Return a response with ``rows``, or those with these ids, as a file without bodies.

    The file is named after ``title``, or after the list.
    """
    fields = [
        field
        for field in rows.model._meta.concrete_fields
        # The token is the id of an answer.
        if (field.editable or field.name == "token") and not isinstance(field, models.BinaryField)
    ]
    made = _as_on_the_page(file.make(fields, values_of(rows, fields, masks, pks)))
    chunks = made if file.is_archive else _in_chunks(made)
    disposition = content_disposition_header(True, _file_name(file, rows.model, title))
    return StreamingHttpResponse(
        _awaited(chunks) if isinstance(request, ASGIRequest) else chunks,
        content_type=file.media_type,
        headers={"Content-Disposition": disposition, "X-Content-Type-Options": "nosniff"},
    )


def _file_name(file: Format, model: type[models.Model], title: str) -> str:
    if not (title or file.is_for_people):
        return f"{model._meta.model_name}.{file.ending}"
    # A person finds it by its name and day.
    titles = (title, str(model._meta.verbose_name_plural))
    words = next(filter(None, (_IN_FILE_NAMES.findall(each.lower()) for each in titles)))
    today = timezone.localtime(in_utc(timezone.now()))
    return f"{'-'.join(words)}-{today:%Y-%m-%d}.{file.ending}"


def _as_on_the_page(made: Iterator[Any]) -> Iterator[Any]:
    """Make the pieces of a file in the present language and time zone.

    They are made after the answer has left the middleware that may have chosen them.
    """
    language, zone = translation.get_language(), timezone.get_current_timezone()

    def pieces() -> Iterator[Any]:
        while True:
            # Not while the server sends a piece: it may serve others in this thread.
            with translation.override(language), timezone.override(zone):
                piece = next(made, None)
            if piece is None:
                return
            yield piece

    return pieces()


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


async def _awaited(chunks: Iterator[Any]) -> AsyncIterator[Any]:
    while chunk := await sync_to_async(lambda: next(chunks, ""))():
        yield chunk
