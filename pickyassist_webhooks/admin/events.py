"""Delivery reports, filter reports and subscribers; group members have a module of their own."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from ..models import DeliveryReport, FilterReport, Message, NewSubscriber, keys
from ..models.columns import unlimited
from ..permissions import to_view
from .base import Column
from .erasing import ErasingAdmin
from .filters import ChannelFilter, MessageFilter, RequestFilter, VerdictFilter

_ORIGIN = ("project_id", "received_at", "request_link", "index", "extra")


class EventAdmin(ErasingAdmin):
    """An admin of events, the newest first. It shows each field of the model."""

    # An index has this order, after the status or the action.
    ordering = ("-received_at", "-pk")
    #: The first names on the page of an event, and further sections. Fields that none of them names
    #: follow the first ones.
    leading: ClassVar[tuple[str, ...]] = ()
    further: ClassVar[tuple[tuple[Any, tuple[str, ...]], ...]] = ()

    def __init__(self, model: Any, site: Any) -> None:
        super().__init__(model, site)
        self.large = tuple(field.name for field in unlimited(model))
        placed = {*self.leading, *(name for _, names in self.further for name in names)}
        fields = [field.name for field in model.content_fields()]
        others = [name for name in fields if name not in placed]
        self.layout = ((None, (*self.leading, *others)), *self.further, (_("Origin"), _ORIGIN))


@admin.register(DeliveryReport)
class DeliveryReportAdmin(EventAdmin):
    list_display = ("received_at", "status", "number", "msg_id", "error_code")
    list_filter = ("status", "received_at", RequestFilter, MessageFilter)
    search_fields = ("number", "msg_id", "reference_number")
    leading = ("msg_id", "number", "status", "previous_status", "message_link")
    further = (
        (_("Content"), ("message", "message_type", "media", "agent_id", "template_id", "source")),
    )

    @admin.display(description=_("status of the message"))
    def message_link(self, report: Any) -> Any:
        key = keys.message(report.project_id, report.msg_id)
        message = Message.objects.using(report._state.db).filter(key=key).first()
        if message is None or not report.viewer.has_perm(to_view(Message)):
            return self.get_empty_value_display()
        return self.link(report.viewer, Message, message.get_status_display(), message.pk)


@admin.register(FilterReport)
class FilterReportAdmin(EventAdmin):
    list_display = ("received_at", "status", "number")
    list_filter = ("status", VerdictFilter, "received_at", RequestFilter)
    search_fields = ("number", "msg_id", "reference_number")
    leading = ("number", "status", "error_code", "error_message")

    def get_list_display(self, request: HttpRequest) -> list[Column]:
        """Each project has a verdict of a number, so the list of verdicts tells the project."""
        columns = super().get_list_display(request)
        if VerdictFilter.parameter_name in request.GET:
            columns.append(self._column("project_id", self.masks(request.user), in_list=True))
        return columns


@admin.register(NewSubscriber)
class NewSubscriberAdmin(EventAdmin):
    list_display = ("received_at", "name", "number", "channel")
    list_filter = (ChannelFilter, "received_at", RequestFilter)
    search_fields = ("number", "subscriber_id")
    leading = ("subscriber_id", "name", "number", "email")
