"""Commit the raw row of a request: its bytes, before anything else is known of them."""

from __future__ import annotations

from django.db import IntegrityError

from ..bulk import writer_of
from ..bulk.plan import Insert
from ..models import WebhookRequest
from ..models.requests import database_of_requests, requests
from ..transactions import committed


def keep(request: WebhookRequest) -> WebhookRequest:
    """Commit a new request in its own transaction, unless an earlier attempt saved it.

    Raises ``RuntimeError`` inside a transaction unless the row is there, because nothing would be
    committed when this returns. Also raises database errors, for example if plain SQL began a
    transaction.
    """
    database = database_of_requests()
    try:
        with committed(database):
            writer_of(database).write([Insert([request])])
    except (IntegrityError, RuntimeError):
        saved = requests().defer("body").filter(token=request.token).first()
        if saved is None:
            raise
        vars(request).update(vars(saved))
    return request
