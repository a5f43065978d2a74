"""The pictures in the README and the docs: ``--screenshots`` takes them again.

Those of ``ANSWERS`` are taken on the installed version of Django.
"""

from __future__ import annotations

from itertools import product
from pathlib import Path

import django
import pytest

from tests.browser import ways
from tests.browser.addresses import APP
from tests.browser.conftest import DESK, PHONE

FOLDER = Path(__file__).parent.parent.parent / "docs/screenshots"

#: The way to each page, and the first and last element of its picture.
PAGES = {
    "overview": (ways.overview, "#header", ".pickyassist-overview"),
    "message": (ways.message, "#content h1", "#content fieldset:nth-of-type(2)"),
    "request": (
        ways.marked,
        "#content fieldset:nth-of-type(2)",
        "#content fieldset:nth-of-type(3)",
    ),
    "quarantine": (ways.quarantine, "#content h1", "#content"),
    "group": (ways.group, "#content h1", "#content"),
    "conversation": (ways.conversation, "#content h1", "#content"),
}
#: The answers to questions of an operator, on each version of Django here.
ANSWERS = {
    "brazil": ways.brazil,
    "numbers": ways.numbers,
    "slow": ways.slow,
    "aside": ways.aside,
    "sheet": ways.sheet,
}
VERSIONS = ("5.2", "6.1")
SIZES = {"desk": DESK, "phone": PHONE}
SCHEMES = ("light", "dark")
#: Languages in which the docs show the overview.
LANGUAGES = ("ar", "es")
PICTURES = (
    {"-".join(each) + ".png" for each in product(PAGES, SCHEMES, SIZES)}
    | {f"overview-{language}-{scheme}-desk.png" for language, scheme in product(LANGUAGES, SCHEMES)}
    | {f"{name}-django-{version}.png" for name, version in product(ANSWERS, VERSIONS)}
)

#: The greatest height in pixels, and the margin around the elements.
HIGHEST, AROUND = {"desk": 800, "phone": 1000}, 15

#: Bytes of a picture with something on it, and of all of them in the repository.
LEAST, MOST = 10_000, 2_700_000


@pytest.fixture
def folder(pytestconfig, tmp_path):
    """Return the folder for pictures: by default one outside of the checkout."""
    if not pytestconfig.getoption("screenshots"):
        return tmp_path
    FOLDER.mkdir(exist_ok=True)
    return FOLDER


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", PAGES)
def test_picture(name, size, page, folder):
    go, *between = PAGES[name]
    go(page)
    page.set_viewport_size(SIZES[size])
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        take(page, between, size, folder / f"{name}-{scheme}-{size}.png")


@pytest.mark.parametrize("name", ANSWERS)
def test_picture_of_an_answer(name, page, folder):
    ANSWERS[name](page)
    version = ".".join(map(str, django.VERSION[:2]))
    take(
        page,
        ("#content > :first-child", "#content"),
        "desk",
        folder / f"{name}-django-{version}.png",
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_picture_in_a_language(language, shop, sit_down, folder):
    _, *between = PAGES["overview"]
    page = sit_down(shop, language=language)
    page.goto(f"{shop.origin}/admin/{APP}/")
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        take(page, between, "desk", folder / f"overview-{language}-{scheme}-desk.png")


def take(page, between, size, path):
    """Write a picture from the first to the last of two elements."""
    page.mouse.move(0, 0)  # so that nothing looks as if it were pointed at
    first, last = (page.locator(selector).bounding_box() for selector in between)
    left, top = max(first["x"] - AROUND, 0), max(first["y"] - AROUND, 0)
    clip = {
        "x": left,
        "y": top,
        "width": min(first["x"] + first["width"] + AROUND, SIZES[size]["width"]) - left,
        "height": min(last["y"] + last["height"] + AROUND - top, HIGHEST[size]),
    }
    picture = page.screenshot(path=path, full_page=True, clip=clip, animations="disabled")
    assert len(picture) > LEAST


def test_pictures_of_the_docs():
    """All pictures and no others are there; together they are small enough for a repository."""
    sizes = {path.name: path.stat().st_size for path in FOLDER.iterdir()}
    assert sizes.keys() == PICTURES
    assert sum(sizes.values()) < MOST
