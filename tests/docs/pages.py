"""The pages in Markdown, and as HTML."""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.anchors import anchors_plugin

ROOT = Path(__file__).parent.parent.parent
DOCS = ROOT / "docs"
WRITTEN = sorted(DOCS.rglob("*.md"))
#: Pages for the code host and the package index.
OUTSIDE = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")]

#: Attributes that make a browser fetch a file.
FETCHED = {
    "script": "src",
    "link": "href",
    "img": "src",
    "source": "srcset",
    "iframe": "src",
    "video": "src",
    "audio": "src",
    "object": "data",
    "embed": "src",
}


class Page(HTMLParser):
    """The links of a page, the files it fetches, and the ids it has."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.file = file
        self.links: list[str] = []
        self.fetched: list[str] = []
        self.ids: set[str] = set()
        self.classes: list[str] = []
        self.feed(file.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        if "id" in attributes:
            self.ids.add(attributes["id"] or "")
        if tag == "a" and attributes.get("href"):
            self.links.append(attributes["href"] or "")
        if value := attributes.get(FETCHED.get(tag, "")):
            self.fetched.append(value)
        self.classes += (attributes.get("class") or "").split()


def tokens(file: Path) -> Iterator[Token]:
    """Yield the tokens of a Markdown file, with the anchors of headings as on a code host."""
    parser = MarkdownIt("commonmark").enable("table").use(anchors_plugin, max_level=6)
    for token in parser.parse(file.read_text("utf-8")):
        yield token
        yield from token.children or ()


def anchors(file: Path) -> set[str]:
    return {
        str(token.attrs["id"])
        for token in tokens(file)
        if token.type == "heading_open" and "id" in token.attrs
    }


def links(file: Path) -> Iterator[str]:
    for token in tokens(file):
        name = {"link_open": "href", "image": "src"}.get(token.type)
        if name:
            yield str(token.attrs[name])


def is_elsewhere(link: str) -> bool:
    return bool(urlsplit(link).scheme or urlsplit(link).netloc)


def target(file: Path, link: str) -> tuple[Path, str]:
    """Return the file and the anchor of a relative link."""
    path, anchor = urldefrag(link)
    return (file.parent / unquote(path)).resolve() if path else file, unquote(anchor)


def snippets(file: Path, language: str) -> Iterator[tuple[int, str]]:
    """Yield the line and the text of each code block in a language."""
    for token in tokens(file):
        if token.type == "fence" and token.info == language:
            yield (token.map or [0])[0] + 1, token.content
