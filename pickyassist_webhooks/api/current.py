"""The read API: the current state of groups and numbers, conversations and replies."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import QuerySet
from rest_framework.exceptions import NotFound
from rest_framework.generics import ListAPIView

from ..choices import EventKind
from ..models import ChatMessage, FilterReport, GroupMemberEvent, Message
from . import filters, serializers
from .pagination import KeysetPagination
from .views import ReadingView


class CurrentStateView(ReadingView, ListAPIView[Any]):
    """Base for the current state of a group or a number."""

    filter_backends = (filters.StrictBackend,)
    filterset_class = filters.ProjectFilters
    pagination_class = KeysetPagination
    orderings: tuple[str, ...] = ("received_at", "id")
    parameters: frozenset[str] = frozenset()

    def url_text(self, name: str) -> str:
        """Return a text from the URL. Raise ``NotFound`` for NUL, which PostgreSQL refuses."""
        text: str = self.kwargs[name]
        if "\0" in text:
            raise NotFound
        return text


class MembersView(CurrentStateView):
    """Current members of a group: their join events."""

    queryset = GroupMemberEvent.objects.all()
    serializer_class = serializers.EVENTS[EventKind.GROUP_MEMBER]
    resource, part = "groups", "members"
    paths: ClassVar = {"group_id": {"description": "The group ID, as Picky Assist sends it."}}

    def get_queryset(self) -> QuerySet[Any]:
        project_id = self.request.query_params.get("project_id")
        return GroupMemberEvent.objects.members_of(self.url_text("group_id"), project_id)


class VerdictView(CurrentStateView):
    """The current report of each project for a number: on WhatsApp or not."""

    queryset = FilterReport.objects.all()
    serializer_class = serializers.EVENTS[EventKind.FILTER_REPORT]
    resource, part = "numbers", "verdict"
    paths: ClassVar = {"number": {"description": "The full number with its country code."}}

    def get_queryset(self) -> QuerySet[Any]:
        return FilterReport.objects.for_number(self.url_text("number")).verdicts()


class ConversationView(CurrentStateView):
    """The direct chat messages from and to a number, newest first."""

    queryset = ChatMessage.objects.all()
    serializer_class = serializers.EVENTS[EventKind.CHAT_MESSAGE]
    resource, part = "numbers", "conversation"
    paths: ClassVar = {"number": {"description": "The full number with its country code."}}

    def get_queryset(self) -> QuerySet[Any]:
        project_id = self.request.query_params.get("project_id")
        return ChatMessage.objects.conversation(self.url_text("number"), project_id)


class RepliesView(CurrentStateView):
    """The chat messages that answer or quote a message, newest first."""

    queryset = ChatMessage.objects.all()
    serializer_class = serializers.EVENTS[EventKind.CHAT_MESSAGE]
    resource, part = "messages", "replies"
    paths: ClassVar = {"pk": {"description": "The `id` of the message."}}

    def get_queryset(self) -> QuerySet[Any]:
        pk = self.url_text("pk")
        if not (pk.isascii() and pk.isdecimal() and len(pk) < 19):
            raise NotFound
        message = Message.objects.filter(pk=pk).first()
        if message is None:
            raise NotFound
        return message.replies()
