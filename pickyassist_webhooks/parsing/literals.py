"""The numbers of JSON: a whole number stays whole in every notation."""

from __future__ import annotations

from decimal import Context, Decimal, InvalidOperation

from ..exceptions import UnreadablePayload

#: Maximum digits of a whole number: every Python version can read so many.
_MAX_DIGITS = 300
#: Maximum digits that the exponents of one body add. ``1e299`` has five characters, but three
#: hundred once it is read; a batch of 10,000 rows with four numbers like ``4.93E+11`` has 400,000.
_MAX_ZEROS = 1_000_000
#: A number below 10 to the power of these digits is short in any notation.
_FEW_DIGITS = 15

_CONTEXT = Context(traps=[InvalidOperation])


class NumberText(str):
    """A JSON number that Python cannot represent, as it was sent: ``1e400``, ``NaN``."""

    __slots__ = ()


def whole(digits: str) -> int | NumberText:
    """Return a number that has no fraction and no exponent."""
    return int(digits) if len(digits) <= _MAX_DIGITS else NumberText(digits)


class Decimals:
    """Reads the numbers of one body that have a fraction or an exponent."""

    def __init__(self) -> None:
        self.zeros = 0

    def read(self, literal: str) -> int | float | NumberText:
        """Return a whole number for ``1.0`` or ``1.5550001111E+10``, otherwise a float."""
        digits, _, zeros = literal.partition(".")
        if zeros and not zeros.strip("0"):  # PHP writes whole numbers like this
            return whole(digits)
        try:
            value = Decimal(literal, _CONTEXT)
        except InvalidOperation:  # an exponent of twenty digits
            return NumberText(literal)
        size = value.adjusted() + 1 if value else 0
        if size > _MAX_DIGITS:
            return NumberText(literal)
        if value != value.to_integral_value(context=_CONTEXT):
            return float(literal)
        if size > _FEW_DIGITS:
            self.zeros += max(size - len(literal), 0)
            if self.zeros > _MAX_ZEROS:
                raise UnreadablePayload(
                    "too_many_values", f"at most {_MAX_ZEROS} digits that are written as exponents"
                )
        return int(value)
