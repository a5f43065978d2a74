"""Tenants in a table, to be named in the settings:

``PICKYASSIST_WEBHOOKS["AUTHENTICATOR"] = "example_project.tenants.authenticator.tenant_in_table"``
"""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.db import Error
from django.http import HttpRequest

from example_project.tenants.models import Tenant, digest_of

#: The label of each secret that this process has let in, by the digest.
_let_in: dict[str, str] = {}


def tenant_in_table(request: HttpRequest, secret: str) -> str:
    """Return the label of the active tenant with this secret."""
    # Found by the digest: how long that takes tells nothing about the secret.
    digest = digest_of(secret)
    try:
        tenants = Tenant.objects.filter(digest=digest, is_active=True)
        label = tenants.values_list("label", flat=True).first()
    except Error:
        # While the database is away, whoever was let in before still is: the spool keeps what
        # they send. Everybody else is answered 503, as we do not know.
        if digest not in _let_in:
            raise
        return _let_in[digest]
    if label is None:
        _let_in.pop(digest, None)
        raise PermissionDenied("expected the secret of an active tenant")
    _let_in[digest] = label
    return label
