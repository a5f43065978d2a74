from __future__ import annotations

import secrets
from hashlib import sha256

from django.db import models


class Tenant(models.Model):
    """Somebody with a webhook URL of their own. Of its secret only a digest is kept."""

    # Not unique: during a rotation there are two, and the first is then made inactive.
    label = models.CharField(max_length=100)
    digest = models.CharField(max_length=64, unique=True)
    is_active = models.BooleanField(default=True)

    def __str__(self) -> str:
        return self.label

    @classmethod
    def add(cls, label: str) -> str:
        """Add a tenant and return the secret, which cannot be told again."""
        secret = secrets.token_urlsafe(32)
        cls.objects.create(label=label, digest=digest_of(secret))
        return secret


def digest_of(secret: str) -> str:
    """Return what is kept of a secret. It is random and long, so that a plain digest will do."""
    return sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
