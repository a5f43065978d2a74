"""``python -m tests.words [folder or file …]``: how plain the comments and docstrings are.

It prints each line with a word that the project does not use, and how often a sentence begins a
condition with "if" rather than "where" or "what". It guards; it is no goal.
"""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "pickyassist_webhooks"

#: Words that no comment, docstring or message has, and the usual ones.
UNUSUAL = {
    "anew": "again",
    "whoever": "the person who",
    "whatever": "any",
    "nobody": "no one",
    "somebody": "someone",
    "beside": "next to",
}
#: Names that do not say what a variable holds.
VAGUE = {"one", "same", "found", "said", "known", "place", "mine"}
#: Of 1,000 words, at most so many.
MOST = {"where": 1, "what": 1}
#: Of 1,000 words, at least so many.
LEAST = {"if": 5}


def files(paths: Iterable[Path]) -> list[Path]:
    """Return the Python files of these paths, without migrations."""
    inside = (path.rglob("*.py") if path.is_dir() else [path] for path in paths)
    return sorted(file for each in inside for file in each if "migrations" not in file.parts)


def prose(source: str) -> Iterator[tuple[int, str]]:
    """Yield the line and the text of each comment and docstring."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT and "noqa" not in token.string:
            yield token.start[0], token.string.lstrip("#: ")
    for node in ast.walk(ast.parse(source)):
        documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
        if isinstance(node, documented) and (text := ast.get_docstring(node)):
            yield node.body[0].lineno, text


def texts(source: str) -> Iterator[tuple[int, str]]:
    """Yield the line and the text of each string, and so of each message."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value


def words(text: str) -> list[str]:
    return re.findall(r"[a-z]+(?:'[a-z]+)?", text.lower())


def counts(paths: Iterable[Path]) -> Counter[str]:
    """Return how often each word stands in the comments and docstrings."""
    counted: Counter[str] = Counter()
    for path in files(paths):
        for _, text in prose(path.read_text("utf-8")):
            counted.update(words(text))
    return counted


def unusual(path: Path) -> Iterator[str]:
    """Yield each place that has an unusual word or a vague name."""
    source = path.read_text("utf-8")
    for line, text in [*prose(source), *texts(source)]:
        for word in UNUSUAL.keys() & {*words(text)}:
            yield f"{path}:{line}: '{word}': say '{UNUSUAL[word]}'"
    for node in ast.walk(ast.parse(source)):
        name = ""
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            name = node.id
        elif isinstance(node, ast.arg):
            name = node.arg
        if name in VAGUE:
            yield f"{path}:{node.lineno}: the name '{name}' does not say what it holds"


def main(arguments: list[str]) -> None:
    paths = [Path(each) for each in arguments] or [PACKAGE]
    lines = [line for path in files(paths) for line in unusual(path)]
    print("\n".join(lines))
    counted = counts(paths)
    total = sum(counted.values())
    shares = (f"{word} {counted[word] * 1000 / max(total, 1):.1f}" for word in (*MOST, *LEAST))
    print(f"{total} words in comments and docstrings; of 1,000: {', '.join(shares)}")


if __name__ == "__main__":
    main(sys.argv[1:])
