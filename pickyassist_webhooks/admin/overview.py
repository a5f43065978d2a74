"""The overview: the health, events and messages in numbers, and what needs attention."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.contrib.admin import AdminSite
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.http import urlencode
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from .. import health
from ..choices import UNFINISHED, DeliveryStatus, Direction, Level, RequestState
from ..insights import conversations, errors, overview
from ..insights.error_codes import explained
from ..models import (
    MODELS,
    ChatMessage,
    GroupMemberEvent,
    Message,
    NewSubscriber,
    ReceiverFailure,
    WebhookRequest,
    masking,
)
from ..parsing.characters import visible
from ..permissions import VIEW_PERSONAL_DATA, VIEW_URL, to_view
from . import charts, deliveries
from .address import hidden_url
from .labels import SYMBOLS, channel, grouped, percent
from .latency import LatencyOverview
from .text import breakable, shortened

#: Periods in days, and the default.
PERIODS, PERIOD = (7, 30, 90), 30

RESULTS = (
    ("submitted", _("Submitted")),
    ("delivered", _("Delivered")),
    ("read", _("Read")),
    ("failed", _("Failed")),
    ("refunded", _("Refunded")),
)

#: States that need a person.
_ATTENTION = (RequestState.QUARANTINED, RequestState.FAILING, RequestState.DEAD)


class Overview(LatencyOverview):
    """The parts of the overview that one user may see, each read when the page needs it."""

    def __init__(self, request: HttpRequest, site: AdminSite) -> None:
        self.request, self.site = request, site
        days = request.GET.get("days", "")
        self.period = int(days) if days in map(str, PERIODS) else PERIOD
        self.periods = PERIODS
        self.days = overview.latest_days(self.period)

    @property
    def since(self) -> date:
        return self.days[0]

    def may_view(self, model: Any) -> bool:
        """Tell whether the site has pages of a model and this user may view them."""
        return self.site.is_registered(model) and self.request.user.has_perm(to_view(model))

    @cached_property
    def is_new(self) -> bool:
        """Whether nothing has arrived yet."""
        models: list[Any] = [WebhookRequest, *MODELS.values()]
        has_rows = (model._default_manager.exists() for model in models)
        return self.may_view(WebhookRequest) and not any(has_rows)

    @property
    def may_view_url(self) -> bool:
        has_url = self.site.is_registered(WebhookRequest) and self.url_hidden
        return bool(has_url) and self.request.user.has_perm(VIEW_URL)

    @property
    def url_page(self) -> str:
        return self._url(WebhookRequest, "url")

    @property
    def url_hidden(self) -> str:
        return hidden_url(self.request)

    def health(self) -> dict[str, Any] | None:
        """Return the conditions, those that are not ok first. None before the first steps."""
        if not self.may_view(WebhookRequest):
            return None
        report = health.report()
        if report.status == Level.OK and self.is_new:
            return None
        return {
            "level": report.status,
            "symbol": SYMBOLS[report.status],
            "troubles": [
                (SYMBOLS[each.level], each)
                for each in sorted(report.conditions, key=lambda each: -each.level.rank)
                if each.level != Level.OK
            ],
            "rows": [(SYMBOLS[each.level], each) for each in report.conditions],
        }

    def kinds(self) -> list[dict[str, Any]]:
        """Return the traffic of each kind of events."""
        days = overview.latest_days(max(PERIOD, self.period))
        kinds = []
        models = [model for model in MODELS.values() if self.may_view(model)]
        for model, traffic in zip(models, overview.traffic_of(models, days), strict=True):
            if traffic.last_at is None:
                continue  # it takes no space
            counts = traffic.per_day[-self.period :]
            kinds.append(
                {
                    "id": model._meta.model_name,
                    "name": capfirst(model._meta.verbose_name_plural),
                    "url": self._url(model, "changelist"),
                    "last_at": traffic.last_at,
                    "latest": [
                        (label, grouped(traffic.latest(days)))
                        for label, days in (
                            (gettext("today"), 1),
                            (gettext("7 days"), 7),
                            (gettext("30 days"), 30),
                        )
                    ],
                    "total": grouped(sum(counts)),
                    "chart": charts.of_days(self.days, counts),
                }
            )
        return kinds

    def funnel(self) -> dict[str, Any] | None:
        """Return the results of the period's messages."""
        if not self.may_view(Message):
            return None
        funnel = overview.funnel(self.since)
        conflicts = overview.conflicts()
        return {
            "chart": charts.of_funnel(funnel, [(name, str(label)) for name, label in RESULTS]),
            "rows": [
                (label, grouped(getattr(funnel, name)), percent(funnel.rate(getattr(funnel, name))))
                for name, label in RESULTS
            ],
            "any": funnel.submitted,
            "accepted": grouped(funnel.accepted) if funnel.accepted else "",
            "accepted_url": self._url(
                Message, "changelist", f"status__exact={DeliveryStatus.ACCEPTED.value}"
            ),
            "conflicts": grouped(conflicts) if conflicts else "",
            "conflicts_url": self._url(Message, "changelist", "conflict=yes"),
            "url": self._url(Message, "changelist"),
        }

    def conversations(self) -> dict[str, Any] | None:
        """Return the chat messages of the period and their answers, if there are any."""
        if not self.may_view(ChatMessage):
            return None
        talk = conversations.conversations(self.since)
        if not (talk.received or talk.sent):
            return None
        received, sent = (
            self._url(ChatMessage, "changelist", f"direction__exact={direction.value}")
            for direction in Direction
        )
        answered = gettext("%(answered)s of %(questions)s") % {
            "answered": grouped(talk.answered),
            "questions": grouped(talk.questions),
        }
        return {
            "rows": [
                (gettext("Received"), grouped(talk.received), received),
                (gettext("Sent from a phone"), grouped(talk.sent), sent),
                (gettext("Answered"), answered, ""),
            ],
            "time": talk.time_to_answer,
            "sample": grouped(overview.SAMPLE),
        }

    def errors(self) -> list[dict[str, Any]] | None:
        """Return the most frequent errors of the period, each with a link to its messages."""
        if not self.may_view(Message):
            return None
        with_texts = self.request.user.has_perm(VIEW_PERSONAL_DATA)
        rows = []
        for error in errors.errors(self.since, with_texts):
            query = self._failed_since()
            query |= {"error_of": str(error.newest)} if with_texts else {"error_code": error.code}
            row = {
                "code": shortened(error.code),
                "hint": explained(error.code),
                "text": visible(error.text),
                "count": grouped(error.count),
                "url": self._url(Message, "changelist", urlencode(query)),
            }
            rows.append(row)
        return rows

    def deliveries(self) -> dict[str, Any] | None:
        """Return the delivery rates of the period by country and by channel."""
        if not self.may_view(Message):
            return None
        return deliveries.tables_of(self.days, self._failed_since(), self._messages)

    def _messages(self, query: dict[str, str]) -> str:
        return self._url(Message, "changelist", urlencode(query))

    def _failed_since(self) -> dict[str, str]:
        """Return the filters of the list for the failed messages of the period."""
        return {
            "status__in": ",".join(str(status.value) for status in errors.FAILED),
            "first_reported_at__gte": str(overview.midnight(self.since)),
        }

    def attention(self) -> dict[str, Any] | None:
        """Return the counts of unfinished requests, and of those that need a person."""
        if not self.may_view(WebhookRequest):
            return None
        counts = overview.states()
        rows = [
            (
                capfirst(state.label),
                grouped(counts[state]),
                self._url(WebhookRequest, "problems")
                if state == RequestState.QUARANTINED
                else self._url(WebhookRequest, "changelist", f"state__exact={state}"),
                counts[state],
            )
            for state in _ATTENTION
        ]
        waiting = sum(counts[state] for state in UNFINISHED)
        with_rows = [state for state in UNFINISHED if counts[state]]
        return {
            "rows": rows,
            "waiting": grouped(waiting),
            "waiting_url": self._url(
                WebhookRequest, "changelist", f"state__in={','.join(UNFINISHED)}"
            ),
            "waiting_since": overview.waiting_since(with_rows),
            "problems_url": self._url(WebhookRequest, "problems"),
        }

    def receivers(self) -> list[dict[str, Any]] | None:
        """Return the receivers that failed, with a link to their failures."""
        if not self.may_view(ReceiverFailure):
            return None
        return [
            {
                "name": breakable(visible(failing["receiver"])),
                "count": grouped(failing["count"]),
                "last_at": failing["last_at"],
                "url": self._url(
                    ReceiverFailure, "changelist", urlencode({"q": failing["receiver"]})
                ),
            }
            for failing in overview.failing_receivers()
        ]

    def channels(self) -> list[tuple[str, str, str]] | None:
        """Return channel, count and list of the subscribers of the period."""
        if not self.may_view(NewSubscriber):
            return None
        since = str(overview.midnight(self.since))
        return [
            (
                channel(name) or gettext("unknown"),
                grouped(count),
                self._url(
                    NewSubscriber,
                    "changelist",
                    urlencode({"channel": name, "received_at__gte": since}),
                ),
            )
            for name, count in overview.channels(self.since)
        ]

    def groups(self) -> list[dict[str, Any]] | None:
        """Return the recently active groups."""
        if not self.may_view(GroupMemberEvent):
            return None
        return [
            {
                "name": shortened(group.subject) or masking.group_id(group.group_id),
                "last_at": group.last_at,
                "url": self._url(GroupMemberEvent, "group", pk=group.event),
            }
            for group in overview.active_groups()
        ]

    def _url(self, model: Any, page: str, query: str = "", pk: int | None = None) -> str:
        view = f"{self.site.name}:{model._meta.app_label}_{model._meta.model_name}_{page}"
        url = reverse(view, args=[] if pk is None else [pk])
        return f"{url}?{query}" if query else url
