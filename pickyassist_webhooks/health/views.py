"""The view that tells a monitoring system how the receiving is."""

from __future__ import annotations

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from ..choices import Level
from ..models import WebhookRequest
from ..permissions import to_view
from ..transactions import outside_of_transactions
from .reports import report


@login_not_required
@outside_of_transactions
@require_safe
@never_cache
def show(request: HttpRequest) -> JsonResponse:
    """Answer 503 if a condition is failing, 200 otherwise.

    Strangers see the status only. The conditions are for users who may view requests.
    """
    current = report()
    answer = current.as_dict()
    if not _may_view(request):
        del answer["conditions"]
    return JsonResponse(answer, status=503 if current.status == Level.FAILING else 200)


def _may_view(request: HttpRequest) -> bool:
    try:
        return bool(request.user.has_perm(to_view(WebhookRequest)))
    except Exception:  # no such middleware, or no database to read the session from
        return False
