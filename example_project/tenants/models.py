from __future__ import annotations

import secrets
from hashlib import sha256

from django.db import models


class Tenant(models.Model):
    """A tenant with their own webhook URL. Only a digest of the secret is stored."""

    # Not unique: during a rotation there are two rows, and the first is made inactive later.
    label = models.CharField(max_length=100)
    digest = models.CharField(max_length=64, unique=True)
    is_active = models.BooleanField(default=True)

    def __str__(self) -> str:
        return self.label

    @classmethod
    def add(cls, label: str) -> str:
        """Add a tenant and return the secret, which cannot be read again."""
        secret = secrets.token_urlsafe(32)
        cls.objects.create(label=label, digest=digest_of(secret))
        return secret


def digest_of(secret: str) -> str:
    """Return the digest of a secret. The secret is random and long, so a plain digest is enough."""
    return sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
