"""What a stranger sent, as text that a page can hold and a person can read."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext

from ..characters import UNSEEN, escaped, visible
from .bodies import Outline, indented
from .expectations import expected

#: Characters shown of a body or a long text. A body may be 10 MiB, a phone shows 2,000 at once.
MAX_SHOWN = 10_000

#: Characters shown of a text in a list.
MAX_IN_LIST = 60

#: Problems of a body that are written out beside their places; the others are only marked.
MAX_NOTES = 50

#: Where a value starts and ends in a text, and what is wrong with it: whether that gets a note.
Remarks = dict[tuple[int, int], dict[str, bool]]

_MARK = '<mark class="pickyassist-problem" title="{}">{}</mark>'
_NOTE = ' <strong class="pickyassist-note">← {}</strong>'

_UNSEEN_IN_LINES = re.compile(rf"(?![\t\n]){UNSEEN.pattern}")


def visible_lines(text: str) -> str:
    r"""Return text with its line breaks and tabs, and whatever else cannot be seen written out."""
    return _UNSEEN_IN_LINES.sub(escaped, text.replace("\r\n", "\n"))


def shortened(text: str) -> str:
    """Return the beginning of a text in one line, for a list."""
    return visible(text if len(text) <= MAX_IN_LIST else f"{text[: MAX_IN_LIST - 1]}…")


def preformatted(text: str) -> SafeString:
    """Return a long text as HTML, with how much of it was left out."""
    return _shown(visible_lines(text[:MAX_SHOWN]), len(text) - MAX_SHOWN)


def pretty_json(value: object) -> SafeString:
    """Return a JSON value as HTML."""
    return preformatted(json.dumps(value, ensure_ascii=False, indent=2))


def pretty_body(body: bytes, problems: Iterable[dict[str, str]] = ()) -> SafeString:
    r"""Return a body as HTML: JSON indented, with its problems marked; everything else as it came.

    Bytes that are no text show as ``\xXX``.
    """
    return _pretty(_text_of(body), problems)


def both_views(body: bytes, problems: Iterable[dict[str, str]] = ()) -> SafeString:
    """Return a body as ``pretty_body`` does, and below it as it came where that is different."""
    text = _text_of(body)
    pretty, raw = _pretty(text, problems), preformatted(text)
    if pretty == raw:
        return pretty
    return format_html(
        '{}<details class="pickyassist-raw"><summary>{}</summary>{}</details>',
        pretty,
        gettext("As it came"),
        raw,
    )


def _text_of(body: bytes) -> str:
    return body.decode(json.detect_encoding(body), "backslashreplace")


def _pretty(text: str, problems: Iterable[dict[str, str]]) -> SafeString:
    begun = text.lstrip(" \t\r\n")
    if begun[:1] in ("{", "["):
        try:
            # More than is shown, however it is escaped: a long text is not read to its end.
            shown, left_out, outline = indented(begun[: 10 * MAX_SHOWN], MAX_SHOWN)
        except ValueError:
            pass  # no JSON after all
        else:
            marked = _marked(shown, _remarks(outline, problems))
            return _shown(marked, left_out + max(0, len(begun) - 10 * MAX_SHOWN))
    return preformatted(text)


def _remarks(outline: Outline, problems: Iterable[dict[str, str]]) -> Remarks:
    """Return what is to be said of which places, each thing once; true is what gets a note."""
    remarks: Remarks = {}
    said = 0
    for problem in problems:
        if found := outline.find(problem["path"], problem["code"]):
            place, missing = found
            what = gettext("expected: %(expected)s") % {"expected": expected(problem)}
            where = f"{missing}: " if missing else ""
            remark = visible(f"{where}{problem['code']}, {what}")
            here = remarks.setdefault((place.start, place.end), {})
            if remark not in here:
                here[remark] = said < MAX_NOTES
                said += 1
    return remarks


def _marked(text: str, remarks: Remarks) -> SafeString:
    """Return text with marks, and with notes at the ends of their lines."""
    pieces: list[tuple[str]] = []
    shown = 0
    for (start, end), here in sorted(remarks.items()):
        if start < shown:
            continue  # a second value in one line is no JSON
        notes = [(remark,) for remark, is_noted in here.items() if is_noted]
        line_end = text.find("\n", end)
        line_end = len(text) if line_end < 0 else line_end
        pieces += (
            (visible_lines(text[shown:start]),),
            (format_html(_MARK, "; ".join(here), visible_lines(text[start:end])),),
            (visible_lines(text[end:line_end]),),
            (format_html_join("", _NOTE, notes),),
        )
        shown = line_end
    return format_html_join("", "{}", [*pieces, (visible_lines(text[shown:]),)])


def _shown(text: str, left_out: int) -> SafeString:
    """Return a text as HTML, and below it how many characters of it are left out."""
    shown = format_html('<pre class="pickyassist-text">{}</pre>', text)
    if left_out <= 0:
        return shown
    note = ngettext(
        "%(count)d more character is not shown.",
        "%(count)d more characters are not shown.",
        left_out,
    ) % {"count": left_out}
    return format_html('{}<p class="help">{}</p>', shown, note)
