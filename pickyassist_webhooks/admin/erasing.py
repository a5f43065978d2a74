"""The action that erases all that is kept of a number, after a page that says how much that is."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import Min, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from ..erasure import IN_WORK, Erasure, described
from ..numbers import Number
from ..permissions import ERASE_PERSONAL_DATA, VIEW_PERSONAL_DATA
from .base import ReadOnlyAdmin

#: Numbers erased at once: every kept body is read for each of them.
MAX_NUMBERS = 10


class ErasingAdmin(ReadOnlyAdmin):
    """An admin of rows that each have a number, which can be erased from there."""

    actions = ("erase_numbers",)

    def has_erase_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(ERASE_PERSONAL_DATA)

    @admin.action(permissions=["erase"], description=_("Erase all that is kept of these numbers"))
    def erase_numbers(self, request: HttpRequest, queryset: QuerySet[Any]) -> Any:
        written = queryset.order_by().exclude(number="").values_list("number", flat=True)
        numbers, unknown = _read(written.distinct()[: MAX_NUMBERS + 1])
        if unknown or not numbers or len(numbers) > MAX_NUMBERS:
            expected = gettext("Select rows of 1 to %(count)d phone numbers.")
            self.message_user(request, expected % {"count": MAX_NUMBERS}, messages.ERROR)
            return None
        if request.POST.get("erase") == "yes":
            self._erase(request, numbers)
            return None
        return self._confirmation(request, queryset, numbers)

    def _erase(self, request: HttpRequest, numbers: list[Number]) -> None:
        for number in numbers:
            erased = Erasure(number).carry_out(request.user.get_username())
            message = gettext("Erased of number %(number)s: %(counts)s.")
            named = {"number": number, "counts": described(erased)}
            level = messages.WARNING if erased[IN_WORK] else messages.SUCCESS
            self.message_user(request, message % named, level)

    def _confirmation(
        self, request: HttpRequest, queryset: QuerySet[Any], numbers: list[Number]
    ) -> HttpResponse:
        open_to = request.user.has_perm(VIEW_PERSONAL_DATA)
        found = [
            (number.digits if open_to else str(number), described(Erasure(number).find()))
            for number in numbers
        ]
        return self.page(
            request,
            "erase.html",
            gettext("Erase all that is kept of these numbers"),
            found=found,
            action_checkbox_name=ACTION_CHECKBOX_NAME,
            # One row of each: a form of a thousand fields is refused.
            selected=queryset.order_by().values("number").annotate(one=Min("pk")),
        )


def _read(written: Any) -> tuple[list[Number], list[str]]:
    """Return the numbers written there, each once, and what is none."""
    numbers: dict[str, Number] = {}
    unknown: list[str] = []
    for text in written:
        try:
            number = Number(text)
        except ValueError:
            unknown.append(text)
        else:
            numbers[number.digits] = number
    return list(numbers.values()), unknown
