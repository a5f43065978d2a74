"""A filter by days: links for usual periods, and a form for any first and last day."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

from django.contrib import messages
from django.contrib.admin import DateFieldListFilter
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.dateparse import parse_date
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from ..models.moments import moment
from ..parsing.characters import visible

#: Characters shown of a text that is not a date.
_MAX_SHOWN = 40

_LAST = date.max - timedelta(days=1)


class DaysFilter(DateFieldListFilter):
    """Django's filter with *yesterday* and a form. Days are those of the current time zone.

    The form works without JavaScript and keeps all other filters. Its URL can be bookmarked.
    """

    template = "pickyassist_webhooks/admin/days_filter.html"
    is_invalid = False

    def __init__(self, field: Any, request: Any, params: Any, *args: Any, **named: Any) -> None:
        super().__init__(field, request, params, *args, **named)
        self.title = _("time")  # Django says "By" before it
        links: Any = self.links
        any_date, today, *others = links
        start: datetime = today[1][self.lookup_kwarg_since]
        day_before: Any = {
            self.lookup_kwarg_since: start - timedelta(days=1),
            self.lookup_kwarg_until: start,
        }
        self.links = (any_date, today, (_("Yesterday"), day_before), *others)
        # With these beginnings, Django's links remove them.
        self.first_name, self.last_name = f"{self.field_path}__from", f"{self.field_path}__to"
        self.first = params.pop(self.first_name, [""])[-1].strip()
        self.last = params.pop(self.last_name, [""])[-1].strip()

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the rows of the days, or none and a message if a date is invalid."""
        try:
            bounds = self._bounds()
        except ValueError as err:
            self.is_invalid = True
            if not hasattr(request, "pickyassist_is_export"):  # the list says it
                _tell_once(request, str(err))
            return queryset.none()
        rows: Any = super().queryset(request, queryset.filter(**bounds))
        return rows  # type: ignore[no-any-return]

    def choices(self, changelist: Any) -> Iterator[Any]:
        rest = changelist.get_query_string(remove=[self.field_generic]).removeprefix("?")
        #: The other filters, the search and the order, for the form.
        self.kept = parse_qsl(rest, keep_blank_values=True)
        return super().choices(changelist)

    def _bounds(self) -> dict[str, datetime]:
        """Return the condition of the form. Raises ``ValueError`` with the message of a page."""
        first, last = _day(self.first), _day(self.last)
        if first and last and last < first:
            raise ValueError(gettext("The first day is after the last day."))
        bounds = {}
        if first:
            bounds[self.lookup_kwarg_since] = moment(f"{first}T00:00")
        if last:
            day_after = min(last, _LAST) + timedelta(days=1)
            bounds[self.lookup_kwarg_until] = moment(f"{day_after}T00:00")
        return bounds


def _tell_once(request: HttpRequest, text: str) -> None:
    """Show an error once: an action filters several times, and leads back to the list."""
    waiting: Any = messages.get_messages(request)
    is_told = any(str(each) == text for each in waiting)
    waiting.used = False  # the next page must show them
    if not is_told:
        messages.error(request, text)


def _day(text: str) -> date | None:
    if not text:
        return None
    with suppress(ValueError):
        if day := parse_date(text):
            return day
    refusal = gettext("'%(text)s' is not a date: use the format YYYY-MM-DD.")
    raise ValueError(refusal % {"text": visible(text)[:_MAX_SHOWN]})
