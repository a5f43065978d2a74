"""System checks of the spool, which keeps events while the database is away."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, register

from ..conf import NAME, app_settings
from .messages import OURS, error, info, warning


def of_spool() -> Iterator[CheckMessage]:
    """Check ``SPOOL_DIR``, if it is set."""
    folder = app_settings.spool_dir
    if folder is None:
        return
    if not folder.is_absolute():
        yield warning(
            14,
            f"{NAME}['SPOOL_DIR'] is {str(folder)!r}, a relative path: a server and "
            "pickyassist_process that start in other folders do not share it.",
            "Use an absolute path.",
        )
    # Path.exists() raises an error inside a folder that this user cannot enter, and does not see a
    # link to nothing, as to a volume that is not mounted.
    paths = (folder, *folder.absolute().parents)
    nearest = next(path for path in paths if os.path.lexists(path))
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        yield error(
            8,
            f"{NAME}['SPOOL_DIR'] is {str(folder)!r}, but this user cannot write files there.",
            "Name a folder on a disk that outlives the container, and make this user its owner.",
        )
    for name in ("MEDIA_ROOT", "STATIC_ROOT"):
        served = getattr(settings, name, None)
        if served and _real(folder).is_relative_to(_real(served)):
            yield error(
                9,
                f"{NAME}['SPOOL_DIR'] is {str(folder)!r}, inside {name}: anyone can download it.",
                "Name a folder that no web server serves: requests hold personal data.",
            )


def _real(path: Path | str) -> Path:
    return Path(os.path.realpath(path))


@register(OURS, deploy=True)
def check_spool_is_set(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """Check that events are kept while the database is away."""
    if app_settings.spool_dir is not None:
        return []
    return [
        info(
            2,
            f"{NAME} has no SPOOL_DIR, so each event that comes while the database is away or "
            "locked is lost: Picky Assist never sends it again.",
            "Name a folder on a disk that outlives the container, outside of MEDIA_ROOT.",
        )
    ]
