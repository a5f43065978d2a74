"""Filters by what a row belongs to."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db import models
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from ..models import DeliveryReport, Message, WebhookRequest

#: Columns of a request that no list shows and that may be as large as the request was.
LARGE = ("body", "problems", "warnings", "error")


class OneParentFilter(admin.SimpleListFilter):
    """Shows what belongs to one row: the links lead here, and it is not offered elsewhere."""

    parent: type[models.Model]
    #: Columns of the parent that are too large to be read for its name.
    deferred: tuple[str, ...] = ()

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        value = self.value()
        if value is None:
            return []
        parent = self.found()
        return [(value, str(parent) if parent else gettext("not found"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        # Django asks only filters that offer something, so a value was given.
        parent = self.found()
        return self.children(queryset, parent) if parent else queryset.none()

    def found(self) -> Any:
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


class MessageFilter(OneParentFilter):
    """By the message itself, so that no id of a stranger's making stands in a link."""

    title = _("message")
    parameter_name = "of_message"
    parent = Message

    def children(
        self, queryset: QuerySet[DeliveryReport], parent: Message
    ) -> QuerySet[DeliveryReport]:
        return queryset.filter(project_id=parent.project_id, msg_id=parent.msg_id)


class ReferenceFilter(OneParentFilter):
    """By one of the messages with that reference number, for the same reason."""

    title = _("the same reference number as")
    parameter_name = "reference_of"
    parent = Message

    def children(self, queryset: QuerySet[Message], parent: Message) -> QuerySet[Message]:
        return queryset.filter(reference_number=parent.reference_number)


class ConflictFilter(admin.SimpleListFilter):
    title = _("conflict")
    parameter_name = "conflict"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("yes", _("A receipt and a failure")), ("no", _("No conflict"))]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        if self.value() == "yes":
            return queryset.in_conflict()
        if self.value() == "no":
            return queryset.exclude(pk__in=Message.objects.in_conflict())
        return queryset
