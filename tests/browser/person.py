"""The steps of a person in the admin, and the texts that they read."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Locator, Page, expect

APP = "Picky Assist webhooks"


def leave_by(target: Locator) -> None:
    """Click what leads to another page, and wait for that page, which a click alone does not."""
    with target.page.expect_navigation():
        target.click()


def follow(page: Page | Locator, name: str) -> None:
    """Click the link of that name, which there has to be exactly one of."""
    leave_by(page.get_by_role("link", name=name, exact=True))


def download(page: Page, name: str) -> Path:
    """Click the link of that name, and return the file that the browser has stored."""
    with page.expect_download() as download:
        page.get_by_role("link", name=name, exact=True).click()
    return Path(download.value.path())


def open_overview(page: Page) -> None:
    """Go from the admin's first page to the one of this app."""
    follow(page, APP)
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()


def open_list(page: Page, name: str) -> None:
    """Go from the admin's first page to a list."""
    follow(page.get_by_role("main"), name)
    expect(page.get_by_role("heading", name="to view")).to_be_visible()


def search(page: Page, text: str, result: str) -> None:
    """Search a list, and see how much the search has found."""
    page.locator("#searchbar").fill(text)
    page.keyboard.press("Enter")
    expect(page.locator("#changelist-search .quiet")).to_contain_text(result)


def listed(page: Page) -> list[list[str]]:
    """Return the cells of a list's rows, without the box to choose a row by."""
    return [cells[1:] for cells in table(page.locator("#result_list"))]


def open_row(page: Page, row: Locator | None = None) -> None:
    """Open the first row of a list, or another one of it."""
    rows = page.locator("#result_list tbody tr")
    leave_by((row or rows.first).get_by_role("rowheader").get_by_role("link"))
    expect(page.get_by_role("heading", name="View ")).to_be_visible()


def table(shown: Locator) -> list[list[str]]:
    """Return the texts of a table's cells, once it is visible."""
    expect(shown).to_be_visible()
    rows = shown.locator("tbody tr").all()
    return [[cell.strip() for cell in row.locator("th, td").all_inner_texts()] for row in rows]


def field(page: Page, label: str) -> Locator:
    """Return the text next to a label on the page of a row."""
    rows = page.locator("#content .form-row")
    return rows.filter(has=page.get_by_text(f"{label}:", exact=True)).locator(".readonly")


def tab_to(page: Page, wanted: Locator, key: str = "Tab", most: int = 150) -> None:
    """Press a key until the keyboard is on something, and see that this is seen there."""
    handle = wanted.element_handle()
    for _ in range(most):
        page.keyboard.press(key)
        if handle.evaluate("element => element === document.activeElement"):
            assert is_marked(wanted), wanted
            return
    raise AssertionError(f"{key} did not lead to {wanted}")


def is_marked(wanted: Locator) -> bool:
    """Tell whether the focused element looks different from an unfocused one."""
    looks = """element => {
        const style = () => { const all = getComputedStyle(element);
            return [all.outlineStyle, all.outlineWidth, all.boxShadow, all.color,
                all.backgroundColor, all.borderColor, all.textDecorationLine].join(); };
        const focused = style(), matches = element.matches(":focus-visible");
        element.blur();
        const usual = style();
        element.focus();
        return matches && focused !== usual;
    }"""
    return bool(wanted.evaluate(looks))
