from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import path

from tests.browser.policy import HEADER
from tests.urls import urlpatterns as served

LIVE = "/live/"
WITHOUT_POLICY = "/live/without-policy/"


def live(request: HttpRequest) -> HttpResponse:
    """Answer with a raw text, as no page may. The inspection must find it."""
    return HttpResponse(f"<!DOCTYPE html><title>live</title>{request.GET['text']}")


def without_policy(request: HttpRequest) -> HttpResponse:
    response = live(request)
    response.headers[HEADER] = "default-src * 'unsafe-inline'"
    return response


def favicon(request: HttpRequest) -> HttpResponse:
    """Answer the requests that browsers make on their own, and would report as missing."""
    return HttpResponse(status=204)


urlpatterns = [
    path("favicon.ico", favicon),
    path(LIVE.strip("/") + "/", live),
    path(WITHOUT_POLICY.strip("/") + "/", without_policy),
    *served,
]
