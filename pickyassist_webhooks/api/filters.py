"""Filters of the lists: only fields with an index."""

from __future__ import annotations

import re
from collections.abc import Container
from datetime import datetime
from typing import Any

from django import forms
from django.apps import apps
from django.core.validators import RegexValidator
from django.db.models import IntegerField, QuerySet
from django.utils.datastructures import MultiValueDict
from django_filters import rest_framework as filters
from django_filters.rest_framework import DjangoFilterBackend
from django_filters.utils import translate_validation
from drf_spectacular.utils import extend_schema_field
from rest_framework.exceptions import PermissionDenied, ValidationError
from rest_framework.request import Request
from rest_framework.settings import api_settings
from rest_framework.versioning import QueryParameterVersioning

from ..choices import RequestState
from ..models import MODELS, Event
from ..models.moments import moment
from ..models.numbers import of_number
from ..permissions import VIEW_PERSONAL_DATA, hidden_look_ups
from .pagination import CURSOR, ORDERING, SIZE

#: Parameters of every list.
_LIST_PARAMETERS = {CURSOR, ORDERING, SIZE}

_COUNTRY = RegexValidator(r"^[A-Za-z]{2}\Z", "Expected an ISO 3166-1 code, such as BR.")
_TRUE = RegexValidator(r"(?i)^true\Z", "Expected true; omit the parameter to include all messages.")
_WHOLE = re.compile(r"[+-]?[0-9]+(\.0*)?")
_ONCE = "Expected one value; the parameter is repeated."


def refuse_unknown(
    request: Request, allowed: set[str], repeatable: Container[str] = frozenset()
) -> None:
    """Raise ``ValidationError`` for unknown parameters; the message lists the valid ones.

    Also refuse repeated ones, of which only one value would count.
    """
    of_project = {api_settings.URL_FORMAT_OVERRIDE}
    versioning = api_settings.DEFAULT_VERSIONING_CLASS
    if versioning and issubclass(versioning, QueryParameterVersioning):
        of_project.add(versioning.version_param)
    unknown = request.query_params.keys() - allowed - of_project
    if unknown:
        expected = f"Expected one of: {', '.join(sorted(allowed))}." if allowed else ""
        message = [f"Unknown parameter. {expected}".rstrip()]
        raise ValidationError(dict.fromkeys(sorted(unknown), message))
    lists = request.query_params.lists()
    repeated = sorted(name for name, values in lists if len(values) > 1 and name not in repeatable)
    if repeated:
        raise ValidationError({name: [_ONCE] for name in repeated})


class StrictBackend(DjangoFilterBackend):
    """Refuse unknown filters instead of returning every row."""

    def filter_queryset(self, request: Request, queryset: QuerySet[Any], view: Any) -> Any:
        declared = view.filterset_class.base_filters
        multiple = filters.MultipleChoiceFilter
        repeatable = {name for name, each in declared.items() if isinstance(each, multiple)}
        refuse_unknown(request, {*declared, *view.parameters, *_LIST_PARAMETERS}, repeatable)
        filterset = self.get_filterset(request, queryset, view)
        if not filterset.is_valid():
            raise translate_validation(filterset.errors)
        # Check the cleaned values: a form field strips spaces.
        cleaned = filterset.form.cleaned_data
        asked = {declared[name].field_name: value for name, value in cleaned.items() if value}
        if names := hidden_look_ups(request.user, queryset.model, {**view.kwargs, **asked}):
            needed = f"requires the permission {VIEW_PERSONAL_DATA}"
            raise PermissionDenied(f"A search by {', '.join(names)} {needed}.")
        return filterset.qs

    def get_filterset_kwargs(
        self, request: Request, queryset: QuerySet[Any], view: Any
    ) -> dict[str, Any]:
        """Leave out blank parameters: forms send them if a field is not filled in."""
        given = {name: list(filter(None, values)) for name, values in request.query_params.lists()}
        data = MultiValueDict({name: values for name, values in given.items() if values})
        return {**super().get_filterset_kwargs(request, queryset, view), "data": data}

    def to_html(self, request: Request, queryset: QuerySet[Any], view: Any) -> Any:
        """Return the filter form of the browsable API if its app is installed."""
        if not apps.is_installed("django_filters"):
            return None
        return super().to_html(request, queryset, view)


