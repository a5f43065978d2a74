"""What rows can be asked for by: fields with an index."""

from __future__ import annotations

from datetime import datetime
from datetime import timezone as zones
from typing import Any

from django import forms
from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone
from django_filters import rest_framework as filters
from django_filters.fields import IsoDateTimeField
from django_filters.rest_framework import DjangoFilterBackend
from drf_spectacular.utils import extend_schema_field
from rest_framework.exceptions import PermissionDenied, ValidationError
from rest_framework.request import Request

from ..choices import RequestState
from ..models import (
    DeliveryReport,
    FilterReport,
    GroupMemberEvent,
    Message,
    NewSubscriber,
    WebhookRequest,
)
from ..permissions import VIEW_PERSONAL_DATA
from .pagination import CURSOR, ORDERING, SIZE

#: Parameters of every list.
_OF_EVERY_LIST = {CURSOR, ORDERING, SIZE}

_FIRST, _LAST = datetime(1900, 1, 1), datetime(9998, 1, 1)

_IN_CONFLICT = "Expected true: what is not in conflict is everything else."


def refuse_unknown(request: Request, allowed: set[str]) -> None:
    """Raise ``ValidationError`` for parameters that there are not, saying which there are."""
    # "format" is Django REST framework's own.
    unknown = request.query_params.keys() - allowed - {"format"}
    if unknown:
        expected = f"Expected one of: {', '.join(sorted(allowed))}." if allowed else ""
        said = [f"No such parameter here. {expected}".rstrip()]
        raise ValidationError(dict.fromkeys(sorted(unknown), said))


class StrictBackend(DjangoFilterBackend):
    """Refuses what is no filter, rather than answer with every row there is."""

    def filter_queryset(self, request: Request, queryset: QuerySet[Any], view: Any) -> Any:
        allowed = set(view.filterset_class.base_filters) | view.parameters
        refuse_unknown(request, allowed | _OF_EVERY_LIST)
        hidden = request.query_params.keys() & view.queryset.model.personal.keys()
        if hidden and not request.user.has_perm(VIEW_PERSONAL_DATA):
            names = ", ".join(sorted(hidden))
            raise PermissionDenied(f"To filter by {names} the permission {VIEW_PERSONAL_DATA}.")
        return super().filter_queryset(request, queryset, view)


@extend_schema_field({"type": "integer"})
class Whole(filters.Filter):
    """A code or an id: any whole number, as codes that nobody lists are kept too."""

    field_class = forms.IntegerField

    def __init__(self, **named: Any) -> None:
        # As the columns are: SQLite fails on more, and nothing is there.
        super().__init__(**named, min_value=-(2**63), max_value=2**63 - 1)


class _True(forms.Field):
    def clean(self, value: Any) -> bool | None:
        if value and str(value).lower() != "true":
            raise forms.ValidationError(_IN_CONFLICT)
        return True if value else None


@extend_schema_field({"type": "boolean", "const": True})
class Only(filters.Filter):
    """Those of which something is true, or all."""

    field_class = _True


class _Moment(IsoDateTimeField):
    """A moment as rows have it: no database takes every offset, nor the first and last years."""

    def clean(self, value: Any) -> datetime | None:
        found = super().clean(value)
        if found is None:
            return None
        # Nothing came before or will come after, so that the bound says the same.
        bounded = min(max(found.replace(tzinfo=None), _FIRST), _LAST).replace(tzinfo=found.tzinfo)
        if found.tzinfo is None:
            return bounded
        if settings.USE_TZ:
            return bounded.astimezone(zones.utc)
        return timezone.make_naive(bounded, timezone.get_default_timezone())


class Moment(filters.IsoDateTimeFilter):
    field_class = _Moment


class Received(filters.FilterSet):
    received_at_after = Moment("received_at", "gte")
    received_at_before = Moment("received_at", "lt")


class RequestFilters(Received):
    state = filters.MultipleChoiceFilter(choices=RequestState.choices)
    token = filters.UUIDFilter()

    class Meta:
        model = WebhookRequest
        fields = ()


class EventFilters(Received):
    request = Whole(field_name="request_id")
    number = filters.CharFilter()


class ReportFilters(EventFilters):
    status = Whole()
    msg_id = filters.CharFilter()
    reference_number = filters.CharFilter()


class DeliveryFilters(ReportFilters):
    class Meta:
        model = DeliveryReport
        fields = ()


class FilterReportFilters(ReportFilters):
    class Meta:
        model = FilterReport
        fields = ()


class GroupFilters(EventFilters):
    action = Whole()
    group_id = filters.CharFilter()

    class Meta:
        model = GroupMemberEvent
        fields = ()


class SubscriberFilters(EventFilters):
    subscriber_id = filters.CharFilter()
    channel = filters.CharFilter()

    class Meta:
        model = NewSubscriber
        fields = ()


class MessageFilters(filters.FilterSet):
    first_reported_at_after = Moment("first_reported_at", "gte")
    first_reported_at_before = Moment("first_reported_at", "lt")
    status = Whole()
    number = filters.CharFilter()
    msg_id = filters.CharFilter()
    reference_number = filters.CharFilter()
    push_id = filters.CharFilter()
    conflict = Only(method="in_conflict", label="received, yet failed or refunded")

    class Meta:
        model = Message
        fields = ()

    def in_conflict(self, queryset: Any, name: str, value: bool) -> Any:
        return queryset.in_conflict()


class ProjectFilters(filters.FilterSet):
    project_id = filters.CharFilter()
