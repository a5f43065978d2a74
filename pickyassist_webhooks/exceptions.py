"""The errors of this app, one class for each cause."""

from __future__ import annotations

import builtins
from asyncio import CancelledError
from datetime import timedelta


class PickyAssistError(Exception):
    """Base of every error this app raises."""


class UnreadablePayload(PickyAssistError, ValueError):
    """Raised if a body holds neither a JSON object nor a form.

    ``code`` is the cause in one word, ``expected`` the valid form.
    """

    def __init__(self, code: str, expected: str) -> None:
        super().__init__(f"expected {expected}, got: {code}")
        self.code = code
        self.expected = expected


class BodyTooLarge(PickyAssistError, ValueError):
    """Raised if a body has more than ``MAX_BODY_BYTES`` bytes."""


class BodyMissing(PickyAssistError, ValueError):
    """Raised if a body is empty. The message names the next step."""


#: Errors that count as a failure of a receiver. ``KeyboardInterrupt`` ends the worker. Groups are
#: of Python 3.11 and newer.
FAILURES: tuple[type[BaseException], ...] = (
    *(Exception, CancelledError, GeneratorExit, SystemExit),
    getattr(builtins, "BaseExceptionGroup", Exception),
)


class PushRefused(PickyAssistError, ValueError):
    """Raised if an answer of the Push API is no success.

    ``code`` is the status in it as text, or the cause in one word; ``message`` says more.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"the Push API refused ({code}): {message}")
        self.code = code
        self.message = message


class ReportsNotFetched(PickyAssistError, RuntimeError):
    """Raised if the delivery report API gave no reports about a push.

    ``code`` is the cause in one word, for logs; ``stops_project`` says that other pushes of the
    project would fail too; ``retry_after`` is the pause that the server asked for.
    """

    def __init__(
        self,
        code: str,
        reason: str,
        stops_project: bool = False,
        retry_after: timedelta | None = None,
    ) -> None:
        super().__init__(reason)
        self.code = code
        self.stops_project = stops_project
        self.retry_after = retry_after


class NotANumber(PickyAssistError, ValueError):
    """Raised if a text is not clearly a phone number."""


class LeaseLost(PickyAssistError, RuntimeError):
    """Raised if another worker has taken over the request that this one was processing."""


class RequestInWork(PickyAssistError, RuntimeError):
    """Raised if a person changes a request that a worker is processing now."""


class BodyErased(PickyAssistError, ValueError):
    """Raised if a request is replayed whose bytes were erased."""


class NothingToDiscard(PickyAssistError, ValueError):
    """Raised if a request cannot be discarded because it is already done or discarded."""


class TransactionLeftOpen(PickyAssistError, RuntimeError):
    """Recorded if a receiver returns without ending the transaction that it began."""


class WorkerCrashed(PickyAssistError, RuntimeError):
    """Recorded if a receiver crashed its worker in each attempt."""


class UnreadableSpoolFile(PickyAssistError, ValueError):
    """Raised if a spool file is cut, or not written by this app."""


class NoSpoolFile(PickyAssistError, OSError):
    """Raised if an entry of the spool is not a regular file, such as a folder or a FIFO."""


class ForeignSpoolFile(PickyAssistError, LookupError):
    """Raised if a spool file belongs to another database or scope."""


class UnknownSpoolOwner(PickyAssistError, RuntimeError):
    """Raised if the database or scope of a spool file, or the current one, is unknown."""