class _Whole(forms.IntegerField):
    def to_python(self, value: Any) -> int | None:
        # Django's field also takes 1_0 and digits of other scripts.
        if value not in self.empty_values and not _WHOLE.fullmatch(str(value).strip()):
            raise forms.ValidationError(self.error_messages["invalid"], "invalid")
        return super().to_python(value)


@extend_schema_field({"type": "integer", "minimum": -(2**63), "maximum": 2**63 - 1})
class Whole(filters.Filter):
    """A code or an id: any whole number, because unknown codes are stored too."""

    field_class = _Whole

    def __init__(self, **named: Any) -> None:
        # The range of the columns: SQLite fails on larger numbers.
        super().__init__(**named, min_value=-(2**63), max_value=2**63 - 1)


class _Moment(forms.DateTimeField):
    def to_python(self, value: Any) -> datetime | None:
        # Django's field refuses a local time that a clock change skips or repeats.
        if value in self.empty_values:
            return None
        try:
            return moment(str(value))
        except ValueError:
            raise forms.ValidationError(self.error_messages["invalid"], "invalid") from None


class Moment(filters.IsoDateTimeFilter):
    field_class = _Moment


class OfNumber(filters.CharFilter):
    """A full number in any usual format, or the text stored instead of a number."""

    def filter(self, qs: Any, value: str) -> Any:
        return qs.filter(of_number(value)) if value else qs


class Received(filters.FilterSet):
    received_at_after = Moment("received_at", "gte")
    received_at_before = Moment("received_at", "lt")


class RequestFilters(Received):
    state = filters.MultipleChoiceFilter(choices=RequestState.choices)
    token = filters.UUIDFilter()
    secret_label = filters.CharFilter()


class EventFilters(Received):
    request = Whole(field_name="request_id")
    number = OfNumber()


def _of_event(model: type[Event]) -> type[EventFilters]:
    """Return the filters of a kind of event: one for each column with an index."""
    attributes = {}
    for index in model._meta.indexes:
        name = index.fields[0]
        if name not in ("number_key", "received_at"):
            is_whole = isinstance(model._meta.get_field(name), IntegerField)
            attributes[name] = Whole() if is_whole else filters.CharFilter()
    return type(f"{model.__name__}Filters", (EventFilters,), attributes)


#: The filters of each kind of event.
OF_EVENTS = {kind: _of_event(model) for kind, model in MODELS.items()}


class MessageFilters(filters.FilterSet):
    first_reported_at_after = Moment("first_reported_at", "gte")
    first_reported_at_before = Moment("first_reported_at", "lt")
    status = Whole()
    number = OfNumber()
    msg_id = filters.CharFilter()
    reference_number = filters.CharFilter()
    push_id = filters.CharFilter()
    country = filters.CharFilter(method="in_country", validators=[_COUNTRY])
    error_code = filters.CharFilter(method="with_error")
    conflict = filters.CharFilter(
        method="in_conflict",
        label="received, yet failed or refunded",
        strip=False,
        validators=[_TRUE],
    )

    @extend_schema_field({"type": "boolean", "enum": [True]})
    def in_conflict(self, queryset: Any, name: str, value: str) -> Any:
        return queryset.in_conflict()

    @extend_schema_field({"type": "string", "pattern": "^[A-Za-z]{2}$"})
    def in_country(self, queryset: Any, name: str, value: str) -> Any:
        return queryset.filter(country=value.upper())

    def with_error(self, queryset: Any, name: str, value: str) -> Any:
        return queryset.with_error(value)


class ProjectFilters(filters.FilterSet):
    project_id = filters.CharFilter()
