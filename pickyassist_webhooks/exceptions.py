"""What can go wrong, one class for each cause."""

from __future__ import annotations


class PickyAssistError(Exception):
    """Base of every error this app raises."""


class UnreadablePayload(PickyAssistError, ValueError):
    """Raised while decoding a body that holds no JSON object and no form.

    ``code`` names the cause in one word, ``expected`` says what was expected.
    """

    def __init__(self, code: str, expected: str) -> None:
        super().__init__(f"expected {expected}, came: {code}")
        self.code = code
        self.expected = expected


class BodyTooLarge(PickyAssistError, ValueError):
    """Raised while reading a body of more than ``MAX_BODY_BYTES`` bytes."""


class LeaseLost(PickyAssistError, RuntimeError):
    """Raised where another worker has taken over the request that this one was processing."""


class RequestInWork(PickyAssistError, RuntimeError):
    """Raised where a person wants something of a request that a worker is processing now."""


class BodyErased(PickyAssistError, ValueError):
    """Raised on a replay of a request whose bytes were erased."""


class NothingToDiscard(PickyAssistError, ValueError):
    """Raised where a request is to be discarded that is done, or discarded before."""


class TransactionLeftOpen(PickyAssistError, RuntimeError):
    """Recorded of a receiver that returned without ending the transaction it had begun."""


class UnreadableSpoolFile(PickyAssistError, ValueError):
    """Raised while draining a file of the spool that is cut, or not one of ours."""
