"""The application of a server under ASGI."""

from __future__ import annotations

from django.core.asgi import get_asgi_application

from pickyassist_webhooks.asgi import finishing

application = finishing(get_asgi_application())
