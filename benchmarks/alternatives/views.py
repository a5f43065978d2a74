from __future__ import annotations

import json

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from .models import Payload


@csrf_exempt
@require_POST
def keep_payload(request: HttpRequest) -> HttpResponse:
    """Store the body: one INSERT, no secret, no parsing, no signal."""
    Payload.objects.create(payload=json.loads(request.body))
    return HttpResponse()
