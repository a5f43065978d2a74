"""The badge and the filter that tell test events from others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from ..choices import RequestOrigin
from ..models import MODELS, DeliveryReport, Message, WebhookRequest, keys
from ..models.requests import requests
from .filters import OfferedFilter

#: Test requests whose events a filter knows, the newest.
MAX_TESTS = 1000

#: Models whose rows can be of a test.
MARKED: tuple[Any, ...] = (WebhookRequest, Message, *MODELS.values())


def has_tests(request: HttpRequest, model: Any) -> bool:
    """Tell whether a list of this model can have test events, with one query for each page.

    It can, too, if the filter is in the URL: without it, a bookmark would show all rows.
    """
    if model not in MARKED:
        return False
    if TestEventFilter.parameter_name in request.GET:
        return True
    if not hasattr(request, "_pickyassist_has_tests"):
        request._pickyassist_has_tests = requests().tests().exists()  # type: ignore[attr-defined]
    return bool(request._pickyassist_has_tests)  # type: ignore[attr-defined]


def mark(request: HttpRequest, rows: Sequence[Any]) -> None:
    """Set ``has_badge`` of the rows of one page, with at most one query."""
    if not rows:
        return
    model = type(rows[0])
    if request.GET.get(TestEventFilter.parameter_name) == "only":
        pks = {row.pk for row in rows}
    elif model is WebhookRequest:
        pks = {row.pk for row in rows if row.is_test}
    elif model is Message:
        msg_ids = {row.msg_id for row in rows}
        reports = _reports_of_tests(rows[0]._state.db).filter(msg_id__in=msg_ids)
        messages = set(reports.values_list("project_id", "msg_id"))
        pks = {row.pk for row in rows if (row.project_id, row.msg_id) in messages}
    else:
        # From their own database: it may be another than that of events.
        wanted = {row.request_id for row in rows}
        tests = set(requests().tests().filter(pk__in=wanted).values_list("pk", flat=True))
        pks = {row.pk for row in rows if row.request_id in tests}
    for row in rows:
        row.has_badge = row.pk in pks


def _reports_of_tests(database: str) -> QuerySet[Any]:
    return DeliveryReport.objects.using(database).filter(request__origin=RequestOrigin.TEST)


class TestEventFilter(OfferedFilter):
    """Is offered only if there are test events, or if a URL has it."""

    title = _("test events")
    parameter_name = "tests"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("only", _("Only test events")), ("none", _("No test events"))]

    def matching(self, queryset: Any, value: str) -> Any:
        condition = _condition(queryset.model)
        return queryset.filter(condition if value == "only" else ~condition)


def _condition(model: Any) -> Q:
    """Return the condition for rows of tests. Their ids are read first, as those of a search."""
    if model is WebhookRequest:
        return Q(origin=RequestOrigin.TEST)
    newest = requests().tests().order_by("-received_at", "-pk")
    if model is Message:
        reports = _reports_of_tests(newest.db).order_by("-request__received_at")
        identities = reports.values_list("project_id", "msg_id")[:MAX_TESTS]
        return Q(key__in={keys.message(*identity) for identity in identities})
    return Q(request__in=list(newest.values_list("pk", flat=True)[:MAX_TESTS]))
