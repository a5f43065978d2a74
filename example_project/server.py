"""Django's development server in a thread of this process."""

from __future__ import annotations

import os
import threading

from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.core.wsgi import get_wsgi_application

HOST = "127.0.0.1"


def start(port: int) -> tuple[ThreadedWSGIServer, int]:
    """Serve in the background and return the server and its port; 0 takes any free one.

    Raise ``OSError`` if the port is taken.
    """
    server = ThreadedWSGIServer(
        (HOST, port),
        WSGIRequestHandler,
        # On Windows, reusing the address would quietly share the port with another program.
        allow_reuse_address=os.name != "nt",
    )
    # Serve the static files of the admin too: Django does so only with DEBUG.
    server.set_app(StaticFilesHandler(get_wsgi_application()))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server, server.server_address[1]
