"""Filters by a related row, by a value that is in use, or by a condition."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.admin import ChoicesFieldListFilter
from django.contrib.admin.options import IncorrectLookupParameters
from django.db import models
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from ..conf import app_settings
from ..insights.deliveries import in_use
from ..insights.overview import SAMPLE, channels_in_use
from ..models import GroupMemberEvent, Message, WebhookRequest
from ..models.ids import id_of
from ..models.requests import LARGE
from ..parsing.characters import storable, visible
from ..permissions import to_view
from .labels import channel, country, error_code


class ChosenFilter(ChoicesFieldListFilter):
    """Django's filter, which also shows and removes several values: the overview links to them."""

    def __init__(self, field: Any, request: Any, params: Any, *args: Any, **named: Any) -> None:
        self.several = f"{named['field_path']}__in"
        exact = f"{named['field_path']}__exact"
        given = [*params.get(self.several, ()), *params.get(exact, ())]
        self.chosen = set(",".join(given).split(",")) - {""}
        super().__init__(field, request, params, *args, **named)

    def expected_parameters(self) -> list[Any]:
        return [*super().expected_parameters(), self.several]

    def choices(self, changelist: Any) -> Iterator[Any]:
        names = self.expected_parameters()
        query = changelist.get_query_string(remove=names)
        every, *_others = super().choices(changelist)
        yield {**every, "selected": not self.chosen, "query_string": query}
        for value, label in self.field.flatchoices:
            query = changelist.get_query_string({self.lookup_kwarg: value}, names)
            is_chosen = str(value) in self.chosen
            yield {"selected": is_chosen, "query_string": query, "display": label}


