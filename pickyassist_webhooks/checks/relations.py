"""A system check of foreign keys to rows of this app: these must stay deletable."""

from __future__ import annotations

from typing import Any

from django.core.checks import CheckMessage, register

from ..models.referring import all_keeping, name_of
from .messages import OURS, warning


@register(OURS)
def check_relations(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """Check that no foreign key of the project keeps personal data from being erased."""
    return [
        warning(
            15,
            f"{name_of(field)} keeps the rows that it refers to: neither pickyassist_erase nor "
            "pickyassist_prune can delete them.",
            "Use on_delete=models.SET_NULL, or keep the ID of the row instead of a foreign key.",
        )
        for field in all_keeping()
    ]
