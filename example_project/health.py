from __future__ import annotations

from django.http import HttpRequest, HttpResponse


def healthz(request: HttpRequest) -> HttpResponse:
    """Say that this process answers, whatever the database does.

    While that is away a server keeps events in its spool; to take it out of service would lose
    them, as Picky Assist sends each of them once.
    """
    return HttpResponse("ok\n", content_type="text/plain")
