"""The site is complete, needs no other server, and is not built if it has an error."""

from __future__ import annotations

import re
import shutil

from tests.docs.conftest import build
from tests.docs.pages import DOCS, WRITTEN, Page, is_elsewhere


def test_every_page_is_in_the_contents(site):
    index = Page(site / "index.html")
    pages = {path.relative_to(DOCS).with_suffix(".html").as_posix() for path in WRITTEN}
    assert pages - {"index.html"} <= set(index.links)
    assert all((site / page).exists() for page in pages)


def test_nothing_is_fetched_from_other_servers(site):
    pages = list(site.rglob("*.html"))
    assert len(pages) > len(WRITTEN)
    for page in pages:
        fetched = Page(page).fetched
        assert fetched
        assert [link for link in fetched if is_elsewhere(link)] == [], page
    styles = list(site.rglob("*.css"))
    assert styles
    for style in styles:
        text = style.read_text("utf-8")
        assert not re.search(r"@import|url\(\s*[\"']?(https?:)?//", text), style


def test_each_picture_has_a_dark_version(site):
    page = Page(site / "admin.html")
    pictures = [
        picture
        for picture in page.fetched
        if picture.endswith(".png") and "-django-" not in picture
    ]
    light = [picture for picture in pictures if "-light-" in picture]
    assert light
    assert {picture.replace("-light-", "-dark-") for picture in light} == set(pictures) - set(light)
    assert page.classes.count("only-light") == page.classes.count("only-dark") == len(light)


def test_an_error_ends_the_build(tmp_path):
    shutil.copy(DOCS / "conf.py", tmp_path)
    shutil.copytree(DOCS / "_static", tmp_path / "_static")
    wrong = ["[](no-page.md)", "[](index.md#no-place)", "[](#nothing)", "![](no-picture.png)"]
    (tmp_path / "index.md").write_text("# Title\n\n" + "\n\n".join(wrong), "utf-8")
    built = build(tmp_path, tmp_path / "site")
    assert built.returncode == 1
    for target in ("no-page", "no-place", "nothing", "no-picture"):
        assert target in built.stderr
