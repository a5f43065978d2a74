"""Rows as a file to download, sent while they are read."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from itertools import islice

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, StreamingHttpResponse

#: Lines sent at once.
_LINES = 500


def csv_response(request: HttpRequest, name: str, lines: Iterator[str]) -> StreamingHttpResponse:
    """Return an answer that sends ``lines`` as the file ``name``."""
    chunks = iter(lambda: "".join(islice(lines, _LINES)), "")
    return StreamingHttpResponse(
        _awaited(chunks) if isinstance(request, ASGIRequest) else chunks,
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}.csv"'},
    )


async def _awaited(chunks: Iterator[str]) -> AsyncIterator[str]:
    while chunk := await sync_to_async(lambda: next(chunks, ""))():
        yield chunk
