"""Requests, what became of them, and how to process them again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, ClassVar
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from .. import ingest
from ..characters import visible
from ..choices import UNFINISHED, RequestState
from ..exceptions import BodyErased, RequestInWork
from ..models import MODELS, Event, ReceiverFailure, WebhookRequest
from .base import VIEW_PERSONAL_DATA, alarm, any_of, verbose_name
from .deeds import DeedsAdmin
from .filters import LARGE
from .text import pretty_body

#: Problems listed of one request; all of them are counted, and up to 1,000 kept.
MAX_PROBLEMS = 50

#: What a number or an id is looked for in, of each kind of event.
FOUND_BY = ("number", "msg_id", "reference_number", "subscriber_id", "group_id")

#: Requests found by one search, the newest of them.
MAX_FOUND = 1000

_ALARMING = (RequestState.QUARANTINED, RequestState.FAILING, RequestState.DEAD)


class WebhookRequestList(ChangeList):
    def get_queryset(self, *args: Any, **kwargs: Any) -> QuerySet[Any]:
        return super().get_queryset(*args, **kwargs).defer(*LARGE)


@admin.register(WebhookRequest)
class WebhookRequestAdmin(DeedsAdmin):
    list_display = ("received_at", "state_shown", "kind", "events_shown", "problems_counted")
    list_filter = ("state", "kind", "received_at")
    search_fields = ("token",)
    fields_shown: ClassVar[dict[str, str]] = {"body_shown": "body"}
    actions = ("export_csv", "process_again")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "token",
                    "kind",
                    "state_shown",
                    "received_at",
                    "processed_at",
                    "erased_at",
                    "events_by_kind",
                    "repeat_count",
                    "failures_shown",
                )
            },
        ),
        (
            _("What went wrong"),
            {"fields": ("problems_shown", "warnings_shown", "error")},
        ),
        (_("Body"), {"fields": ("body_shown",)}),
        (
            _("How it came"),
            {
                "fields": (
                    "content_type",
                    "content_encoding",
                    "query",
                    "remote_addr",
                    "secret_label",
                )
            },
        ),
        (
            _("Processing"),
            {
                "fields": (
                    "attempts",
                    "due_at",
                    "claimed_by",
                    "workers_lost",
                    "replays",
                    "history_shown",
                )
            },
        ),
    )

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return WebhookRequestList

    def has_delete_permission(
        self, request: HttpRequest, obj: WebhookRequest | None = None
    ) -> bool:
        # Picky Assist never sends an event again: until its events are rows and its signals are
        # sent, this is their only copy, and a worker may hold it right now.
        allowed = super().has_delete_permission(request, obj)
        return allowed and (obj is None or obj.state not in UNFINISHED)

    def has_replay_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("pickyassist_webhooks.replay_webhookrequest")

    def searched(self, request: HttpRequest) -> list[str]:
        names = {
            verbose_name(model, name): None
            for model in MODELS.values()
            for name in self._found_by(model, request)
        }
        return [*names, *super().searched(request)]

    def found_by(self, term: str, request: HttpRequest, database: str) -> Q:
        found: list[QuerySet[Any, Any]] = []
        for model in MODELS.values():
            events: QuerySet[Any] = model._default_manager.using(database)
            events = events.filter(any_of(self._found_by(model, request), term))
            found.append(events.exclude(request=None).values_list("request_id", flat=True))
        try:
            token = UUID(term)
        except ValueError:
            pass
        else:
            requests = WebhookRequest.objects.using(database).filter(token=token)
            found.append(requests.values_list("pk", flat=True))
        first, *others = found
        # One statement of index look-ups, and the ids rather than a subquery: MariaDB would ask a
        # subquery again for each request there is.
        return Q(pk__in=list(first.union(*others).order_by("-request_id")[:MAX_FOUND]))

    def _found_by(self, model: type[Event], request: HttpRequest) -> list[str]:
        there = {field.name for field in model._meta.fields}
        hidden = {} if request.user.has_perm(VIEW_PERSONAL_DATA) else model.personal
        return [name for name in FOUND_BY if name in there and name not in hidden]

    @admin.action(permissions=["replay"], description=_("Process selected requests again"))
    def process_again(self, http_request: HttpRequest, queryset: QuerySet[WebhookRequest]) -> None:
        """Replay each request by itself: what one of them raises costs no other its turn."""
        outcomes: Counter[str] = Counter()
        in_work = 0
        # Read before the first replay, which may take rows out of the filter; in the order kept.
        for request in list(queryset.order_by("pk")):
            try:
                replayed = ingest.replay(request.pk, http_request.user.get_username())
            except (RequestInWork, BodyErased, WebhookRequest.DoesNotExist):
                in_work += 1
                continue
            # None: a worker was faster, and is doing what was asked for.
            state = RequestState(replayed.state if replayed else RequestState.RECEIVED)
            outcomes[state] += 1
            self.log_change(
                http_request,
                request,
                gettext("Processed again, now: %(state)s.") % {"state": state.label},
            )
        self._report(http_request, outcomes, in_work)

    def _report(self, http_request: HttpRequest, outcomes: Counter[str], in_work: int) -> None:
        count = outcomes.total()
        sentences = []
        if count:
            states = "; ".join(
                f"{RequestState(state).label}: {number}" for state, number in outcomes.items()
            )
            sentences.append(
                ngettext(
                    "%(count)d request was processed again (%(states)s).",
                    "%(count)d requests were processed again (%(states)s).",
                    count,
                )
                % {"count": count, "states": states}
            )
        if in_work:
            sentences.append(
                ngettext(
                    "%(count)d request was left alone: a worker holds it, or it is gone or erased.",
                    "%(count)d requests were left alone: a worker holds them, or they are gone or "
                    "erased.",
                    in_work,
                )
                % {"count": in_work}
            )
        fine = not in_work and set(outcomes) == {RequestState.DONE}
        level = messages.SUCCESS if fine else messages.WARNING
        self.message_user(http_request, " ".join(sentences), level)

    @admin.display(description=_("state"))
    def state_shown(self, request: WebhookRequest) -> Any:
        label = request.get_state_display()
        return alarm(label) if request.state in _ALARMING else label

    @admin.display(description=_("events"))
    def events_shown(self, request: WebhookRequest) -> Any:
        if not request.event_count or request.kind not in MODELS:
            return request.event_count
        return self.link(MODELS[request.kind], request.event_count, request=request.pk)

    @admin.display(description=_("events"))
    def events_by_kind(self, request: WebhookRequest) -> Any:
        links = []
        for model in MODELS.values():
            events: QuerySet[Any] = model._default_manager.using(request._state.db)
            if count := events.filter(request=request).count():
                links.append((self.list_link(model, count, request=request.pk),))
        return format_html_join(", ", "{}", links) or self.get_empty_value_display()

    @admin.display(description=_("receiver failures"))
    def failures_shown(self, request: WebhookRequest) -> Any:
        if not (count := request.receiver_failures.count()):
            return self.get_empty_value_display()
        return self.list_link(ReceiverFailure, count, request=request.pk)

    @admin.display(description=_("history"))
    def history_shown(self, request: WebhookRequest) -> Any:
        lines = [(each["at"], visible(each["by"]), each["what"]) for each in request.history]
        return (
            format_html_join("", "<div>{}: {}, {}</div>", lines) or self.get_empty_value_display()
        )

    @admin.display(description=_("problems"))
    def problems_counted(self, request: WebhookRequest) -> int:
        return request.problem_count

    @admin.display(description=_("problems"))
    def problems_shown(self, request: WebhookRequest) -> Any:
        return self._list(request.problems, request.problem_count)

    @admin.display(description=_("warnings"))
    def warnings_shown(self, request: WebhookRequest) -> Any:
        return self._list(request.warnings, len(request.warnings))

    def _list(self, problems: Iterable[dict[str, str]], count: int) -> Any:
        rows = [
            (
                visible(problem["path"] or gettext("the whole body")),
                visible(problem["code"]),
                visible(problem["expected"]),
            )
            for problem in list(problems)[:MAX_PROBLEMS]
        ]
        if not rows:
            return self.get_empty_value_display()
        items = format_html_join(
            "", "<li><strong>{}</strong>: <code>{}</code>, {}</li>", self._worded(rows)
        )
        if count > len(rows):
            more = ngettext("%(count)d more", "%(count)d more", count - len(rows))
            items = format_html("{}<li>{}</li>", items, more % {"count": count - len(rows)})
        return format_html('<ul class="pickyassist-problems">{}</ul>', items)

    def _worded(self, rows: Iterable[tuple[str, str, str]]) -> Iterable[tuple[str, str, str]]:
        for path, code, expected in rows:
            yield path, code, gettext("expected: %(expected)s") % {"expected": expected}

    @admin.display(description=_("body"))
    def body_shown(self, request: WebhookRequest) -> Any:
        if request.erased_at:
            return gettext("Erased, as it held personal data.")
        return pretty_body(bytes(request.body))
