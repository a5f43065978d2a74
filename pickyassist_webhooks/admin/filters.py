"""Filters by what a row belongs to."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db import models
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from ..characters import storable
from ..models import GroupMemberEvent, Message, WebhookRequest
from ..models.requests import LARGE
from ..overview import channels_in_use
from ..permissions import to_view
from .labels import channel


class OneParentFilter(admin.SimpleListFilter):
    """Shows what belongs to one row: the links lead here, and it is not offered elsewhere."""

    parent: type[models.Model]
    #: Columns of the parent that are too large to be read for its name.
    deferred: tuple[str, ...] = ()

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        value = self.value()
        if value is None:
            return []
        parent = self.found
        if parent and not request.user.has_perm(to_view(self.parent)):
            return [(value, value)]
        return [(value, str(parent) if parent else gettext("not found"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        # Django asks only filters that offer something, so a value was given.
        parent = self.found
        return self.children(queryset, parent) if parent else queryset.none()

    @cached_property
    def found(self) -> Any:
        """The row of the parent, or ``None``."""
        value = self.value() or ""
        if not (value.isascii() and value.isdecimal()) or len(value) > 18:
            return None
        rows: Any = self.parent._default_manager
        return rows.defer(*self.deferred).filter(pk=value).first()

    def children(self, queryset: QuerySet[Any], parent: Any) -> QuerySet[Any]:
        return queryset.filter(request=parent)


class RequestFilter(OneParentFilter):
    title = _("request")
    parameter_name = "request"
    parent = WebhookRequest
    deferred = LARGE


class LikeFilter(OneParentFilter):
    """By a row that is like them, so that no text of a stranger's making stands in a link."""

    #: Fields that are the same in all of them.
    same: tuple[str, ...]

    def children(self, queryset: QuerySet[Any], parent: Any) -> QuerySet[Any]:
        return queryset.filter(**{name: getattr(parent, name) for name in self.same})


class MessageFilter(LikeFilter):
    title = _("message")
    parameter_name = "of_message"
    parent = Message
    same = ("project_id", "msg_id")


class ReferenceFilter(LikeFilter):
    title = _("the same reference number as")
    parameter_name = "reference_of"
    parent = Message
    same = ("reference_number",)


class PushFilter(LikeFilter):
    title = _("the same push as")
    parameter_name = "push_of"
    parent = Message
    same = ("project_id", "push_id")


class GroupFilter(LikeFilter):
    title = _("the same group as")
    parameter_name = "group_of"
    parent = GroupMemberEvent
    same = ("project_id", "group_id")


class ProblemFilter(LikeFilter):
    title = _("the same problem as")
    parameter_name = "problem_of"
    parent = WebhookRequest
    deferred = LARGE
    same = ("problem",)


class ChannelFilter(admin.SimpleListFilter):
    """Offers the channels of the newest subscribers: a list of all would read all of them."""

    title = _("channel")
    parameter_name = "channel"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(each, channel(each)) for each in channels_in_use() if each]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        return queryset if value is None else queryset.filter(channel=storable(value))


class ConflictFilter(admin.SimpleListFilter):
    title = _("conflict")
    parameter_name = "conflict"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("yes", _("A receipt and a failure"))]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.in_conflict() if self.value() else queryset
