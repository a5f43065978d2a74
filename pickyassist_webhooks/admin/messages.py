"""Messages, each with its reports as a timeline."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import display_for_value
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from ..choices import DeliveryStatus
from ..models import DeliveryReport, Message, WebhookRequest
from ..parsing.characters import visible
from .erasing import ErasingAdmin
from .filters import ConflictFilter, PushFilter, ReferenceFilter
from .labels import alarm, unrecognised

#: Reports shown of one message, the first ones; there are rarely more than three.
MAX_REPORTS = 100


@admin.register(Message)
class MessageAdmin(ErasingAdmin):
    list_display = ("first_reported_at", "status", "number", "reference_number", "conflict")
    list_filter = ("status", ConflictFilter, "first_reported_at", ReferenceFilter, PushFilter)
    search_fields = ("number", "msg_id", "reference_number")
    sortable_by = ("first_reported_at",)
    ordering = ("-first_reported_at", "-pk")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "msg_id",
                    "number",
                    "status",
                    "conflict_explained",
                    "reference_link",
                    "push_link",
                    "channel",
                    "project_id",
                )
            },
        ),
        (_("Timeline"), {"fields": ("timeline", "history")}),
        (_("When"), {"fields": ("first_reported_at", "changed_at")}),
        (_("Results"), {"fields": ("reported",)}),
    )

    @admin.display(description=_("conflict"))
    def conflict(self, message: Message) -> Any:
        if not message.conflict:
            return self.get_empty_value_display()
        return alarm(gettext("delivered, but also failed or refunded"))

    @admin.display(description=_("conflict"))
    def conflict_explained(self, message: Message) -> Any:
        if not message.conflict:
            return self.get_empty_value_display()
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
        names = ", ".join(name for name, is_reported in results.items() if is_reported)
        return names or self.get_empty_value_display()

    @admin.display(description=_("reference number"))
    def reference_link(self, message: Message) -> Any:
        if not message.reference_number:
            return self.get_empty_value_display()
        return self.link(Message, visible(message.reference_number), reference_of=message.pk)

    @admin.display(description=_("push id"))
    def push_link(self, message: Message) -> Any:
        if not message.push_id:
            return self.get_empty_value_display()
        return self.link(Message, visible(message.push_id), push_of=message.pk)

    @admin.display(description=_("reports"))
    def timeline(self, message: Message) -> Any:
        """List the reports of a message in the order in which they count, with their changes."""
        reports = message.reports().defer("message", "media", "extra")[:MAX_REPORTS]
        items = [
            (
                display_for_value(report.received_at, ""),
                _label(report.status),
                self._change(report),
                self.link(DeliveryReport, gettext("report"), report.pk),
                self._request(report),
            )
            for report in reports
        ]
        if not items:
            return gettext("No report yet.")
        return format_html(
            '<ol class="pickyassist-timeline">{}</ol>',
            format_html_join("", "<li>{}: <strong>{}</strong>, {} ({}, {})</li>", items),
        )

    def _change(self, report: DeliveryReport) -> str:
        if not report.raised_status:
            return gettext("changed nothing")
        if report.previous_status is None:
            return gettext("the first report")
        return gettext("before: %(status)s") % {"status": _label(report.previous_status)}

    def _request(self, report: DeliveryReport) -> Any:
        if report.request_id is None:
            return gettext("request pruned")
        return self.link(WebhookRequest, gettext("request"), report.request_id)

    @admin.display(description=_("all reports"))
    def history(self, message: Message) -> Any:
        return self.list_link(DeliveryReport, message.reports().count(), of_message=message.pk)


def _label(status: int) -> str:
    return str(dict(DeliveryStatus.choices).get(status) or unrecognised(status))
