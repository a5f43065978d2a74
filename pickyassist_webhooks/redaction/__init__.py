"""Remove the secret from requests, logs and error reports."""

from .logs import HideSecrets

__all__ = ["HideSecrets"]
