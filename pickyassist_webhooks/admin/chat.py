"""Chat messages, and the conversation that each belongs to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Case, F, When
from django.db.models.functions import Left
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern
from django.utils.html import format_html, format_html_join
from django.utils.http import urlencode
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from ..choices import Content, Direction
from ..models import ChatMessage, Message, WebhookRequest, masking
from ..models.masking import Masks
from ..models.messages import MessageQuerySet
from ..models.moments import moment
from ..models.numbers import of_number
from ..parsing.characters import visible, visible_lines
from ..permissions import to_view
from .events import EventAdmin
from .filters import AnsweredFilter, RequestFilter
from .labels import grouped
from .text import MAX_ADDRESS, https_link, json_lines, shortened

#: Messages of a conversation on a page, and the parameter of the page before.
MAX_MESSAGES, BEFORE = 200, "before"

#: Characters that a bubble shows of a text.
MAX_TEXT = 2000


@dataclass(frozen=True)
class Bubble:
    """One message of a conversation, as its page shows it."""

    at: datetime
    is_ours: bool
    name: str
    #: Its status or content, and links to its rows.
    details: tuple[Any, ...]
    text: str = ""
    #: Media, a location and contacts: text, and links if the addresses begin with ``https``.
    parts: tuple[Any, ...] = ()


@admin.register(ChatMessage)
class ChatMessageAdmin(EventAdmin):
    list_display = ("received_at", "direction", "person_shown", "content", "conversation_link")
    list_filter = ("direction", "received_at", RequestFilter, AnsweredFilter)
    search_fields = ("number", "messenger_id", "unique_id", "group_id", "context_msg_id")
    fields_shown: ClassVar = {"links": "media"}
    leading = ("number", "name", "messenger_id", "direction", "text", "conversation_link")
    further = (
        (
            _("Reply"),
            ("context_msg_id", "answers_link", "reply_id", "reply_description", "payload"),
        ),
        (_("Content"), ("links", "location", "contacts", "mentions", "group_id", "group_subject")),
    )

    def get_urls(self) -> list[URLPattern]:
        view = require_safe(self.conversation_view)
        page = self.route("<int:pk>/conversation/", view, "conversation")
        return [page, *super().get_urls()]

    @admin.display(description=_("number"))
    def person_shown(self, message: Any) -> str:
        name = "number" if message.number else "messenger_id"
        value = getattr(message, name)
        return value and self.masks(message.viewer).get(name, shortened)(value)

    def person(self, request: HttpRequest) -> Any:
        """Return the number, or the id of an account, unless it is hidden or may hit a number."""
        if "messenger_id" in self.masks(request.user):
            return super().person(request)
        account = When(number="", messenger_id__regex=r"^[0-9]+$", then=F("messenger_id"))
        return Case(account, default=F("number"))

    @admin.display(description=_("conversation"))
    def conversation_link(self, message: ChatMessage) -> Any:
        url = self.url("conversation", message.pk)
        return format_html('<a href="{}">{}</a>', url, gettext("conversation"))

    @admin.display(description=_("answers"))
    def answers_link(self, message: Any) -> Any:
        answered = self._answered_by(message.viewer, [message]).get(message.message_key)
        if not answered:
            return self.get_empty_value_display()
        text = visible(answered.reference_number) or gettext("message")
        return self.link(message.viewer, Message, text, answered.pk)

    @admin.display(description=_("links"))
    def links(self, message: ChatMessage) -> Any:
        links = [(link,) for link in map(https_link, _addresses(message, message.media)) if link]
        return format_html_join(" ", "{}", links) or self.get_empty_value_display()

    def conversation_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Show the messages from, to and about one number, or those of one group, in order."""
        chosen: Any = self.viewed(request, pk)
        masks = self.masks(request.user)
        chats, pushed = self._chats_of(request, chosen), self._pushed_to(request, chosen)
        count = chats.count() + pushed.count()
        if before := _moment_of(request.GET.get(BEFORE)):
            chats = chats.filter(received_at__lt=before)
            pushed = pushed.filter(first_reported_at__lt=before)
        newest = list(chats.order_by("-received_at", "-pk")[: MAX_MESSAGES + 1])
        answered = self._answered_by(request.user, newest)
        bubbles = [self._bubble(request.user, message, masks, answered) for message in newest[::-1]]
        bubbles += (self._sent(request.user, message) for message in pushed[: MAX_MESSAGES + 1])
        bubbles.sort(key=lambda bubble: bubble.at)
        page = bubbles[-MAX_MESSAGES:]
        is_cut = len(bubbles) > MAX_MESSAGES
        if is_cut:  # messages of one moment stay on one page
            cut = bubbles[-MAX_MESSAGES - 1].at
            page = [bubble for bubble in page if bubble.at > cut] or page
        here = self.url("conversation", chosen.pk)
        earlier = is_cut and urlencode({BEFORE: page[0].at.isoformat()})
        return self.page(
            request,
            "conversation.html",
            _title(chosen, masks),
            bubbles=page,
            count=grouped(count),
            shown=len(page),
            earlier=earlier and f"{here}?{earlier}",
            newest=before and here,
        )

    def _answered_by(self, viewer: Any, chats: list[Any]) -> dict[str, Message]:
        """Return the messages that these answer, by their keys, if a person may view them."""
        keys = {message.message_key for message in chats} - {""}
        if not keys or not viewer.has_perm(to_view(Message)):
            return {}
        messages = Message.objects.using(chats[0]._state.db).only("key", "reference_number")
        return messages.in_bulk(sorted(keys), field_name="key")

    def _chats_of(self, request: HttpRequest, chosen: ChatMessage) -> Any:
        """Return the messages of the same group or person, without their long texts."""
        messages: Any = self.get_queryset(request).filter(project_id=chosen.project_id)
        if chosen.group_id:
            messages = messages.filter(group_id=chosen.group_id)
        elif chosen.number:
            messages = messages.filter(of_number(chosen.number), group_id="")
        elif chosen.messenger_id:
            messages = messages.filter(messenger_id=chosen.messenger_id, number="", group_id="")
        else:
            messages = messages.filter(pk=chosen.pk)
        long = ("text", "media", "payload", "reply_description", "mentions", "extra")
        return messages.defer(*long).annotate(
            text_begin=Left("text", MAX_TEXT + 1), media_begin=Left("media", MAX_ADDRESS + 1)
        )

    def _bubble(
        self, viewer: Any, message: Any, masks: Masks, answered: dict[str, Message]
    ) -> Bubble:
        content = message.get_content_display() if message.content != Content.TEXT else ""
        request = message.request_id and self.link(
            viewer, WebhookRequest, gettext("request"), message.request_id
        )
        answer = message.context_msg_id and answered.get(message.message_key)
        details = (
            content,
            answer and self._answer(viewer, answer),
            self.link(viewer, ChatMessage, gettext("details"), message.pk),
            request,
        )
        text, parts = _beginning(visible_lines(message.text_begin), MAX_TEXT), _parts(message)
        if "text" in masks:
            has_text = message.text_begin or message.media_begin or message.location
            text, parts = masks["text"](text) if has_text else "", ()
        is_ours = message.direction == Direction.SENT
        name = _writer(message, masks)
        return Bubble(message.received_at, is_ours, name, details, text, tuple(parts))

    def _answer(self, viewer: Any, answered: Message) -> Any:
        name = visible(answered.reference_number) or gettext("message")
        text = gettext("answers %(message)s") % {"message": name}
        return self.link(viewer, Message, text, answered.pk)

    def _pushed_to(self, request: HttpRequest, chosen: ChatMessage) -> MessageQuerySet:
        """Return the messages that were sent to the same number by the API, newest first."""
        messages = Message.objects.using(chosen._state.db)
        if chosen.group_id or not chosen.number or not request.user.has_perm(to_view(Message)):
            return messages.none()
        sent = messages.for_number(chosen.number).filter(project_id=chosen.project_id)
        return sent.order_by("-first_reported_at", "-pk")

    def _sent(self, viewer: Any, message: Message) -> Bubble:
        reference, push = visible(message.reference_number), visible(message.push_id)
        to_push = gettext("push %(id)s") % {"id": push}
        details = (
            message.get_status_display(),
            reference and self.link(viewer, Message, reference, reference_of=message.pk),
            push and self.link(viewer, Message, to_push, push_of=message.pk),
            self.link(viewer, Message, gettext("message"), message.pk),
        )
        return Bubble(message.first_reported_at, True, gettext("sent by the API"), details)


