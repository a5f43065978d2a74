"""The codes of Picky Assist and the states of a request.

Codes come from the vendor's page "Event Webhook Variables". An unknown code is kept unchanged:
the lists are labels for people, never a filter.
"""

from __future__ import annotations

from django.db.models import IntegerChoices, TextChoices
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


class EventKind(TextChoices):
    DELIVERY_REPORT = "delivery_report", _("delivery report")
    FILTER_REPORT = "filter_report", _("filter report")
    GROUP_MEMBER = "group_member", _("group member")
    NEW_SUBSCRIBER = "new_subscriber", _("new subscriber")
    CHAT_MESSAGE = "chat_message", _("chat message")


class RequestState(TextChoices):
    RECEIVED = "received", pgettext_lazy("request", "received")
    STORED = "stored", _("stored, signals not yet sent")
    DONE = "done", _("done")
    QUARANTINED = "quarantined", _("quarantined")
    FAILING = "failing", _("failing, will be retried")
    DEAD = "dead", _("permanently failed")
    DISCARDED = "discarded", _("discarded")


#: States of a request that a worker still has to process.
WAITING = (RequestState.RECEIVED, RequestState.STORED)

#: The same, or of which receivers still have to be called again.
UNFINISHED = (*WAITING, RequestState.FAILING)


class RequestOrigin(TextChoices):
    WEBHOOK = "webhook", _("webhook")
    PULL = "pull", _("answer of the delivery report API")
    TEST = "test", _("test event")


class Level(TextChoices):
    """How well a condition of the health report is, from best to worst."""

    OK = "ok", _("OK")
    DEGRADED = "degraded", _("degraded")
    FAILING = "failing", _("failing")

    @property
    def rank(self) -> int:
        """The severity: 0 if ok, 1 if degraded, 2 if failing. Also the exit code of a command."""
        return list(type(self)).index(self)


class DeliveryStatus(IntegerChoices):
    #: The Push API has accepted the message. No report has this status.
    ACCEPTED = -1, _("accepted")
    UNKNOWN = 0, _("unknown")
    DELIVERED = 1, _("delivered")
    FAILED = 2, _("failed")
    READ = 3, _("read")
    SUBMITTED = 4, _("submitted")
    REFUNDED = 5, _("refunded")


#: The statuses that a report can have.
REPORTED = [choice for choice in DeliveryStatus.choices if choice[0] != DeliveryStatus.ACCEPTED]

#: Statuses of a message after which Picky Assist need not be asked about it.
FINAL = (
    DeliveryStatus.DELIVERED,
    DeliveryStatus.READ,
    DeliveryStatus.FAILED,
    DeliveryStatus.REFUNDED,
)


class PushState(TextChoices):
    OPEN = "open", _("open")
    SETTLED = "settled", _("settled")
    GIVEN_UP = "given_up", _("given up")


class FilterStatus(IntegerChoices):
    UNKNOWN = 0, _("unknown")
    ON_WHATSAPP = 1, _("WhatsApp number")
    NOT_ON_WHATSAPP = 2, _("not a WhatsApp number")


class Direction(IntegerChoices):
    RECEIVED = 0, _("received")
    SENT = 1, _("sent from a phone")


class Content(TextChoices):
    """The content of a chat message."""

    TEXT = "text", _("text")
    IMAGE = "image", _("image")
    VIDEO = "video", _("video")
    AUDIO = "audio", _("audio")
    LOCATION = "location", _("location")
    DOCUMENT = "document", _("document")
    CONTACT = "contact", _("contact")
    REPLY = "reply", _("reply to buttons or a list")
    OTHER = "other", _("other")


class GroupAction(IntegerChoices):
    JOINED = 1, _("joined")
    EXITED = 2, _("exited")


#: The vendor's names of its channels. In newer accounts each project has its own ids.
CHANNELS = {
    "1": _("WhatsApp personal (phone automation)"),
    "2": _("WhatsApp business (phone automation)"),
    "3": _("SMS (phone automation)"),
    "4": _("Call (phone automation)"),
    "5": _("Facebook Messenger"),
    "8": _("WhatsApp Official"),
    "10": _("WhatsApp Web Automation"),
    "11": _("Instagram"),
    "101": _("WhatsApp Cloud API"),
    "919737001155": _("Shared number India"),
    "556140404433": _("Shared number Brazil"),
}

# The codes are not in order of progress and reports have no time, so this order decides. A
# receipt from the phone beats every reported failure; an unrecognised code beats only "unknown".
_PROGRESS = {
    DeliveryStatus.ACCEPTED: (-1, 0),
    DeliveryStatus.UNKNOWN: (0, 0),
    DeliveryStatus.SUBMITTED: (2, 0),
    DeliveryStatus.FAILED: (3, 0),
    DeliveryStatus.REFUNDED: (4, 0),
    DeliveryStatus.DELIVERED: (5, 0),
    DeliveryStatus.READ: (6, 0),
}


def progress(status: int | None) -> tuple[int, int]:
    """Return the rank of a delivery status; ``None`` (nothing is known) is the lowest."""
    if status is None:
        return (-2, 0)
    return _PROGRESS.get(status, (1, status))  # type: ignore[call-overload, no-any-return]
