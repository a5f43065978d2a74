"""A tab of the browser that notes what happens in it, and what a page must not be."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

from playwright.sync_api import APIResponse, Dialog, Page, Response

from pickyassist_webhooks.characters import UNSEEN
from tests.browser.policy import HEADER, POLICY
from tests.browser.texts import CANARY, PRODUCT

HERE = Path(__file__).parent

#: All that the admin's pages consist of, where nothing is edited.
ELEMENTS = (
    "html head title meta link script body header nav main search section footer div p span a"
    " h1 h2 h3 h4 ul ol li dl dt dd"
    " table caption thead tbody tr th td form fieldset label input select option button"
    " details summary strong code pre mark br img"
    " svg symbol use path rect line text desc"
)

#: Where scripts, style sheets and pictures come from.
OWN = ["/static/", "/admin/jsi18n/"]

_UNSEEN_IN_LINES = re.compile(rf"(?![\t\n]){UNSEEN.pattern}")


class Visitor:
    """Visits pages of one server in one tab, and counts what it found by its kind."""

    def __init__(self, page: Page, origin: str) -> None:
        self.page, self.origin = page, origin
        self.pages = 0
        self.found: Counter[str] = Counter()
        #: What happened since the last page was inspected.
        self.events: list[tuple[str, str]] = []
        self.text = ""
        page.add_init_script(path=HERE / "watch.js")
        page.on("request", lambda request: self._note_request(request.url))
        page.on("dialog", self._note_dialog)
        page.on("popup", lambda popup: self._note("window", popup.url))
        page.on("pageerror", lambda error: self._note("script error", str(error)))
        page.on("console", lambda message: self._note_console(message.type, message.text))

    def visit(self, path: str) -> list[str]:
        """Go to a path of the server, and return what is wrong with the page there."""
        return self._inspected(path, self.page.goto(self.origin + path))

    def hears(self, kind: str) -> bool:
        """Tell whether something of a kind happens soon after a page was looked at."""
        for _ in range(100):
            if kind in (heard for heard, _ in self.events):
                self.found[kind] += 1
                self.events = []
                return True
            self.page.wait_for_timeout(50)
        return False

    def press(self, button: str) -> list[str]:
        """Press a button that leads to another page, and return what is wrong with that."""
        with self.page.expect_navigation() as navigation:
            self.page.click(button)
        return self._inspected(f"{button} on the way to {self.page.url}", navigation.value)

    def ask(self, path: str) -> APIResponse:
        """Return what the server answers to this visitor, without a look at it in the browser."""
        return self.page.context.request.get(self.origin + path)

    def choose(self, action: str) -> None:
        """Choose an action for all rows of a list, by a script of Django's which is to work."""
        self.page.check("#action-toggle")
        self.page.select_option("select[name=action]", action)

    def links(self, within: str) -> list[str]:
        """Return where the links of a part of the page lead to, without the server's name."""
        hrefs = self.page.eval_on_selector_all(f"{within} a[href]", "all => all.map(a => a.href)")
        return [href.removeprefix(self.origin).partition("#")[0] for href in hrefs]

    def _inspected(self, path: str, response: Response | None) -> list[str]:
        assert response is not None
        self.pages += 1
        self.events += _answered(response)
        found, self.text = inspect(self.page)
        found, self.events = [*self.events, *found], []
        self.found.update(kind for kind, _ in found)
        return [f"{kind} at {path}: {detail}" for kind, detail in found]

    def _note(self, kind: str, detail: str) -> None:
        self.events.append((kind, detail))

    def _note_request(self, url: str) -> None:
        if not url.startswith(f"{self.origin}/"):
            self._note("foreign request", url)

    def _note_dialog(self, dialog: Dialog) -> None:
        self._note("dialog", dialog.message)
        dialog.dismiss()

    def _note_console(self, kind: str, text: str) -> None:
        # An error here is mostly the browser's word on what the policy has blocked.
        if kind in ("error", "warning"):
            self._note("console", text)


def _answered(response: Response) -> list[tuple[str, str]]:
    found = []
    if response.status != 200:
        found.append(("status", str(response.status)))
    if response.headers.get(HEADER.lower()) != POLICY:
        found.append(("policy", str(response.headers)))
    return found


def inspect(page: Page) -> tuple[list[tuple[str, str]], str]:
    """Return what is live on a page, as pairs of kind and detail, and the text of the page.

    The browser says what its policy blocked, which elements, attributes and addresses there are
    that the admin does not make, and whether a script has run. The text must hold nothing that
    cannot be seen, and nothing that a template has calculated.
    """
    script = (HERE / "inspect.js").read_text("utf-8")
    known = {"canary": CANARY, "elements": ELEMENTS.split(), "own": OWN}
    seen: dict[str, Any] = page.evaluate(script, known)
    found = [(kind, detail) for kind, detail in seen["found"]]
    for text in seen["texts"]:
        if match := _UNSEEN_IN_LINES.search(text):
            around = text[max(0, match.start() - 40) : match.end() + 40]
            found.append(("character", ascii(around)))
        if PRODUCT in text:
            found.append(("calculated", PRODUCT))
    return found, seen["texts"][0]
