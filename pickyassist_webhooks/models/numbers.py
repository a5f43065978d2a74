"""The columns that follow from a row's number, and the conditions on them."""

from __future__ import annotations

from typing import Any

from django.db.models import Model, Q
from django.db.models.query_utils import DeferredAttribute
from django.utils.translation import gettext_lazy as _

from ..exceptions import NotANumber
from ..parsing.countries import country_of
from ..parsing.phone_numbers import ended, given, key_of
from .columns import ExactCharField

#: Minimum digits to find a number by its end.
MIN_END = 8


class _FromNumber(DeferredAttribute):
    """Returns what follows from the row's number, so that the two never differ."""

    def __get__(self, instance: Model | None, cls: type[Model] | None = None) -> Any:
        if instance is None:
            return self
        return self.field.derive(instance.number)  # type: ignore[attr-defined]

    def __set__(self, instance: Model, value: Any) -> None:
        # Set only so that Django treats the field as loaded.
        instance.__dict__[self.field.attname] = value


class _NumberField(ExactCharField[str, str]):
    """A column that is written together with the number, from which it follows."""

    descriptor_class = _FromNumber
    #: Returns the value for a number.
    derive: Any


class NumberKeyField(_NumberField):
    """The key of a row's number."""

    derive = staticmethod(key_of)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        options = {"verbose_name": _("number key"), "blank": True, "editable": False}
        super().__init__(*args, **options | kwargs)


class CountryField(_NumberField):
    """The code of the country of a row's number, or blank."""

    derive = staticmethod(country_of)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        options = {"verbose_name": _("country"), "blank": True, "max_length": 2}
        super().__init__(*args, **options | kwargs)


def of_number(text: str) -> Q:
    """Return the condition for rows of a full number, in any usual format.

    A text that is not clearly a number must match exactly.
    """
    try:
        return Q(number_key=key_of(given(text)))
    except NotANumber:
        return _exactly(text)


def ending_in(text: str) -> Q:
    """Return the condition for rows with this number, or with a number that ends in it."""
    digits, is_end = ended(text)
    key = digits[::-1]
    if len(digits) < MIN_END:
        return Q(number_key=key) if digits else _exactly(text)
    if not is_end:
        return Q(number_key=key)
    # The last condition is for collations that ignore hyphens and similar characters.
    return Q(number_key__gte=key, number_key__lt=_after(key), number_key__startswith=key)


def _exactly(text: str) -> Q:
    return Q(number_key=key_of(text), number=text)


def _after(key: str) -> str:
    """Return the first text that sorts after all digits that begin with ``key``."""
    shortened = key.rstrip("9")
    if not shortened:
        return "A"  # it comes after all digits in each collation
    return shortened[:-1] + chr(ord(shortened[-1]) + 1)
