"""A browser tab that records every event, and finds live content in pages."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

from playwright.sync_api import APIResponse, Dialog, Page, Response

from pickyassist_webhooks.parsing.characters import UNSEEN
from tests.browser.policy import HEADER, POLICY
from tests.browser.texts import CANARY, PRODUCT

HERE = Path(__file__).parent

#: The elements of the admin's pages.
ELEMENTS = (
    "html head title meta link script body header nav main search section footer div p span a"
    " h1 h2 h3 h4 ul ol li dl dt dd"
    " table caption thead tbody tr th td form fieldset label input select option button"
    " details summary strong code pre mark br wbr bdi img template"
    " svg symbol use path rect line text desc"
)

#: The paths of scripts, style sheets and pictures.
OWN = ["/static/", "/admin/jsi18n/"]

_UNSEEN_IN_LINES = re.compile(rf"(?![\t\n]){UNSEEN.pattern}")


class Visitor:
    """Visits pages of one server in one tab, and counts its findings by kind."""

    def __init__(self, page: Page, origin: str) -> None:
        self.page, self.origin = page, origin
        self.pages = 0
        self.findings: Counter[str] = Counter()
        #: The events since the last inspection.
        self.events: list[tuple[str, str]] = []
        self.text = ""
        page.add_init_script(path=HERE / "watch.js")
        page.on("request", lambda request: self._note_request(request.url))
        page.on("dialog", self._note_dialog)
        page.on("popup", lambda popup: self._note("window", popup.url))
        page.on("pageerror", lambda error: self._note("script error", str(error)))
        page.on("console", lambda message: self._note_console(message.type, message.text))

    def visit(self, path: str) -> list[str]:
        """Go to a path of the server, and return the findings of the page."""
        return self._inspected(path, self.page.goto(self.origin + path))

    def hears(self, kind: str) -> bool:
        """Tell whether an event of a kind follows soon after an inspection."""
        for _ in range(100):
            if kind in (heard for heard, _ in self.events):
                self.findings[kind] += 1
                self.events = []
                return True
            self.page.wait_for_timeout(50)
        return False

    def press(self, button: str) -> list[str]:
        """Press a button that leads to another page, and return the findings there."""
        with self.page.expect_navigation() as navigation:
            self.page.click(button)
        return self._inspected(f"{button} on the way to {self.page.url}", navigation.value)

    def ask(self, path: str) -> APIResponse:
        """Return the server's response to this visitor, without the browser."""
        return self.page.context.request.get(self.origin + path)

    def choose(self, action: str) -> None:
        """Choose an action for all rows of a list, with Django's own script."""
        self.page.check("#action-toggle")
        self.page.select_option("select[name=action]", action)

    def links(self, within: str) -> list[str]:
        """Return the paths of the links in a part of the page."""
        hrefs = self.page.eval_on_selector_all(f"{within} a[href]", "all => all.map(a => a.href)")
        return [href.removeprefix(self.origin).partition("#")[0] for href in hrefs]

    def _inspected(self, path: str, response: Response | None) -> list[str]:
        assert response is not None
        self.pages += 1
        self.events += _answered(response)
        findings, self.text = inspect(self.page)
        findings, self.events = [*self.events, *findings], []
        self.findings.update(kind for kind, _ in findings)
        return [f"{kind} at {path}: {detail}" for kind, detail in findings]

    def _note(self, kind: str, detail: str) -> None:
        self.events.append((kind, detail))

    def _note_request(self, url: str) -> None:
        if not url.startswith(f"{self.origin}/"):
            self._note("foreign request", url)

    def _note_dialog(self, dialog: Dialog) -> None:
        self._note("dialog", dialog.message)
        dialog.dismiss()

    def _note_console(self, kind: str, text: str) -> None:
        # An error here is mostly a report of the browser that the policy blocked something.
        if kind in ("error", "warning"):
            self._note("console", text)


def _answered(response: Response) -> list[tuple[str, str]]:
    findings = []
    if response.status != 200:
        findings.append(("status", str(response.status)))
    if response.headers.get(HEADER.lower()) != POLICY:
        findings.append(("policy", str(response.headers)))
    return findings


def inspect(page: Page) -> tuple[list[tuple[str, str]], str]:
    """Return the live content of a page, as pairs of kind and detail, and the text of the page.

    The browser reports blocked content, elements, attributes and addresses that the admin does not
    make, and scripts that ran. The text must have no invisible character, and no calculated value.
    """
    script = (HERE / "inspect.js").read_text("utf-8")
    expected = {"canary": CANARY, "elements": ELEMENTS.split(), "own": OWN}
    seen: dict[str, Any] = page.evaluate(script, expected)
    findings = [(kind, detail) for kind, detail in seen["found"]]
    for text in seen["texts"]:
        if match := _UNSEEN_IN_LINES.search(text):
            around = text[max(0, match.start() - 40) : match.end() + 40]
            findings.append(("character", ascii(around)))
        if PRODUCT in text:
            findings.append(("calculated", PRODUCT))
    return findings, seen["texts"][0]
