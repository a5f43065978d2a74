"""The joins and exits of groups, and their current members."""

from __future__ import annotations

from collections import Counter
from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import PAGE_VAR
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import URLPattern
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext, pgettext, pgettext_lazy
from django.views.decorators.http import require_safe

from ..choices import GroupAction
from ..insights import overview
from ..models import GroupMemberEvent
from ..parsing.characters import visible
from . import charts
from .events import EventAdmin
from .exporting import FORMATS, file_response
from .filters import GroupFilter, RequestFilter
from .labels import grouped
from .text import shortened

#: Members of one group on a page: WhatsApp allows 1,024 in a group.
MEMBERS = 100

#: Days shown of a group.
DAYS = 90

#: Characters of a group's name in the name of a file, and above its page.
_MAX_NAME, _MAX_TITLE = 60, 200


@admin.register(GroupMemberEvent)
class GroupMemberEventAdmin(EventAdmin):
    list_display = ("received_at", "action", "number", "group_link")
    list_filter = ("action", "received_at", RequestFilter, GroupFilter)
    search_fields = ("number", "group_id")
    leading = ("number", "action", "group_id", "group_subject", "group_link")

    def get_urls(self) -> list[URLPattern]:
        group = self.route("<int:pk>/group/", require_safe(self.group_view), "group")
        view = require_safe(self.members_view)
        exports = [
            self.route(f"<int:pk>/members.{name}", view, f"members_{name}", {"name": name})
            for name in FORMATS
        ]
        return [group, *exports, *super().get_urls()]

    @admin.display(description=pgettext_lazy("chat", "group"))
    def group_link(self, event: GroupMemberEvent) -> Any:
        name = shortened(event.group_subject) or gettext("unnamed")
        return format_html('<a href="{}">{}</a>', self.url("group", event.pk), name)

    def members_view(self, request: HttpRequest, pk: int, name: str) -> HttpResponseBase:
        """Send the current members of an event's group as a file."""
        event: Any = self.viewed(request, pk)
        members, title = self._members(event), visible(event.group_subject)[:_MAX_NAME]
        return file_response(request, FORMATS[name], members, self.masks(request.user), title=title)

    def _members(self, event: GroupMemberEvent) -> QuerySet[GroupMemberEvent]:
        events = GroupMemberEvent.objects.using(event._state.db)
        return events.members_of(event.group_id, event.project_id)

    def group_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Show the current members of an event's group, and its joins and exits by day."""
        event: Any = self.viewed(request, pk)
        masks = self.masks(request.user)
        show = masks.get("number", visible)
        pages = Paginator(self._members(event).order_by("-received_at", "-pk"), MEMBERS)
        shown = pages.get_page(request.GET.get(PAGE_VAR))
        events = self.get_queryset(request)
        events = events.filter(project_id=event.project_id, group_id=event.group_id)
        return self.page(
            request,
            "group.html",
            shortened(event.group_subject, _MAX_TITLE) or gettext("unnamed"),
            group_id=masks.get("group_id", visible)(event.group_id),
            count=grouped(pages.count),
            members=[(show(member.number), member) for member in shown],
            shown=shown,
            page_var=PAGE_VAR,
            exports=[
                (file.label, self.url(f"members_{name}", event.pk))
                for name, file in FORMATS.items()
            ],
            charts=_charts(events),
            days=DAYS,
            events_url=f"{self.url('changelist')}?group_of={event.pk}",
        )


def _charts(events: QuerySet[GroupMemberEvent]) -> list[dict[str, Any]]:
    """Return the joins and the exits of the latest days."""
    days = overview.latest_days(DAYS)
    recent = events.filter(received_at__gte=overview.midnight(days[0]))
    counts: Counter[Any] = Counter(
        (action, (timezone.localtime(at) if timezone.is_aware(at) else at).date())
        for action, at in recent.values_list("action", "received_at")
    )
    names = {
        GroupAction.JOINED: pgettext("people", "Joined"),
        GroupAction.EXITED: pgettext("people", "Exited"),
    }
    per_day = {action: [counts[action, day] for day in days] for action in names}
    return [
        {
            "id": f"action-{action.value}",
            "name": name,
            "total": sum(per_day[action]),
            "chart": charts.of_days(charts.names_of(days), per_day[action]),
        }
        for action, name in names.items()
    ]
