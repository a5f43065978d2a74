"""What is public changes only together with the page that lists it, and with the changelog."""

from __future__ import annotations

import re

import pytest

from tests import public

CHANGELOG = public.CHANGELOG.read_text("utf-8")


def test_the_page_lists_it():
    listed = public.PAGE.read_text("utf-8").partition(public.MARK)[2]
    assert listed == public.page(), (
        "What is public has changed. If that is meant, run python -m tests.accept_public."
    )


def test_the_changelog_tells_of_it():
    """Its latest digest is that of what is public now: a change without a word there fails."""
    latest = re.search(r"<!-- public: (\w+) -->", CHANGELOG)
    assert latest
    assert latest[1] == public.digest(), (
        "What is public has changed. Say so under Unreleased in CHANGELOG.md, for those who "
        f"upgrade, and put <!-- public: {public.digest()} --> there."
    )


@pytest.mark.parametrize("name", public.names())
def test_every_name_was_told_of(name):
    assert re.search(rf"`{re.escape(name)}[`(]", CHANGELOG)


def test_nothing_is_overlooked():
    """No section has come out empty, as it would if what it is made from had moved."""
    assert min(map(len, public.surface().values())) > 4
