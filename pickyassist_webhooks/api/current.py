"""The read API: the current state of groups and numbers, conversations and replies."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db.models import QuerySet
from rest_framework.exceptions import NotFound
from rest_framework.generics import ListAPIView, get_object_or_404
from rest_framework.response import Response

from ..models import ChatMessage, FilterReport, GroupMemberEvent, Message
from ..models.ids import id_of
from . import filters
from .views import ListingView


class CurrentStateView(ListingView, ListAPIView[Any]):
    """Base for the current state that belongs to the one value in the URL."""

    filterset_class = filters.ProjectFilters

    def get_queryset(self) -> QuerySet[Any]:
        """Return the rows of the value. Raise ``NotFound`` for NUL, which PostgreSQL refuses."""
        if getattr(self, "swagger_fake_view", False):  # a generator of documents has no value
            return self.queryset.none()
        [name] = self.paths
        value: str = self.kwargs[name]
        if "\0" in value:
            raise NotFound
        return self.rows_of(value)

    def rows_of(self, value: str) -> QuerySet[Any]:
        raise NotImplementedError


class MembersView(CurrentStateView):
    """Current members of a group: their join events."""

    queryset = GroupMemberEvent.objects.all()
    resource, part = "groups", "members"
    paths: ClassVar = {"group_id": {"description": "The group ID, as Picky Assist sends it."}}

    def rows_of(self, value: str) -> QuerySet[Any]:
        # Here too: the last event of each member is looked for in fewer rows.
        project_id = self.request.query_params.get("project_id", "").strip()
        return GroupMemberEvent.objects.members_of(value, project_id or None)


class NumberView(CurrentStateView):
    """Base for the current state of a number."""

    resource = "numbers"
    paths: ClassVar = {"number": {"description": "The full number with its country code."}}


class VerdictView(NumberView):
    """The current report of each project for a number: on WhatsApp or not."""

    queryset = FilterReport.objects.all()
    part = "verdict"

    def rows_of(self, value: str) -> QuerySet[Any]:
        return FilterReport.objects.for_number(value).verdicts()


class ConversationView(NumberView):
    """The direct chat messages from and to a number, newest first."""

    queryset = ChatMessage.objects.all()
    part = "conversation"

    def rows_of(self, value: str) -> QuerySet[Any]:
        return ChatMessage.objects.conversation(value)


class RepliesView(CurrentStateView):
    """The chat messages that answer or quote a message, newest first."""

    queryset = ChatMessage.objects.all()
    resource, part = "messages", "replies"
    paths: ClassVar = {"pk": {"description": "The `id` of the message."}}
    message: Message | None = None

    def list(self, *args: Any, **kwargs: Any) -> Response:
        # After the permissions: a 404 tells which messages there are.
        self.message = get_object_or_404(Message, pk=id_of(self.kwargs["pk"]))
        return super().list(*args, **kwargs)

    def rows_of(self, value: str) -> QuerySet[Any]:
        return self.message.replies() if self.message else ChatMessage.objects.none()
