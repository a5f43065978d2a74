"""The overview: the health, events and messages in numbers, and what needs attention."""

from __future__ import annotations

from typing import Any

from django.contrib.admin import AdminSite
from django.http import HttpRequest
from django.utils.functional import cached_property
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from .. import health
from ..choices import WAITING, DeliveryStatus, Level
from ..insights import overview
from ..insights.conversations import Conversations, conversations
from ..insights.deliveries import DELIVERY_SAMPLE, deliveries
from ..insights.errors import FAILED, Error, errors
from ..insights.latency import Latency, latencies
from ..models import MODELS, GroupMemberEvent, Message, ReceiverFailure, WebhookRequest
from ..permissions import VIEW_PERSONAL_DATA, VIEW_URL, to_view
from . import charts
from .address import hidden_url
from .operations import NEED_A_PERSON

#: Periods in days, and the default.
PERIODS, PERIOD = (7, 30, 90), 30

RESULTS = (
    ("submitted", _("Submitted")),
    ("delivered", _("Delivered")),
    ("read", _("Read")),
    ("failed", _("Failed")),
    ("refunded", _("Refunded")),
)


class Overview:
    """The parts of the overview that one user may see, each read when the page needs it."""

    #: The filter for failed messages, and the one for requests that wait for a worker.
    failed = ",".join(str(status.value) for status in FAILED)
    waiting = ",".join(WAITING)
    #: Rows that a part reads at most, if no index can answer.
    sample, delivery_sample = overview.SAMPLE, DELIVERY_SAMPLE

    def __init__(self, request: HttpRequest, site: AdminSite) -> None:
        self.request, self.site = request, site
        days = request.GET.get("days", "")
        self.period = int(days) if days in map(str, PERIODS) else PERIOD
        self.periods = PERIODS
        self.days = overview.latest_days(self.period)
        self.since = self.days[0]
        #: The beginning of the period, for filters of lists.
        self.beginning = str(overview.midnight(self.since))
        self.shows_texts = request.user.has_perm(VIEW_PERSONAL_DATA)
        self.url_hidden = hidden_url(request)

    def may_view(self, model: Any) -> bool:
        """Tell whether the site has pages of a model and this user may view them."""
        return self.site.is_registered(model) and self.request.user.has_perm(to_view(model))

    @cached_property
    def is_new(self) -> bool:
        """Whether nothing has arrived yet."""
        models: list[Any] = [WebhookRequest, *MODELS.values()]
        has_rows = (model._default_manager.exists() for model in models)
        return self.may_view(WebhookRequest) and not self.kinds and not any(has_rows)

    @property
    def may_view_url(self) -> bool:
        has_url = self.site.is_registered(WebhookRequest) and self.url_hidden
        return bool(has_url) and self.request.user.has_perm(VIEW_URL)

    def health(self) -> dict[str, Any] | None:
        """Return the conditions, those that are not ok first. None before the first steps."""
        if not self.may_view(WebhookRequest):
            return None
        report = health.report()
        if report.status == Level.OK and self.is_new:
            return None
        troubles = [each for each in report.conditions if each.level != Level.OK]
        troubles.sort(key=lambda each: -each.level.rank)
        return {"level": report.status, "troubles": troubles, "conditions": report.conditions}

    @cached_property
    def kinds(self) -> list[dict[str, Any]]:
        """Return the traffic of each kind of events; one that never came takes no space."""
        days = overview.latest_days(max(PERIOD, self.period))
        names = charts.names_of(self.days)
        models = [model for model in MODELS.values() if self.may_view(model)]
        labels = ((gettext("today"), 1), (gettext("7 days"), 7), (gettext("30 days"), 30))
        return [
            {
                "id": model._meta.model_name,
                "name": capfirst(model._meta.verbose_name_plural),
                "last_at": traffic.last_at,
                "latest": [(label, traffic.latest(days)) for label, days in labels],
                "total": traffic.latest(self.period),
                "chart": charts.of_days(names, traffic.per_day[-self.period :]),
            }
            for model, traffic in zip(models, overview.traffic_of(models, days), strict=True)
            if traffic.last_at is not None
        ]

    def funnel(self) -> dict[str, Any] | None:
        """Return the results of the period's messages."""
        if not self.may_view(Message):
            return None
        funnel = overview.funnel(self.since)
        counts = [(str(label), getattr(funnel, name)) for name, label in RESULTS]
        rows = [(label, count, funnel.rate(count)) for label, count in counts]
        return {
            "chart": charts.of_funnel(rows),
            "rows": rows,
            "any": funnel.submitted,
            "accepted": funnel.accepted,
            "accepted_status": DeliveryStatus.ACCEPTED.value,
        }

    @cached_property
    def counts(self) -> overview.Counts:
        """Return the counts of requests by state, of conflicts, and others."""
        return overview.counts(self.since, self.may_view)

    def conversations(self) -> Conversations | None:
        """Return the chat messages of the period and their answers, if there are any."""
        directions = self.counts.directions
        return conversations(self.since, directions) if any(directions.values()) else None

    def errors(self) -> list[Error]:
        """Return the most frequent errors of the period."""
        return errors(self.since, self.shows_texts) if self.may_view(Message) else []

    def deliveries(self) -> dict[str, Any] | None:
        """Return the delivery rates of the period by country and by channel, if there are any."""
        if not self.may_view(Message):
            return None
        of_period = deliveries(self.days)
        tables = (
            ("country", gettext("Country"), of_period.countries),
            ("channel", gettext("Channel"), of_period.channels),
        )
        return {"tables": [table for table in tables if table[-1]], "is_cut": of_period.is_cut}

    def latency(self) -> list[Latency]:
        """Return the times of the newest requests and of the slowest receivers."""
        times = latencies() if self.may_view(WebhookRequest) else []
        of_requests = [each for each in times if not each.receiver]
        return times[: len(of_requests) + overview.TOP]

    def attention(self) -> dict[str, Any] | None:
        """Return the counts of unfinished requests, and of those that need a person."""
        if not self.may_view(WebhookRequest):
            return None
        counts = self.counts.states
        return {
            "rows": [(state, counts[state]) for state in NEED_A_PERSON],
            "waiting": sum(counts[state] for state in WAITING),
            "since": overview.waiting_since([state for state in WAITING if counts[state]]),
        }

    def receivers(self) -> list[dict[str, Any]]:
        """Return the receivers that failed."""
        return overview.failing_receivers() if self.may_view(ReceiverFailure) else []

    def groups(self) -> list[overview.Group]:
        """Return the recently active groups."""
        return overview.active_groups() if self.may_view(GroupMemberEvent) else []
