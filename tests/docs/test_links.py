"""Every link within the project works: on the site and on the code host."""

from __future__ import annotations

import pytest

from tests.docs.pages import (
    DOCS,
    OUTSIDE,
    ROOT,
    WRITTEN,
    Page,
    anchors,
    is_elsewhere,
    links,
    target,
)


def test_links_of_the_site(site):
    pages = {path: Page(path) for path in site.rglob("*.html")}
    followed = 0
    for page in pages.values():
        for link in page.links:
            if is_elsewhere(link):
                continue
            file, anchor = target(page.file, link)
            assert file.is_file(), f"{link} in {page.file.name}"
            assert file.is_relative_to(site.resolve())
            if anchor and file.suffix == ".html":
                assert anchor in pages[site / file.relative_to(site.resolve())].ids, (
                    f"{link} in {page.file.name}"
                )
            followed += 1
    assert followed > 1000


@pytest.mark.parametrize(
    "page", [*WRITTEN, *OUTSIDE], ids=lambda page: page.relative_to(ROOT).as_posix()
)
def test_links_on_the_code_host(page):
    for link in links(page):
        if is_elsewhere(link):
            continue
        file, anchor = target(page, link)
        assert file.exists(), link
        assert file.is_relative_to(ROOT)
        if anchor:
            assert anchor in anchors(file), link


def test_there_are_links_to_follow():
    all_links = [link for page in [*WRITTEN, *OUTSIDE] for link in links(page)]
    assert sum("#" in link for link in all_links) > 20
    assert any(
        target(page, link)[0].is_relative_to(DOCS) for page in OUTSIDE for link in links(page)
    )