class OneParentFilter(admin.SimpleListFilter):
    """Shows the rows that have some values of one row: the link has its id, not its values.

    Only links lead here: it is not offered in lists.
    """

    parent: type[models.Model]
    #: Columns of the rows, and the fields of the parent with the same values.
    shared: ClassVar[dict[str, str]]
    #: The name of the choice, with the parent as ``%(row)s``.
    label: Any = "%(row)s"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        value = self.value()
        if value is None:
            return []
        parent = self.parent_row
        if parent and not request.user.has_perm(to_view(self.parent)):
            return [(value, self.label % {"row": value})]
        name = self.label % {"row": parent} if parent else gettext("not found")
        return [(value, name)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        # Django asks only filters that offer something, so a value was given.
        if not (parent := self.parent_row):
            return queryset.none()
        return queryset.filter(**{name: getattr(parent, own) for name, own in self.shared.items()})

    @cached_property
    def parent_row(self) -> Any:
        """The parent, or ``None``."""
        rows: Any = self.parent._default_manager
        large = LARGE if self.parent is WebhookRequest else ()
        return rows.defer(*large).filter(pk=id_of(self.value() or "")).first()


class RequestFilter(OneParentFilter):
    title = _("request")
    parameter_name = "request"
    parent = WebhookRequest
    shared: ClassVar = {"request": "pk"}


class MessageFilter(OneParentFilter):
    title = _("message")
    parameter_name = "of_message"
    parent = Message
    shared: ClassVar = {"project_id": "project_id", "msg_id": "msg_id"}


class AnsweredFilter(OneParentFilter):
    title = _("message")
    label = _("Answers %(row)s")
    parameter_name = "answers_of"
    parent = Message
    shared: ClassVar = {"project_id": "project_id", "context_msg_id": "msg_id"}


class ReferenceFilter(OneParentFilter):
    title = _("reference number")
    label = _("Same reference number as %(row)s")
    parameter_name = "reference_of"
    parent = Message
    shared: ClassVar = {"reference_number": "reference_number"}


class PushFilter(OneParentFilter):
    title = _("push")
    label = _("Same push as %(row)s")
    parameter_name = "push_of"
    parent = Message
    shared: ClassVar = {"project_id": "project_id", "push_id": "push_id"}


class ErrorFilter(OneParentFilter):
    title = _("kind of error")
    label = _("Same error as %(row)s")
    parameter_name = "error_of"
    parent = Message
    shared: ClassVar = {"error_group": "error_group"}


class GroupFilter(OneParentFilter):
    title = pgettext_lazy("chat", "group")
    label = _("Same group as %(row)s")
    parameter_name = "group_of"
    parent = GroupMemberEvent
    shared: ClassVar = {"project_id": "project_id", "group_id": "group_id"}


class ProblemFilter(OneParentFilter):
    title = _("problem")
    label = _("Same problem as request %(row)s")
    parameter_name = "problem_of"
    parent = WebhookRequest
    shared: ClassVar = {"problem": "problem"}


class ValueFilter(admin.SimpleListFilter):
    """Offers the values of a column that are in use, and the chosen one.

    Without values in use only links lead here.
    """

    #: Returns the name of a value; without it, ``unnamed`` is the name.
    label: Any
    unnamed: Any = _("unknown")
    parameter_name: str

    def values(self, request: HttpRequest) -> Iterable[str]:
        """Return the values in use, in the order of the list."""
        return ()

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        values, chosen = list(self.values(request)), self.value()
        if chosen is not None and chosen not in values:
            values.append(chosen)
        return [(value, self.label(value) or str(self.unnamed)) for value in values]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> Any:
        value = self.value()
        return queryset if value is None else self.matching(queryset, storable(value))

    def matching(self, queryset: Any, value: str) -> Any:
        return queryset.filter(**{self.parameter_name: value})


class ChannelFilter(ValueFilter):
    """Offers the channels of the newest subscribers: a list of all would read every row."""

    title = _("channel")
    parameter_name = "channel"
    label = staticmethod(channel)

    def values(self, request: HttpRequest) -> Iterable[str]:
        return filter(None, channels_in_use())


class OfMessages(ValueFilter):
    """Offers the values of the newest messages by their names, and at last those without one."""

    def values(self, request: HttpRequest) -> Iterable[str]:
        values = self.in_use(request) | {self.value() or ""}
        named = sorted(filter(None, values), key=self.label)
        return [*named, ""] if named else []

    def in_use(self, request: Any) -> set[str]:
        """Return the values in use; all filters of a list share one statement."""
        if not hasattr(request, "pickyassist_in_use"):
            request.pickyassist_in_use = in_use()
        values: set[str] = request.pickyassist_in_use[self.parameter_name]
        return values


class CountryFilter(OfMessages):
    title = _("country")
    parameter_name = "country"
    label = staticmethod(country)


class MessageChannelFilter(OfMessages):
    title = _("channel")
    parameter_name = "channel"
    label = staticmethod(channel)


class ErrorCodeFilter(OfMessages):
    """Offers the codes of the newest failed messages."""

    title = _("error code")
    parameter_name = "error_code"
    label = staticmethod(error_code)
    unnamed = _("without a code")

    def values(self, request: HttpRequest) -> Iterable[str]:
        return sorted(self.in_use(request) - {""})

    def matching(self, queryset: Any, value: str) -> Any:
        return queryset.with_error(value)


class SecretFilter(ValueFilter):
    """Offers the labels of the settings, and those of the newest requests, if there are any."""

    title = _("secret label")
    parameter_name = "secret_label"
    label = staticmethod(visible)
    unnamed = _("without a label")

    def values(self, request: HttpRequest) -> Iterable[str]:
        newest = WebhookRequest.objects.order_by("-received_at")
        labels = {label for label, _secret in app_settings.secrets}
        labels.update(newest.values_list("secret_label", flat=True)[:SAMPLE])
        return sorted(labels) if labels - {""} else []


class OfferedFilter(admin.SimpleListFilter):
    """Refuses a value that it does not offer: all rows would pass for those that were asked for."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> Any:
        value = self.value()
        if value is None:
            return queryset
        if value not in dict(self.lookup_choices):
            raise IncorrectLookupParameters
        return self.matching(queryset, value)

    def matching(self, queryset: Any, value: str) -> Any:
        raise NotImplementedError


class ConflictFilter(OfferedFilter):
    title = _("conflict")
    parameter_name = "conflict"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("yes", _("Delivered, but also failed or refunded"))]

    def matching(self, queryset: Any, value: str) -> Any:
        return queryset.in_conflict()


class VerdictFilter(OfferedFilter):
    """Shows one report of each number of a project."""

    title = _("numbers")
    parameter_name = "verdict"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("current", _("Each number of a project once, with its current verdict"))]

    def matching(self, queryset: Any, value: str) -> Any:
        return queryset.standing()
