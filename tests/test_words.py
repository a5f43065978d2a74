"""The words of the package stay plain: see CONTRIBUTING.md."""

from __future__ import annotations

import pytest

from tests import words

FILES = words.files([words.PACKAGE])


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(words.PACKAGE)))
def test_no_unusual_words_and_no_vague_names(path):
    assert list(words.unusual(path)) == []


def test_conditions_begin_with_if():
    counted = words.counts([words.PACKAGE])
    shares = {word: count * 1000 / counted.total() for word, count in counted.items()}
    for word, most in words.MOST.items():
        assert shares.get(word, 0) <= most, word
    for word, least in words.LEAST.items():
        assert shares[word] >= least, word


@pytest.mark.parametrize(
    ("source", "count"),
    [
        ("# Read it anew.\n", 1),
        ('"""Return whatever came."""\n', 1),
        ("found = 1\n", 1),
        ("def f(one): ...\n", 1),
        ("# Read it again.\nrows = 1\n", 0),
    ],
)
def test_the_guard_notices(source, count, tmp_path):
    file = tmp_path / "module.py"
    file.write_text(source)
    assert len(set(words.unusual(file))) == count
