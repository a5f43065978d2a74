"""The report: all conditions, each by a few rows of an index.

No condition reads more rows than a fixed number, so the report is as quick on a large archive as
on a new one.
"""

from __future__ import annotations

from collections.abc import Callable

from django.db import Error as DatabaseFault
from django.utils import timezone
from django.utils.translation import gettext as _

from ..choices import Level
from .attention import dead, quarantined, receivers, refused
from .facts import Facts
from .levels import Condition, Finding, Report
from .queue import spooled, waiting, worker
from .reconciling import reconcile
from .retention import retention
from .silence import silence

#: The condition of the database itself. It raises no alarm: the state of alarms is stored there.
DATABASE = "database"

#: The other conditions, in the order of the report.
CONDITIONS: dict[str, Callable[[Facts], Finding]] = {
    "waiting": waiting,
    "worker": worker,
    "dead": dead,
    "quarantined": quarantined,
    "receivers": receivers,
    "spool": spooled,
    "silence": silence,
    "refused": refused,
    "retention": retention,
    "reconcile": reconcile,
}

#: Conditions that need no database.
_WITHOUT_DATABASE = ("spool",)


def report() -> Report:
    """Return the health of the receiving, as it is now.

    If the database cannot be read, only the conditions that need none follow.
    """
    facts = Facts(timezone.now())
    try:
        read = [Condition(name, *judge(facts)) for name, judge in CONDITIONS.items()]
        database = Condition(DATABASE, Level.OK, _("The database can be read."))
    except DatabaseFault as err:
        read = [Condition(name, *CONDITIONS[name](facts)) for name in _WITHOUT_DATABASE]
        reason = _("The database cannot be read (%(error)s). On a new one, run migrate first.")
        reason %= {"error": type(err).__name__}
        database = Condition(DATABASE, Level.FAILING, reason)
    return Report((database, *read))
