"""The messages of this app's system checks."""

from __future__ import annotations

from django.core.checks import Error, Info
from django.core.checks import Warning as CheckWarning

OURS = "pickyassist_webhooks"


def error(number: int, message: str, hint: str) -> Error:
    return Error(message, hint=hint, id=f"{OURS}.E{number:03}")


def warning(number: int, message: str, hint: str) -> CheckWarning:
    return CheckWarning(message, hint=hint, id=f"{OURS}.W{number:03}")


def info(number: int, message: str, hint: str) -> Info:
    return Info(message, hint=hint, id=f"{OURS}.I{number:03}")