def _moment_of(text: str | None) -> datetime | None:
    """Return the moment in a URL. Raises ``Http404`` if it is none."""
    try:
        return moment(text) if text else None
    except ValueError:
        raise Http404 from None


def _writer(message: ChatMessage, masks: Masks) -> str:
    """Return who wrote a message. The number of a sent one is that of the other person."""
    if message.direction == Direction.SENT:
        return message.get_direction_display()
    names = ("name", "number", "messenger_id")
    name = next((name for name in names if getattr(message, name).strip()), "")
    return masks.get(name, visible)(getattr(message, name)) if name else ""


def _title(message: ChatMessage, masks: Masks) -> str:
    if message.group_id:
        return shortened(message.group_subject) or masking.group_id(message.group_id)
    name = "number" if message.number else "messenger_id"
    return masks.get(name, visible)(getattr(message, name)) or visible(message.unique_id)


def _beginning(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[:length]}…"


def _parts(message: Any) -> Iterable[Any]:
    for address in _addresses(message, message.media_begin):
        yield https_link(address) or _beginning(visible(address), MAX_ADDRESS)
    for value in (message.location, message.contacts):
        if value:
            yield _beginning(json_lines(value), MAX_TEXT)


def _addresses(message: ChatMessage, media: str) -> list[str]:
    """Return the addresses of the media and of the location."""
    location = message.location or {}
    url = location.get("url")
    return [address for address in (media, url) if isinstance(address, str) and address]
