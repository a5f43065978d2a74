from __future__ import annotations

from django.http import HttpRequest, HttpResponse


def healthz(request: HttpRequest) -> HttpResponse:
    """Answer while this process runs, even if the database is down.

    While it is down, the server keeps events in its spool. If the server were taken out of service,
    they would be lost: Picky Assist sends each event only once.
    """
    return HttpResponse("ok\n", content_type="text/plain")
