"""System checks of the secrets, and of the projects that each of them accepts."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator

from django.core.checks import CheckMessage

from ..conf import NAME, app_settings
from .messages import error, warning

#: Characters of a secret, or it can be guessed: 128 bits in URL-safe base64.
MIN_SECRET = 22

_URL_SAFE = re.compile(r"[A-Za-z0-9._~-]+")


def of_secrets() -> Iterator[CheckMessage]:
    """Check ``SECRETS``, unless a callable of the project decides."""
    if not app_settings.authenticates_by_secret:
        return
    secrets = app_settings.secrets
    if not secrets:
        yield error(
            1,
            f"{NAME}['SECRETS'] has no valid secret, so every request is refused.",
            'Make one: python -c "import secrets; print(secrets.token_urlsafe(32))".',
        )
    for label, secret in secrets:
        yield from _of_secret(f"the secret labelled {label!r}" if label else "a secret", secret)
    yield from _of_labels(secrets)


def _of_secret(which: str, secret: str) -> Iterator[CheckMessage]:
    if not _URL_SAFE.fullmatch(secret):
        yield error(
            5,
            f"In {NAME}['SECRETS'], {which} has characters that a URL must escape.",
            "Use only letters, digits, and - . _ ~",
        )
    if len(secret) < MIN_SECRET:
        yield warning(
            1,
            f"In {NAME}['SECRETS'], {which} has only {len(secret)} characters.",
            f"Only the secret protects the URL: use {MIN_SECRET} characters or more, for "
            "example from secrets.token_urlsafe(32).",
        )


def _of_labels(secrets: list[tuple[str, str]]) -> Iterator[CheckMessage]:
    """Check for mistakes that a rotation of the secret invites."""
    labels_of = defaultdict(list)
    for label, secret in secrets:
        if label:
            labels_of[secret].append(label)
    for labels in labels_of.values():
        if len(labels) > 1:
            yield warning(
                12,
                f"In {NAME}['SECRETS'], the labels {', '.join(map(repr, labels))} have the same "
                f"secret, so all its requests get the label {labels[0]!r}.",
                "Give each label a secret of its own.",
            )
    for label in dict(secrets):
        if app_settings.has_no_project(label):
            which = f"the label {label!r} of a secret" if label else "a secret without a label"
            yield warning(
                13,
                f"{NAME}['PROJECT_IDS'] has no project for {which}, so all events with this secret "
                "are quarantined.",
                f"Add {label!r}: [...] with the project ids that this secret accepts."
                if label
                else "Make SECRETS a dict of label and secret.",
            )
