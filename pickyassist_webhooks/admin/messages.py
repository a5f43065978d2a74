"""Messages, each with its reports as a timeline."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models.functions import Left
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from ..choices import DeliveryStatus, Level
from ..models import ChatMessage, DeliveryReport, Message, WebhookRequest
from ..models.masking import Masks
from ..parsing.characters import visible
from ..permissions import to_view
from .chat import ChatMessageAdmin
from .erasing import ErasingAdmin
from .filters import (
    ConflictFilter,
    CountryFilter,
    ErrorCodeFilter,
    ErrorFilter,
    MessageChannelFilter,
    PushFilter,
    ReferenceFilter,
)
from .labels import alarm, delivery_status, error_code, level, to_the_second, unrecognised

#: Reports shown of one message, the first ones; there are rarely more than three.
MAX_REPORTS = 100

#: Characters that lists and the timeline show of an error message.
MAX_ERROR = 300


@admin.register(Message)
class MessageAdmin(ErasingAdmin):
    list_display = (
        "first_reported_at",
        "status_shown",
        "error",
        "number",
        "country",
        "reference_number",
    )
    list_filter = (
        "status",
        ConflictFilter,
        CountryFilter,
        MessageChannelFilter,
        ErrorCodeFilter,
        "first_reported_at",
        ReferenceFilter,
        PushFilter,
        ErrorFilter,
    )
    search_fields = ("number", "msg_id", "reference_number", "error_code")
    sortable_by = ("first_reported_at",)
    ordering = ("-first_reported_at", "-pk")
    layout = (
        (
            None,
            (
                "msg_id",
                "number",
                "country",
                "status",
                "error_code",
                "error_message",
                "same_error",
                "conflict_explained",
                "reference_link",
                "push_link",
                "channel",
                "project_id",
            ),
        ),
        (_("Timeline"), ("timeline", "history")),
        (_("When"), ("first_reported_at", "changed_at")),
        (_("Results"), ("reported", "replies", "conversation")),
    )

    def leaves_out(self, row: Message, name: str) -> bool:
        """Tell whether a field is about an error, conflict or report that is missing."""
        if name in ("error_code", "error_message", "same_error"):
            return row.error_group is None
        if name in ("first_reported_at", "reported"):  # it has the time of the push
            return row.status == DeliveryStatus.ACCEPTED
        return name == "conflict_explained" and not row.conflict

    @admin.display(description=_("error"))
    def error(self, message: Any) -> Any:
        text = message.error_message[:MAX_ERROR]
        return _error(message.error_code, text, self.masks(message.viewer))

    @admin.display(description=_("status"))
    def status_shown(self, message: Message) -> str:
        """Show the status, with a conflict below it."""
        status = delivery_status(message.status, _label(message.status))
        if not message.conflict:
            return status
        conflict = level(Level.DEGRADED, gettext("delivered, but also failed or refunded"))
        return format_html("<div>{}</div>{}", status, conflict)

    @admin.display(description=_("conflict"))
    def conflict_explained(self, message: Message) -> Any:
        status = gettext("refunded") if message.refunded else gettext("failed")
        return alarm(
            gettext(
                "The phone confirmed that it received this message, and Picky Assist also reported "
                "it as %(status)s. The receipt counts. Check the timeline, and ask Picky Assist if "
                "money is at stake."
            )
            % {"status": status}
        )

    @admin.display(description=_("reported so far"))
    def reported(self, message: Message) -> str:
        """Name the results: as three icons, a missing one would look like a fault."""
        results = {
            gettext("delivered"): message.delivered,
            gettext("failed"): message.failed_seen,
            gettext("refunded"): message.refunded,
        }
        names = gettext(", ").join(name for name, is_reported in results.items() if is_reported)
        return names or self.get_empty_value_display()

    @admin.display(description=_("replies"))
    def replies(self, message: Any) -> Any:
        may_view = message.viewer.has_perm(to_view(ChatMessage))
        count = message.replies().count() if may_view and message.msg_id else 0
        if not count:
            return self.get_empty_value_display()
        return self.list_link(message.viewer, ChatMessage, count, answers_of=message.pk)

    @admin.display(description=_("conversation"))
    def conversation(self, message: Any) -> Any:
        """Link to all that the person wrote: not every answer quotes the message."""
        if not (message.number and self.url_of(message.viewer, ChatMessage)):
            return self.get_empty_value_display()
        pages: Any = self.admin_site.get_model_admin(ChatMessage)
        if not isinstance(pages, ChatMessageAdmin):  # the project's own
            return self.get_empty_value_display()
        chats: Any = ChatMessage.objects.using(message._state.db)
        written = chats.conversation(message.number, message.project_id)
        some = list(written.only("pk").order_by()[:1])  # any of them leads there
        return pages.conversation_link(some[0]) if some else self.get_empty_value_display()

    @admin.display(description=_("reference number"))
    def reference_link(self, message: Any) -> Any:
        if not message.reference_number:
            return self.get_empty_value_display()
        return self.link(
            message.viewer, Message, visible(message.reference_number), reference_of=message.pk
        )

    @admin.display(description=_("push ID"))
    def push_link(self, message: Any) -> Any:
        if not message.push_id:
            return self.get_empty_value_display()
        return self.link(message.viewer, Message, visible(message.push_id), push_of=message.pk)

    @admin.display(description=_("same error"))
    def same_error(self, message: Any) -> Any:
        text = gettext("all messages with this error")
        return self.link(message.viewer, Message, text, error_of=message.pk)

    @admin.display(description=_("reports"))
    def timeline(self, message: Any) -> Any:
        """List the reports of a message in the order in which they count, with their changes."""
        long = ("message", "media", "extra", "error_message")
        beginning = Left("error_message", MAX_ERROR)
        reports = message.reports().defer(*long).annotate(error_begin=beginning)[:MAX_REPORTS]
        items = [
            (
                to_the_second(report.received_at),
                _label(report.status),
                self._change(report),
                self.link(message.viewer, DeliveryReport, gettext("report"), report.pk),
                self._request(message.viewer, report),
                _error(report.error_code, report.error_begin, self.masks(message.viewer)),
            )
            for report in reports
        ]
        if not items:
            return gettext("No report yet.")
        return format_html(
            '<ol class="pickyassist-timeline">{}</ol>',
            format_html_join("", "<li>{}: <strong>{}</strong>, {} ({}, {}){}</li>", items),
        )

    def _change(self, report: DeliveryReport) -> str:
        if not report.raised_status:
            return gettext("changed nothing")
        if report.previous_status is None:
            return gettext("the first report")
        return gettext("before: %(status)s") % {"status": _label(report.previous_status)}

    def _request(self, viewer: Any, report: DeliveryReport) -> Any:
        if report.request_id is None:
            return gettext("request pruned")
        return self.link(viewer, WebhookRequest, gettext("request"), report.request_id)

    @admin.display(description=_("all reports"))
    def history(self, message: Any) -> Any:
        viewer, count = message.viewer, message.reports().count()
        return self.list_link(viewer, DeliveryReport, count, of_message=message.pk)


def _label(status: int) -> str:
    return str(dict(DeliveryStatus.choices).get(status) or unrecognised(status))


def _error(code: str, text: str, masks: Masks) -> Any:
    """Return an error in two lines: the code in words, and the text."""
    text = text and masks.get("error_message", visible)(text)
    lines = [(line,) for line in (error_code(code), text) if line]
    return format_html_join("", '<div class="pickyassist-error">{}</div>', lines)
