"""If the public names change, the page that lists them must change too."""

from __future__ import annotations

import re

import pytest

from tests import public

CHANGELOG = public.CHANGELOG.read_text("utf-8")


def test_the_page_lists_all_public_names():
    listed = public.PAGE.read_text("utf-8").partition(public.MARK)[2]
    assert listed == public.page(), (
        "The public names have changed. If that is intended, run python -m tests.accept_public."
    )


@pytest.mark.parametrize("name", public.names())
def test_every_name_is_in_the_changelog(name):
    assert re.search(rf"`{re.escape(name)}[`(]", CHANGELOG)


def test_no_section_is_empty():
    """A section would be empty if its source had moved."""
    assert min(map(len, public.surface().values())) > 4
