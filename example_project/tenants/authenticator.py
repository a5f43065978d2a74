"""Secrets of tenants in a table. In the settings:

``PICKYASSIST_WEBHOOKS["AUTHENTICATOR"] = "example_project.tenants.authenticator.tenant_in_table"``
"""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.db import Error
from django.http import HttpRequest

from example_project.tenants.models import Tenant, digest_of

#: The label of each secret that this process has accepted, by digest.
_let_in: dict[str, str] = {}


def tenant_in_table(request: HttpRequest, secret: str) -> str:
    """Return the label of the active tenant with this secret."""
    # The query uses the digest, so that its duration reveals nothing about the secret.
    digest = digest_of(secret)
    try:
        tenants = Tenant.objects.filter(digest=digest, is_active=True)
        label = tenants.values_list("label", flat=True).first()
    except Error:
        # While the database is down, accept the tenants that were accepted before: the spool keeps
        # their requests. All others get 503, since they are unknown.
        if digest not in _let_in:
            raise
        return _let_in[digest]
    if label is None:
        _let_in.pop(digest, None)
        raise PermissionDenied("expected the secret of an active tenant")
    _let_in[digest] = label
    return label
