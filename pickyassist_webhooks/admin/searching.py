"""The conditions of a search in one column, each a range of its index."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product

from django.db.models import Q

from ..models.messages import WITH_ERROR
from ..models.numbers import ending_in

#: Letters of a text up to which every spelling is searched: 64 at most.
_MAX_LETTERS = 6


def condition(name: str, term: str) -> Q:
    """Return the condition for rows that match a term in one column."""
    if name == "number":
        return ending_in(term)
    spelled = Q(**{f"{name}__in": sorted(_spellings(term))})
    return spelled & WITH_ERROR if name == "error_code" else spelled


def _spellings(term: str) -> Iterable[str]:
    """Return a text in upper and lower case: no index ignores case on every database."""
    letters = [(char.lower(), char.upper()) if _is_letter(char) else (char,) for char in term]
    if sum(map(_is_letter, term)) <= _MAX_LETTERS:
        return {"".join(spelling) for spelling in product(*letters)}
    return {term, "".join(cases[0] for cases in letters), "".join(cases[-1] for cases in letters)}


def _is_letter(character: str) -> bool:
    return character.isascii() and character.isalpha()
