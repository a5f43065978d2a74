"""Filters by a related row."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db import models
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from ..conf import app_settings
from ..insights.deliveries import in_use
from ..insights.errors import codes_in_use
from ..insights.overview import SAMPLE, channels_in_use
from ..models import GroupMemberEvent, Message, WebhookRequest
from ..models.requests import LARGE
from ..parsing.characters import storable, visible
from ..permissions import to_view
from .labels import channel, country, error_code


class OneParentFilter(admin.SimpleListFilter):
    """Shows the rows that belong to one row. Only links lead here: it is not offered in lists."""

    parent: type[models.Model]
    #: Columns of the parent that are too large to read for its name.
    deferred: tuple[str, ...] = ()
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
        parent = self.parent_row
        return self.children(queryset, parent) if parent else queryset.none()

    @cached_property
    def parent_row(self) -> Any:
        """The parent, or ``None``."""
        value = self.value() or ""
        if not (value.isascii() and value.isdecimal()) or len(value) > 18:
            return None
        rows: Any = self.parent._default_manager
        return rows.defer(*self.deferred).filter(pk=value).first()

    def children(self, queryset: QuerySet[Any], parent: Any) -> QuerySet[Any]:
        return queryset.filter(request=parent)


class RequestFilter(OneParentFilter):
    title = _("request")
    parameter_name = "request"
    parent = WebhookRequest
    deferred = LARGE


class LikeFilter(OneParentFilter):
    """Shows the rows that have some values of one row: no text of a stranger is in the link."""

    #: Fields with the same value in all rows.
    shared: tuple[str, ...]

    def children(self, queryset: QuerySet[Any], parent: Any) -> QuerySet[Any]:
        return queryset.filter(**{name: getattr(parent, name) for name in self.shared})


class MessageFilter(LikeFilter):
    title = _("message")
    parameter_name = "of_message"
    parent = Message
    shared = ("project_id", "msg_id")


class ReferenceFilter(LikeFilter):
    title = _("reference number")
    label = _("Same reference number as %(row)s")
    parameter_name = "reference_of"
    parent = Message
    shared = ("reference_number",)


class PushFilter(LikeFilter):
    title = _("push")
    label = _("Same push as %(row)s")
    parameter_name = "push_of"
    parent = Message
    shared = ("project_id", "push_id")


class ErrorFilter(LikeFilter):
    title = _("kind of error")
    label = _("Same error as %(row)s")
    parameter_name = "error_of"
    parent = Message
    shared = ("error_group",)


class GroupFilter(LikeFilter):
    title = _("group")
    label = _("Same group as %(row)s")
    parameter_name = "group_of"
    parent = GroupMemberEvent
    shared = ("project_id", "group_id")


class ProblemFilter(LikeFilter):
    title = _("problem")
    label = _("Same problem as request %(row)s")
    parameter_name = "problem_of"
    parent = WebhookRequest
    deferred = LARGE
    shared = ("problem",)


class ChannelFilter(admin.SimpleListFilter):
    """Offers the channels of the newest subscribers: a list of all would read every row."""

    title = _("channel")
    parameter_name = "channel"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, channel(name)) for name in channels_in_use() if name]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        return queryset if value is None else queryset.filter(channel=storable(value))


class ValueFilter(admin.SimpleListFilter):
    """Offers the values of a column of the newest messages."""

    #: Returns the name of a value.
    label: Any
    parameter_name: str

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        values = _in_use(request)[self.parameter_name] | {self.value() or ""}
        named = [(value, self.label(value)) for value in values if value]
        choices = sorted(named, key=lambda choice: choice[1])
        return [*choices, ("", gettext("unknown"))] if choices or self.value() == "" else []

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        return (
            queryset if value is None else queryset.filter(**{self.parameter_name: storable(value)})
        )


def _in_use(request: Any) -> dict[str, set[str]]:
    """Return the values of both columns: two filters of a list share one statement."""
    if not hasattr(request, "pickyassist_in_use"):
        request.pickyassist_in_use = in_use()
    values: dict[str, set[str]] = request.pickyassist_in_use
    return values


class CountryFilter(ValueFilter):
    title = _("country")
    parameter_name = "country"
    label = staticmethod(country)


class MessageChannelFilter(ValueFilter):
    title = _("channel")
    parameter_name = "channel"
    label = staticmethod(channel)


class ConflictFilter(admin.SimpleListFilter):
    title = _("conflict")
    parameter_name = "conflict"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("yes", _("Delivered, but also failed or refunded"))]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.in_conflict() if self.value() else queryset


class VerdictFilter(admin.SimpleListFilter):
    """Shows one report of each number."""

    title = _("numbers")
    parameter_name = "verdict"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("current", _("Each number once, with its current verdict"))]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.standing() if self.value() else queryset


class ErrorCodeFilter(admin.SimpleListFilter):
    """Offers the codes of the newest failed messages."""

    title = _("error code")
    parameter_name = "error_code"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        codes = codes_in_use()
        value = self.value()
        if value is not None and value not in codes:
            codes.append(value)
        return [(code, error_code(code) or gettext("without a code")) for code in codes]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        value = self.value()
        return queryset if value is None else queryset.with_error(storable(value))


class SecretFilter(admin.SimpleListFilter):
    """Offers the labels of the settings, and those of the newest requests."""

    title = _("secret label")
    parameter_name = "secret_label"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        newest = WebhookRequest.objects.order_by("-received_at")
        labels = {label for label, _secret in app_settings.secrets}
        labels.update(newest.values_list("secret_label", flat=True)[:SAMPLE])
        value = self.value()
        if value is not None:
            labels.add(value)
        names = [(label, visible(label) or gettext("without a label")) for label in sorted(labels)]
        return names if labels - {""} or value is not None else []

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        return queryset if value is None else queryset.filter(secret_label=storable(value))
