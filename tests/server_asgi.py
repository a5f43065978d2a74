"""The ASGI application of the docs, for a server in a separate process."""

from __future__ import annotations

from django.core.asgi import get_asgi_application

from pickyassist_webhooks.asgi import finishing


def application():
    return finishing(get_asgi_application())
