"""Pages with live content, each of another kind, to prove that the inspection finds it."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from django.utils.html import escape

from tests.browser import urls
from tests.browser.texts import MARKUP, PRODUCT, STYLES, URLS

BLOCKED = {
    "script": ("<script>pwned=1</script>", {"violation", "console", "inline script"}),
    "foreign script": (
        "<script src=//evil.example/x.js></script>",
        {"violation", "console", "address"},
    ),
    "handler": ("<img src=/x.png onerror=pwned=1>", {"violation", "console", "attribute"}),
    "foreign image": ("<img src=//evil.example/x.png>", {"violation", "console", "address"}),
    "style": ("<p style='position:fixed'>", {"violation", "console", "attribute"}),
    "style sheet": ("<style>p{color:red}</style>", {"violation", "console", "element"}),
    "frame": ("<iframe src=//evil.example></iframe>", {"violation", "console", "element"}),
    "base": ("<base href=//evil.example/>", {"violation", "console", "element", "address"}),
    "javascript": ("<a href=javascript:pwned=1>x</a>", {"address"}),
    "data": ("<a href='data:text/html,x'>x</a>", {"address"}),
    "vbscript": ("<form action=vbscript:x><button formaction=data:x>", {"address"}),
    "refresh": ("<meta http-equiv=refresh content='9;url=/x'>", {"element"}),
    "marked element": ("<b class='a pwned'>x</b>", {"injected", "element"}),
    "named element": ("<a id=pwned>x</a>", {"injected", "canary"}),
    "turned around": ("<p>\u202egnp.exe", {"character"}),
    "unseen in an attribute": ("<p title='a\u200bb'>", {"character"}),
    "calculated": (f"<p>{PRODUCT}", {"calculated"}),
}


@pytest.mark.parametrize("name", BLOCKED)
def test_blocked_by_the_policy_or_seen_by_the_inspection(name, control):
    text, kinds = BLOCKED[name]
    assert kinds <= kinds_of(control.visit(f"{urls.LIVE}?text={quote(text)}"))


RUNS = {
    "script": ("<script>pwned=1</script>", "canary"),
    "dialog": ("<img src=/x.png onerror=alert(1)>", "dialog"),
    "foreign request": ("<img src=//evil.example/x.png>", "foreign request"),
    "window": ("<script>open('/live/?text=x')</script>", "window"),
    "error": ("<script>throw Error('x')</script>", "script error"),
}


@pytest.mark.parametrize("name", RUNS)
def test_without_a_policy(name, control):
    text, kind = RUNS[name]
    kinds = kinds_of(control.visit(f"{urls.WITHOUT_POLICY}?text={quote(text)}"))
    assert "policy" in kinds
    # The browser may report a new window only after the inspection.
    assert kind in kinds or control.hears(kind)


def test_texts_of_ours_where_they_come_alive(control):
    """A text that is found nowhere would prove nothing on the admin's pages."""
    links = [f'<a href="{escape(text)}">x</a>' for text in URLS if "../" not in text]
    for text in (*MARKUP, *STYLES[:2], *links):
        assert control.visit(f"{urls.LIVE}?text={quote(text)}"), text


def test_a_page_that_is_not_there(control):
    assert kinds_of(control.visit("/not-there/")) == {"status", "console"}


def test_a_page_that_is_harmless(control):
    assert control.visit(f"{urls.LIVE}?text=<p>harmless</p>") == []


def kinds_of(findings):
    return {finding.partition(" at ")[0] for finding in findings}
