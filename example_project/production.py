"""The example as it would be served to the world: ``--settings example_project.production``.

``python -m django check --deploy --settings example_project.production`` has nothing to say.
"""

from __future__ import annotations

import os

import django

from example_project.kept import FOLDER, kept
from example_project.settings import *  # noqa: F403
from example_project.settings import MIDDLEWARE

SECRET_KEY = os.environ.get("SECRET_KEY") or kept("production-secret-key", 48)
# The host of the URL that is pasted into Picky Assist: any other is answered 400, and lost.
ALLOWED_HOSTS = os.environ.get("ALLOWED_HOSTS", "localhost").split(",")
STATIC_ROOT = FOLDER / "static"

# The proxy in front ends TLS and says so; it must set this header itself, whatever came in it.
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_SSL_REDIRECT = True
# Picky Assist does not follow redirects: an event posted to http:// would be lost.
SECURE_REDIRECT_EXEMPT = [r"^pickyassist/events/"]
SECURE_HSTS_SECONDS = 365 * 24 * 3600
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_HSTS_PRELOAD = True
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True

# What strangers send is shown in the admin as text. This is the second lock on that door.
if django.VERSION >= (6, 0):
    MIDDLEWARE = [*MIDDLEWARE, "django.middleware.csp.ContentSecurityPolicyMiddleware"]
    SECURE_CSP = {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'"],
        "connect-src": ["'self'"],
        "form-action": ["'self'"],
        "base-uri": ["'none'"],
        "frame-ancestors": ["'none'"],
    }
