"""Chat messages between people and the project, from the Global Webhook."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from ..choices import Content, Direction, EventKind
from ..parsing.characters import visible
from ..parsing.chat import content_of
from . import keys, masking
from .columns import ExactCharField, UnicodeCharField, UnicodeTextField
from .events import Event, EventQuerySet
from .masking import Masks
from .numbers import NumberKeyField


class ChatMessageQuerySet(EventQuerySet["ChatMessage"]):
    def conversation(self, number: str, project_id: str | None = None) -> ChatMessageQuerySet:
        """Return the direct messages from and to a number, in the order they came.

        A text that is not clearly a number must match exactly.
        """
        messages: ChatMessageQuerySet = self.for_number(number).filter(group_id="")
        if project_id is not None:
            messages = messages.filter(project_id=project_id)
        return messages.in_order()


class ChatMessage(Event):
    """A message that someone wrote to the project, or that was sent from its phone."""

    kind = EventKind.CHAT_MESSAGE
    identity = frozenset({"direction", "unique_id", "content"})
    personal: ClassVar[Masks] = Event.personal | dict.fromkeys(
        (
            *("name", "messenger_id", "text", "media", "location", "contacts", "mentions"),
            *("payload", "reply_description"),
        ),
        masking.hidden,
    )
    personal |= {"group_id": masking.group_id}

    direction = models.BigIntegerField(_("direction"), choices=Direction.choices)
    get_direction_display: Callable[[], str]
    unique_id = ExactCharField(_("unique ID"), blank=True)
    number = ExactCharField(_("number"), blank=True)
    number_key = NumberKeyField()
    name = UnicodeCharField(_("name"), max_length=255, blank=True)
    messenger_id = ExactCharField(_("Messenger ID"), blank=True)
    text = UnicodeTextField(_("text"), blank=True)
    content = ExactCharField(
        pgettext_lazy("message", "content"), max_length=20, choices=Content.choices
    )
    get_content_display: Callable[[], str]
    type = ExactCharField(_("type"), blank=True)
    # Shown as text, and never fetched.
    media = UnicodeTextField(_("media"), blank=True)
    channel = ExactCharField(_("channel"), blank=True)
    group_id = ExactCharField(_("group ID"), blank=True)
    group_subject = UnicodeCharField(_("group subject"), max_length=255, blank=True)
    context_msg_id = ExactCharField(_("ID of the answered message"), blank=True)
    reply_id = ExactCharField(_("reply ID"), blank=True)
    reply_description = UnicodeTextField(_("reply description"), blank=True)
    payload = UnicodeTextField(_("payload"), blank=True)
    location = models.JSONField(_("location"), null=True, blank=True, encoder=DjangoJSONEncoder)
    contacts = models.JSONField(_("contacts"), default=list, blank=True, encoder=DjangoJSONEncoder)
    mentions = models.JSONField(_("mentions"), default=list, blank=True, encoder=DjangoJSONEncoder)

    objects: ClassVar[ChatMessageQuerySet] = ChatMessageQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        verbose_name = _("chat message")
        verbose_name_plural = _("chat messages")
        constraints = (models.UniqueConstraint(fields=["key"], name="pickyassist_chat_key"),)
        indexes = (
            models.Index(fields=["number_key"], name="pickyassist_chat_number"),
            models.Index(fields=["unique_id"], name="pickyassist_chat_unique_id"),
            models.Index(fields=["messenger_id"], name="pickyassist_chat_messenger"),
            # With the order of the list: most messages belong to no group.
            models.Index(fields=["group_id", "received_at", "id"], name="pickyassist_chat_group"),
            models.Index(fields=["context_msg_id"], name="pickyassist_chat_context"),
            models.Index(fields=["received_at"], name="pickyassist_chat_received"),
            models.Index(fields=["direction", "received_at"], name="pickyassist_chat_direction"),
        )

    def __str__(self) -> str:
        name = visible(self.unique_id) or self.pk
        return f"{name}: {self.get_content_display()}"

    @property
    def message_key(self) -> str:
        """The key of the message that this one answers or quotes, or blank."""
        return keys.message(self.project_id, self.context_msg_id) if self.context_msg_id else ""

    def natural_key(self) -> str:
        token: Any = self.request.token if self.request else self.arrival
        return keys.chat_message(self.project_id, self.unique_id, self.direction, token, self.index)

    def fill_from(self, other: Event) -> bool:
        before = self.content
        is_reply = Content.REPLY in (before, other.content)  # type: ignore[attr-defined]
        changed = super().fill_from(other)
        self.content = content_of(is_reply, self.location, self.contacts, self.type, self.media)
        return changed or self.content != before
