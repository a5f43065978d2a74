"""Requests, with their results, problems and actions."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from django.contrib import admin
from django.db.models import F, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from ..choices import UNFINISHED, WAITING, RequestState
from ..models import MODELS, Event, WebhookRequest
from ..models.requests import LARGE
from ..models.together import counts_of
from ..parsing.characters import visible
from ..permissions import VIEW_PERSONAL_DATA, to_view
from .address import AddressAdmin
from .failures import read_states
from .filters import ProblemFilter, SecretFilter
from .labels import alarm, duration, to_the_second
from .lists import verbose_name
from .operations import NEED_A_PERSON
from .problems import ProblemsAdmin
from .request_page import RequestPageAdmin
from .searching import condition
from .text import both_views

#: Fields of events that a search reads.
SEARCHED = ("number", "msg_id", "reference_number", "subscriber_id", "group_id")

_WITH_FAILURES = (RequestState.STORED, RequestState.FAILING, RequestState.DEAD)


@admin.register(WebhookRequest)
class WebhookRequestAdmin(RequestPageAdmin, ProblemsAdmin, AddressAdmin):
    actions = ("process_again", "call_receivers_again", "discard_selected")
    list_display = (
        "received_at",
        "state_shown",
        "kind",
        "events_shown",
        "problems_counted",
        "duration_shown",
        "secret_label",
    )
    list_filter = ("state", SecretFilter, "received_at", ProblemFilter)
    search_fields = ("token", "secret_label")
    fields_shown: ClassVar[dict[str, str]] = {
        "body_shown": "body",
        "events_by_kind": "event_count",
        "problems_shown": "problems",
        "warnings_shown": "warnings",
        "history_shown": "history",
        "duration_shown": "finished_at",
        "receivers_shown": "receiver_seconds",
    }
    ordering = ("-received_at", "-pk")
    large = LARGE
    layout = (
        (
            None,
            (
                "token",
                "kind",
                "state_shown",
                "received_at",
                "processed_at",
                "finished_at",
                "duration_shown",
                "receivers_shown",
                "erased_at",
                "events_by_kind",
                "repeat_count",
            ),
        ),
        (_("Problems and errors"), ("problems_shown", "warnings_shown", "failures_shown", "error")),
        (_("Body"), ("body_shown",)),
        (
            _("Origin"),
            (
                "origin",
                "project_id",
                "content_type",
                "content_encoding",
                "query",
                "remote_addr",
                "secret_label",
            ),
        ),
        (
            _("Processing"),
            ("attempts", "due_at", "claimed_by", "crash_count", "replays", "history_shown"),
        ),
    )

    def leaves_out(self, row: WebhookRequest, name: str) -> bool:
        """Tell whether a field is empty."""
        if name == "failures_shown":
            return row.state not in _WITH_FAILURES
        if name == "body_shown" and row.erased_at:
            return False  # it says so
        if name == "receivers_shown" and row.state == RequestState.DONE and row.event_count:
            return False  # it says if there is none
        if name == "due_at" and row.state not in UNFINISHED:
            return True  # the end of a lease
        # A column of the admin's own that shows no field is never empty.
        return not getattr(row, self.fields_shown.get(name, name), name)

    def has_delete_permission(
        self, request: HttpRequest, obj: WebhookRequest | None = None
    ) -> bool:
        # Picky Assist never sends an event again: until its events are stored and its signals sent
        # this is their only copy, and a worker may be processing it now.
        allowed = super().has_delete_permission(request, obj)
        return allowed and (obj is None or obj.state not in UNFINISHED)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        read_states(request, (each.pk for each in objs))
        return super().get_deleted_objects(objs, request)

    def searched(self, request: HttpRequest) -> list[str]:
        names = {
            verbose_name(model, name): None
            for model in MODELS.values()
            for name in self._searched_fields(model, request)
        }
        return [*names, *super().searched(request)]

    def otherwise(self, term: str, rows: QuerySet[Any]) -> QuerySet[Any]:
        # Millions can have one label: an index has them in the order of the list.
        return rows.filter(secret_label=term)

    def searches(self, term: str, request: HttpRequest, database: str) -> list[QuerySet[Any]]:
        searches: list[QuerySet[Any]] = []
        for model in MODELS.values():
            events: QuerySet[Any] = model._default_manager.using(database).exclude(request=None)
            searches += [
                events.filter(condition(name, term)).annotate(match=F("request_id"))
                for name in self._searched_fields(model, request)
            ]
        try:
            token = UUID(term)
        except ValueError:
            return searches
        requests = WebhookRequest.objects.using(database).filter(token=token)
        return [*searches, requests.annotate(match=F("pk"))]

    def _searched_fields(self, model: type[Event], request: HttpRequest) -> list[str]:
        if not request.user.has_perm(to_view(model)):
            return []
        names = {field.name for field in model._meta.fields}
        hidden = {} if request.user.has_perm(VIEW_PERSONAL_DATA) else model.personal
        return [name for name in SEARCHED if name in names and name not in hidden]

    @admin.display(description=_("state"))
    def state_shown(self, request: WebhookRequest) -> Any:
        label = request.get_state_display()
        # It was tried, and no worker has it: an error of ours.
        failed = request.state in WAITING and request.attempts > 0 and not request.claimed_by
        return alarm(label) if failed or request.state in NEED_A_PERSON else label

    @admin.display(description=_("events"))
    def events_shown(self, request: Any) -> Any:
        if not request.event_count or request.kind not in MODELS:
            return request.event_count
        model = MODELS[request.kind]
        return self.link(request.viewer, model, request.event_count, request=request.pk)

    @admin.display(description=_("events"))
    def events_by_kind(self, request: Any) -> Any:
        events: list[QuerySet[Any]] = [
            model._default_manager.using(request._state.db).filter(request=request).order_by()
            for model in MODELS.values()
        ]
        links = [
            (self.list_link(request.viewer, model, count, request=request.pk),)
            for model, count in zip(MODELS.values(), counts_of(events), strict=True)
            if count
        ]
        return format_html_join(", ", "{}", links) or self.get_empty_value_display()

    @admin.display(description=_("received to finished"))
    def duration_shown(self, request: WebhookRequest) -> str:
        return "" if request.duration is None else duration(request.duration)

    @admin.display(description=_("receivers"))
    def receivers_shown(self, request: WebhookRequest) -> Any:
        if not request.receiver_seconds:
            return gettext("none was called")
        times = sorted(request.receiver_seconds.items(), key=lambda pair: -pair[1])
        lines = [(visible(receiver), duration(seconds)) for receiver, seconds in times]
        return format_html_join("", "<div>{}: {}</div>", lines)

    @admin.display(description=_("history"))
    def history_shown(self, request: WebhookRequest) -> Any:
        lines = [
            (to_the_second(datetime.fromisoformat(entry["at"])), visible(entry["by"]), _done(entry))
            for entry in request.history
        ]
        return format_html_join("", "<div>{}: {}, {}</div>", lines)

    @admin.display(description=_("problems"))
    def problems_counted(self, request: WebhookRequest) -> int:
        return request.problem_count

    @admin.display(description=_("problems"))
    def problems_shown(self, request: WebhookRequest) -> Any:
        return self.problem_list(request.problems, request.problem_count)

    @admin.display(description=_("warnings"))
    def warnings_shown(self, request: WebhookRequest) -> Any:
        return self.problem_list(request.warnings, len(request.warnings))

    @admin.display(description=_("body"))
    def body_shown(self, request: WebhookRequest) -> Any:
        if request.erased_at:
            return gettext("Erased, because it contained personal data.")
        return both_views(bytes(request.body), [*request.problems, *request.warnings])


#: The texts of ``remember``, translated.
_DONE = {
    "processed again": _("processed again"),
    "failed receivers called again": _("failed receivers called again"),
    "discarded": _("discarded"),
    "erased": _("erased"),
}


def _done(entry: dict[str, str]) -> str:
    text, _colon, reason = entry["what"].partition(": ")
    translated = str(_DONE.get(text, text))
    return f"{translated}: {visible(reason)}" if reason else translated
