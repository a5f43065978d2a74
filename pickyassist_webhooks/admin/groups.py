"""The joins and exits of groups, and their current members."""

from __future__ import annotations

from collections import Counter
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from ..choices import GroupAction
from ..insights import overview
from ..models import GroupMemberEvent
from ..parsing.characters import visible
from . import charts
from .events import EventAdmin
from .filters import GroupFilter, RequestFilter
from .labels import grouped
from .text import shortened

#: Members listed of one group: WhatsApp allows 1,024.
MAX_MEMBERS = 1100

#: Days shown of a group.
DAYS = 90


@admin.register(GroupMemberEvent)
class GroupMemberEventAdmin(EventAdmin):
    list_display = ("received_at", "action", "number", "group_link")
    list_filter = ("action", "received_at", RequestFilter, GroupFilter)
    search_fields = ("number", "group_id")
    leading = ("number", "action", "group_id", "group_subject", "group_link")

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(require_safe(self.group_view))
        return [path("<int:pk>/group/", view, name=self._page("group")), *super().get_urls()]

    @admin.display(description=_("group"))
    def group_link(self, event: GroupMemberEvent) -> Any:
        name = shortened(event.group_subject) or gettext("unnamed")
        return format_html('<a href="{}">{}</a>', self.url("group", event.pk), name)

    def group_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Show the current members of an event's group, and its joins and exits by day."""
        event: Any = self.viewed(request, pk)
        masks = self.masks(request)
        events: Any = self.get_queryset(request).filter(
            project_id=event.project_id, group_id=event.group_id
        )
        members = events.members_of(event.group_id, event.project_id).order_by("-received_at")
        days = overview.latest_days(DAYS)
        recent = events.filter(received_at__gte=overview.midnight(days[0]))
        counts: Counter[Any] = Counter(
            (action, (timezone.localtime(at) if timezone.is_aware(at) else at).date())
            for action, at in recent.values_list("action", "received_at")
        )
        show = masks.get("number", visible)
        actions = (
            (GroupAction.JOINED, gettext("Joined")),
            (GroupAction.EXITED, gettext("Exited")),
        )
        return self.page(
            request,
            "group.html",
            shortened(event.group_subject) or gettext("unnamed"),
            group_id=masks.get("group_id", visible)(event.group_id),
            count=grouped(members.count()),
            members=[(show(member.number), member) for member in members[:MAX_MEMBERS]],
            charts=[
                {
                    "id": f"action-{action.value}",
                    "name": name,
                    "total": grouped(sum(counts[action, day] for day in days)),
                    "chart": charts.of_days(days, [counts[action, day] for day in days]),
                }
                for action, name in actions
            ],
            days=DAYS,
            events_url=f"{self.url('changelist')}?group_of={event.pk}",
        )
