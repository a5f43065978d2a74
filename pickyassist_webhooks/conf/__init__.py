"""The settings, read from ``PICKYASSIST_WEBHOOKS`` at each use.

An invalid value is replaced by one that neither loses events nor lets strangers in. So a mistake
in the settings of a running server does neither. The system checks report it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings

from ..choices import EventKind
from ..parsing.characters import MAX_LABEL, bare, printable
from .values import (
    MAX_SECONDS,
    either,
    is_api_url,
    is_between,
    is_count,
    is_days,
    is_dict_of,
    is_kind,
    is_list_of,
    is_none,
    is_path,
    is_project_id,
    is_secret,
    is_text,
    is_tokens,
)

NAME = "PICKYASSIST_WEBHOOKS"


@dataclass(frozen=True)
class Key:
    """One key of the dict: its default, its valid values, and the replacement of an invalid one."""

    default: Any
    expected: str
    accepts: Callable[[Any], bool]
    if_invalid: Any


_project_ids = is_list_of(is_project_id)

KEYS: dict[str, Key] = {
    "SECRETS": Key(
        [],
        "a list of texts, or a dict of label and text",
        either(is_list_of(is_secret), is_dict_of(is_secret)),
        if_invalid=[],
    ),
    "PROJECT_IDS": Key(
        None,
        "None, a list of project ids, or a dict of label and such a list",
        either(is_none, _project_ids, is_dict_of(_project_ids)),
        if_invalid=[],
    ),
    "AUTHENTICATOR": Key(
        "pickyassist_webhooks.authentication.secret_in_url", "a dotted path", is_text, ""
    ),
    "MAX_BODY_BYTES": Key(10485760, "a number of bytes, 1 or more", is_count(1), 10485760),
    "PROCESSOR": Key("inline", '"inline", "none" or a dotted path', is_text, "inline"),
    "MAX_ATTEMPTS": Key(8, "a whole number, 1 or more", is_count(1), 8),
    "REPEAT_WINDOW": Key(
        32400, f"a number of seconds, 0 to {MAX_SECONDS}", is_between(0, MAX_SECONDS), 32400
    ),
    "SPOOL_DIR": Key(None, "None or the path of a folder", either(is_none, is_path), None),
    # An invalid one stays invalid: without it one tenant would take another's requests.
    "SPOOL_SCOPE": Key(None, "None or a dotted path", either(is_none, is_text), ""),
    "RETENTION_DAYS": Key(
        {},
        'a dict of "bodies", "events" or both, each with a number of days, 1 to 36500',
        lambda value: is_dict_of(is_days)(value) and set(value) <= {"bodies", "events"},
        {},  # nothing is deleted by mistake
    ),
    "API_URL": Key(
        "https://pickyassist.com/app/api/v2/",
        "an https:// URL without user, query and fragment; http:// only for this machine",
        is_api_url,
        "",  # no token is sent to a wrong host
    ),
    "API_TOKENS": Key(
        {}, "a dict of project ID and token, or a dotted path", either(is_text, is_tokens), {}
    ),
    "API_CALLS_PER_MINUTE": Key(3, "a whole number, 1 or more", is_count(1), 3),
    "RECONCILE_AFTER": Key(
        3600, "a number of seconds, 60 to 31536000", is_between(60, 31536000), 3600
    ),
    "RECONCILE_DAYS": Key(3, "a number of days, 1 to 36500", is_days, 3),
    "ALARM": Key(None, "None or a dotted path", either(is_none, is_text), None),
    "SILENCE": Key(
        {},
        f"a dict of event types ({', '.join(EventKind.values)}), each with a number of seconds, 1 "
        f"to {MAX_SECONDS}, or None",
        lambda value: (
            is_dict_of(either(is_none, is_between(1, MAX_SECONDS)))(value)
            and all(map(is_kind, value))
        ),
        {},
    ),
}

#: Folders that tests use instead of the real ones.
stand_ins: dict[Path, Path] = {}


def configured() -> Mapping[str, Any]:
    """Return the dict from the settings, or an empty one."""
    value = getattr(settings, NAME, None)
    return value if isinstance(value, Mapping) else {}


def _read(name: str) -> Any:
    key = KEYS[name]
    value = configured().get(name, key.default)
    return value if key.accepts(value) else key.if_invalid


class AppSettings:
    """Typed access to the settings of this app."""

    @property
    def secrets(self) -> list[tuple[str, str]]:
        """The accepted secrets as pairs of label and secret; in a list the labels are blank.

        White space around a secret is dropped: one that is read from a file ends in a newline.
        """
        value = _read("SECRETS")
        pairs = value.items() if isinstance(value, Mapping) else [("", secret) for secret in value]
        return [(label, bare(secret)) for label, secret in pairs]

    def accepts_project(self, label: str, project_id: str) -> bool:
        """Tell whether the secret with this label accepts events of this project."""
        accepted = self._projects(label)
        return accepted is None or project_id in accepted

    @property
    def first_project(self) -> str | None:
        """A project that the first secret accepts, or ``None`` if it accepts every one."""
        return self.project_of(self.secrets[0][0] if self.secrets else "")

    def project_of(self, label: str) -> str | None:
        """Return a project that a secret accepts, or ``None`` if it accepts every one, or none."""
        accepted = self._projects(printable(label, MAX_LABEL))
        return accepted[0] if accepted else None

    def has_no_project(self, label: str) -> bool:
        """Tell whether ``PROJECT_IDS`` is a dict in which no project is for this label."""
        is_dict = isinstance(_read("PROJECT_IDS"), Mapping)
        return is_dict and not self._projects(printable(label, MAX_LABEL))

    def _projects(self, label: str) -> list[str] | None:
        value = _read("PROJECT_IDS")
        if isinstance(value, Mapping):
            matching = [ids for name, ids in value.items() if printable(name, MAX_LABEL) == label]
            # Two labels that are stored as the same text cannot be told apart: accept neither.
            value = matching[0] if len(matching) == 1 else ()
        return None if value is None else [bare(str(project)) for project in value]

    @property
    def authenticator(self) -> str:
        return str(_read("AUTHENTICATOR"))

    @property
    def authenticates_by_secret(self) -> bool:
        """Whether ``SECRETS`` decide, rather than a callable of the project."""
        return self.authenticator == str(KEYS["AUTHENTICATOR"].default)

    @property
    def max_body_bytes(self) -> int:
        return int(_read("MAX_BODY_BYTES"))

    @property
    def processor(self) -> str:
        return str(_read("PROCESSOR"))

    @property
    def max_attempts(self) -> int:
        return int(_read("MAX_ATTEMPTS"))

    @property
    def repeat_window(self) -> timedelta:
        return timedelta(seconds=_read("REPEAT_WINDOW"))

    @property
    def api_url(self) -> str:
        """The base of the vendor's API with a slash at its end, blank if it is invalid."""
        value = str(_read("API_URL"))
        return value and f"{value.rstrip('/')}/"

    @property
    def api_tokens(self) -> dict[str, str] | str:
        """The token of each project, or the dotted path of a function that returns it."""
        value = _read("API_TOKENS")
        if isinstance(value, str):
            return value
        return {bare(str(project)): bare(token) for project, token in value.items()}

    @property
    def api_calls_per_minute(self) -> int:
        return int(_read("API_CALLS_PER_MINUTE"))

    @property
    def reconcile_after(self) -> timedelta:
        return timedelta(seconds=_read("RECONCILE_AFTER"))

    @property
    def reconcile_days(self) -> timedelta:
        return timedelta(days=_read("RECONCILE_DAYS"))

    def retention(self, kind: str) -> timedelta | None:
        """Return how long ``"bodies"`` or ``"events"`` are kept, ``None`` if for ever."""
        days = _read("RETENTION_DAYS").get(kind)
        return None if days is None else timedelta(days=days)

    @property
    def spool_dir(self) -> Path | None:
        value = _read("SPOOL_DIR")
        return None if value is None else stand_ins.get(Path(value), Path(value))

    @property
    def spool_scope(self) -> str | None:
        value = _read("SPOOL_SCOPE")
        return None if value is None else str(value)

    @property
    def alarm(self) -> str | None:
        value = _read("ALARM")
        return None if value is None else str(value)

    @property
    def silence(self) -> dict[str, timedelta | None]:
        """How long no event of a kind may come, for each kind in ``SILENCE``."""
        return {
            kind: None if seconds is None else timedelta(seconds=seconds)
            for kind, seconds in _read("SILENCE").items()
        }


app_settings = AppSettings()
