"""The operations on requests: each can be done with one request, and with many."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext_lazy

from .. import ingest
from ..choices import RequestState
from ..exceptions import BodyErased, NothingToDiscard, RequestInWork
from ..models import WebhookRequest
from ..permissions import DISCARD, REPLAY, RETRY

#: The message if an operation is not possible.
NOT_POSSIBLE = {
    RequestInWork: _("A worker is processing this request, or no receiver is waiting for a retry."),
    BodyErased: _("The bytes of this request are erased."),
    NothingToDiscard: _("Nothing is left to do for this request."),
}

FINISHED = (RequestState.DONE, RequestState.DISCARDED)

NEED_A_PERSON = (RequestState.QUARANTINED, RequestState.FAILING, RequestState.DEAD)


@dataclass(frozen=True)
class Operation:
    """An operation on requests, with its texts. Those about many have a ``count`` in them."""

    name: str
    label: Any
    permission: str
    #: Works on the request with an id, for an operator, with a reason. Returns the request, or
    #: ``None`` if a worker was faster, and does it now.
    run: Callable[[int, str, str], WebhookRequest | None]
    #: The message afterwards, with ``%(state)s``.
    result: Any

    #: For many: the name of the admin's action, and which of the selected requests it works on.
    action: str
    chosen: Q
    #: The page that asks first.
    title: Any
    question: Any
    note: Any
    button: Any
    #: The messages afterwards, the first also with ``%(states)s``.
    done: Any
    skipped: Any

    needs_reason: bool = False
    #: Whether it ends the processing: its button is red.
    is_final: bool = False


PROCESS_AGAIN = Operation(
    name="replay",
    label=_("Process again"),
    permission=REPLAY,
    run=lambda pk, operator, reason: ingest.replay(pk, operator),
    result=_("Request processed again: %(state)s."),
    action="process_again",
    chosen=Q(),
    title=_("Process again"),
    question=ngettext_lazy(
        "%(count)s request will be processed again:",
        "%(count)s requests will be processed again:",
        "count",
    ),
    note=_(
        "Requests are processed again from their bytes, the oldest first. Stored events stay and"
        " are not stored twice. Receivers are called again, with is_replay=True. If it takes long,"
        " this page returns and shows how many are left."
    ),
    button=ngettext_lazy(
        "Process %(count)s request again", "Process %(count)s requests again", "count"
    ),
    done=ngettext_lazy(
        "%(count)s request was processed again (%(states)s).",
        "%(count)s requests were processed again (%(states)s).",
        "count",
    ),
    skipped=ngettext_lazy(
        "%(count)s request was skipped: in progress, deleted or erased.",
        "%(count)s requests were skipped: in progress, deleted or erased.",
        "count",
    ),
)

CALL_AGAIN = Operation(
    name="retry",
    label=_("Call failed receivers again"),
    permission=RETRY,
    run=lambda pk, operator, reason: ingest.replay(pk, operator, True),
    result=_("Failed receivers called again: %(state)s."),
    action="call_receivers_again",
    chosen=Q(state__in=(RequestState.FAILING, RequestState.DEAD)),
    title=_("Call failed receivers again"),
    question=ngettext_lazy(
        "The failed receivers of %(count)s request will be called again:",
        "The failed receivers of %(count)s requests will be called again:",
        "count",
    ),
    note=_(
        "The oldest first; receivers that succeeded are not called. If it takes long, this page"
        " returns and shows how many are left."
    ),
    button=ngettext_lazy(
        "Call the receivers of %(count)s request",
        "Call the receivers of %(count)s requests",
        "count",
    ),
    done=ngettext_lazy(
        "The failed receivers of %(count)s request were called again (%(states)s).",
        "The failed receivers of %(count)s requests were called again (%(states)s).",
        "count",
    ),
    skipped=ngettext_lazy(
        "%(count)s request was skipped: in progress, deleted or without a failed receiver.",
        "%(count)s requests were skipped: in progress, deleted or without a failed receiver.",
        "count",
    ),
)

DISCARD_THEM = Operation(
    name="discard",
    label=_("Discard"),
    permission=DISCARD,
    run=lambda pk, operator, reason: ingest.discard(pk, operator, reason),
    result=_("Request discarded."),
    action="discard_selected",
    chosen=~Q(state__in=FINISHED),
    title=_("Discard requests"),
    question=ngettext_lazy(
        "%(count)s request will not be processed any more:",
        "%(count)s requests will not be processed any more:",
        "count",
    ),
    note=_("Their bytes and events stay, and each can still be processed again."),
    button=ngettext_lazy("Discard %(count)s request", "Discard %(count)s requests", "count"),
    done=ngettext_lazy(
        "%(count)s request was discarded.", "%(count)s requests were discarded.", "count"
    ),
    skipped=ngettext_lazy(
        "%(count)s request was skipped: in progress, deleted or finished.",
        "%(count)s requests were skipped: in progress, deleted or finished.",
        "count",
    ),
    needs_reason=True,
    is_final=True,
)

#: In the order of the buttons.
OPERATIONS = (PROCESS_AGAIN, CALL_AGAIN, DISCARD_THEM)
