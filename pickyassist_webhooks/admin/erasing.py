"""The action that erases everything stored about numbers, after a page with the counts."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import Count, F, Min, QuerySet, Sum
from django.db.models.functions import Length
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from ..exceptions import NotANumber
from ..models.requests import requests
from ..permissions import ERASE_PERSONAL_DATA, VIEW_PERSONAL_DATA
from ..privacy.erasure import SKIPPED, Erasure, described
from ..privacy.phone_numbers import Number
from .base import ReadOnlyAdmin

#: Numbers erased at once: each of them reads every stored body.
MAX_NUMBERS = 10

#: Bodies and bytes that one web request may read; ten megabytes take half a second.
MAX_BODIES = 50_000
MAX_BYTES = 100 * 2**20


class ErasingAdmin(ReadOnlyAdmin):
    """An admin of rows with numbers that can be erased."""

    actions = ("erase_numbers",)

    def has_erase_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(ERASE_PERSONAL_DATA)

    def person(self, request: HttpRequest) -> Any:
        """Return the expression for the number of a row's person."""
        return F("number")

    @admin.action(
        permissions=["erase"], description=_("Erase everything stored about these numbers")
    )
    def erase_numbers(self, request: HttpRequest, queryset: QuerySet[Any]) -> Any:
        people = queryset.order_by().annotate(person=self.person(request)).exclude(person="")
        numbers = _read(people.values_list("person", flat=True).distinct()[: MAX_NUMBERS + 1])
        is_confirmed = request.POST.get("erase") == "yes"
        if is_confirmed and not queryset.exists():
            nothing = gettext("These rows are already erased or deleted.")
            self.message_user(request, nothing, messages.WARNING)
            return None
        if not 1 <= len(numbers) <= MAX_NUMBERS:
            expected = gettext("Select rows of 1 to %(count)d phone numbers.")
            self.message_user(request, expected % {"count": MAX_NUMBERS}, messages.ERROR)
            return None
        if _are_too_many(len(numbers)):
            refusal = gettext(
                "There are too many request bodies to read within a web request: select fewer "
                "numbers, or use the command pickyassist_erase."
            )
            self.message_user(request, refusal, messages.ERROR)
            return None
        if is_confirmed:
            self._erase(request, numbers)
            return None
        return self._confirmation(request, people, numbers)

    def _erase(self, request: HttpRequest, numbers: list[Number]) -> None:
        for number in numbers:
            erased = Erasure(number).carry_out(request.user.get_username())
            message = gettext("Erased number %(number)s: %(counts)s.")
            named = {"number": number, "counts": described(erased)}
            is_whole = not any(erased[name] for name in SKIPPED)
            level = messages.SUCCESS if is_whole else messages.WARNING
            self.message_user(request, message % named, level)

    def _confirmation(
        self, request: HttpRequest, people: QuerySet[Any], numbers: list[Number]
    ) -> HttpResponse:
        is_unmasked = request.user.has_perm(VIEW_PERSONAL_DATA)
        counted = [
            (number.digits if is_unmasked else str(number), described(Erasure(number).find()))
            for number in numbers
        ]
        return self.page(
            request,
            "erase.html",
            gettext("Erase everything stored about these numbers"),
            counted=counted,
            action_checkbox_name=ACTION_CHECKBOX_NAME,
            # One row of each number: Django refuses a form of a thousand fields.
            selected=people.values("person").annotate(row=Min("pk")),
        )


def _are_too_many(numbers: int) -> bool:
    """Tell whether a search for so many numbers in all stored bodies would take too long."""
    sizes = requests().filter(erased_at=None).order_by("pk").annotate(size=Length("body"))
    stored = sizes.values("size")[: MAX_BODIES + 1].aggregate(
        bodies=Count("size"), bytes=Sum("size")
    )
    return numbers * stored["bodies"] > MAX_BODIES or numbers * (stored["bytes"] or 0) > MAX_BYTES


def _read(written: Any) -> list[Number]:
    """Return the numbers, each once; none if one of the texts is not a number."""
    try:
        numbers = {number.digits: number for number in map(Number, written)}
    except NotANumber:
        return []
    return list(numbers.values())
