"""Text of strangers as safe HTML that a person can read."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext, ngettext

from ..parsing.characters import UNSEEN, visible, visible_lines
from .bodies import Outline, indented

#: Characters shown of a body or a long text. A body may have 10 MiB; a phone shows 2,000 at once.
MAX_SHOWN = 10_000

#: Characters shown of a text in a list.
MAX_IN_LIST = 60

#: Characters of an address that is a link.
MAX_ADDRESS = 2000

#: Problems of a body with a note at the end of their line; the others are only marked.
MAX_NOTES = 50

#: By start and end of a value: its problems, and whether each gets a note.
Remarks = dict[tuple[int, int], dict[str, bool]]

_MARK = '<mark class="pickyassist-problem" title="{}">{}</mark>'
_NOTE = ' <strong class="pickyassist-note">← {}</strong>'


def shortened(text: str, length: int = MAX_IN_LIST) -> str:
    """Return the beginning of a text in one line, by default for a list."""
    return visible(text if len(text) <= length else f"{text[: length - 1]}…")


def breakable(path: str) -> SafeString:
    """Return a dotted path as HTML that a narrow page breaks between its words."""
    parts = [(part,) for part in re.split(r"(?<=[._\]])", path)]
    joined = format_html_join(mark_safe("<wbr>"), "{}", parts)
    return format_html('<span class="pickyassist-path">{}</span>', joined)


def preformatted(text: str) -> SafeString:
    """Return a long text as HTML, with the count of omitted characters."""
    return _shown(visible_lines(text[:MAX_SHOWN]), len(text) - MAX_SHOWN)


def pretty_json(value: object) -> SafeString:
    """Return a JSON value as HTML."""
    return preformatted(json.dumps(value, ensure_ascii=False, indent=2))


def json_lines(value: object) -> str:
    """Return a JSON value as text that a person can read."""
    return visible_lines(json.dumps(value, ensure_ascii=False, indent=2))


def https_link(address: str) -> SafeString | None:
    """Return a link to an ``https`` address, which no page loads, or ``None`` for another one."""
    is_long = len(address) > MAX_ADDRESS
    if is_long or not address.startswith("https://") or UNSEEN.search(address):
        return None
    return format_html('<a href="{0}" rel="noreferrer noopener nofollow">{0}</a>', address)


def expected(problem: dict[str, str]) -> str:
    """Return the expectation of a problem, translated: the parser itself translates nothing."""
    text = problem["expected"]
    return visible(gettext(text) if text else text)


def pretty_body(body: bytes, problems: Iterable[dict[str, str]] = ()) -> SafeString:
    r"""Return a body as HTML: JSON indented, with its problems marked; other bodies as received.

    Bytes that are no text are shown as ``\xXX``.
    """
    text = _text_of(body)
    begun = text.lstrip(" \t\r\n")
    if begun[:1] in ("{", "["):
        try:
            # Enough for the shown part with any escapes: a long text is not read to its end.
            shown, left_out, outline = indented(begun[: 10 * MAX_SHOWN], MAX_SHOWN)
        except ValueError:
            pass  # not JSON
        else:
            marked = _marked(shown, _remarks(outline, problems))
            return _shown(marked, left_out + max(0, len(begun) - 10 * MAX_SHOWN))
    return preformatted(text)


def both_views(body: bytes, problems: Iterable[dict[str, str]] = ()) -> SafeString:
    """Return a body as ``pretty_body`` does, and below it as received if that is different."""
    pretty, raw = pretty_body(body, problems), preformatted(_text_of(body))
    if pretty == raw:
        return pretty
    return format_html(
        '{}<details class="pickyassist-raw"><summary>{}</summary>{}</details>',
        pretty,
        gettext("As received"),
        raw,
    )


def _text_of(body: bytes) -> str:
    return body.decode(json.detect_encoding(body), "backslashreplace")


def _remarks(outline: Outline, problems: Iterable[dict[str, str]]) -> Remarks:
    """Return the problems of each value, each once, and whether it gets a note."""
    remarks: Remarks = {}
    notes = 0
    for problem in problems:
        if result := outline.find(problem["path"], problem["code"]):
            position, missing = result
            expectation = gettext("expected: %(expected)s") % {"expected": expected(problem)}
            name = f"{missing}: " if missing else ""
            remark = visible(f"{name}{problem['code']}, {expectation}")
            of_value = remarks.setdefault((position.start, position.end), {})
            if remark not in of_value:
                of_value[remark] = notes < MAX_NOTES
                notes += 1
    return remarks


def _marked(text: str, remarks: Remarks) -> SafeString:
    """Return text with marks, and with notes at the ends of their lines."""
    pieces: list[tuple[str]] = []
    shown = 0
    for (start, end), of_value in sorted(remarks.items()):
        if start < shown:
            continue  # two values in one line are not JSON
        notes = [(remark,) for remark, is_noted in of_value.items() if is_noted]
        line_end = text.find("\n", end)
        line_end = len(text) if line_end < 0 else line_end
        pieces += (
            (visible_lines(text[shown:start]),),
            (format_html(_MARK, "; ".join(of_value), visible_lines(text[start:end])),),
            (visible_lines(text[end:line_end]),),
            (format_html_join("", _NOTE, notes),),
        )
        shown = line_end
    return format_html_join("", "{}", [*pieces, (visible_lines(text[shown:]),)])


def _shown(text: str, left_out: int) -> SafeString:
    """Return a text as HTML, and below it the count of omitted characters."""
    shown = format_html('<pre class="pickyassist-text">{}</pre>', text)
    if left_out <= 0:
        return shown
    note = ngettext(
        "%(count)d more character is not shown.",
        "%(count)d more characters are not shown.",
        left_out,
    ) % {"count": left_out}
    return format_html('{}<p class="help">{}</p>', shown, note)
