"""A separate spool for tests, so that they never use the folder of the project."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from django.conf import settings

from ..conf import KEYS, NAME, stand_ins

if TYPE_CHECKING:
    from django.test import SimpleTestCase as Case
else:
    Case = object


@contextmanager
def own_spool() -> Iterator[None]:
    """Use a temporary folder instead of the project's ``SPOOL_DIR``, if it has one.

    A test that sets its own folder keeps it.
    """
    project = _settings_of_the_project()
    folder = project.get("SPOOL_DIR")
    if not folder or not KEYS["SPOOL_DIR"].accepts(folder):
        yield
        return
    with TemporaryDirectory(prefix="pickyassist-spool-", ignore_cleanup_errors=True) as name:
        saved = dict(stand_ins)
        # A test can override the settings with a folder that it read from them earlier.
        stand_ins.update({original: Path(name) for original in (*stand_ins, Path(folder))})
        _set_folder(project, name)
        try:
            yield
        finally:
            _set_folder(project, folder)
            stand_ins.clear()
            stand_ins.update(saved)


def _settings_of_the_project() -> Mapping[str, Any]:
    """Return the dict of the settings file, below all overrides of tests."""
    holder: Any = vars(settings)["_wrapped"]
    value: Any = None
    while holder is not None:
        value = getattr(holder, NAME, value)
        holder = getattr(holder, "default_settings", None)
    return value if isinstance(value, Mapping) else {}


def _set_folder(project: Mapping[str, Any], folder: Any) -> None:
    if isinstance(project, dict):
        project["SPOOL_DIR"] = folder


class OwnSpool(Case):
    """Give each test case and each test its own spool."""

    @classmethod
    def setUpClass(cls) -> None:
        spool = own_spool()
        spool.__enter__()
        cls.addClassCleanup(spool.__exit__, None, None, None)
        super().setUpClass()

    def setUp(self) -> None:
        spool = own_spool()
        spool.__enter__()
        self.addCleanup(spool.__exit__, None, None, None)
        super().setUp()
