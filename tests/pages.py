"""A page of the admin, read as a browser would, with all that none may contain."""

from __future__ import annotations

from html.parser import HTMLParser
from urllib.parse import urlsplit


class Page(HTMLParser):
    """The text and the links of a page. Fails on markup that no page of this admin may contain."""

    def __init__(self, response):
        super().__init__()
        assert response.status_code == 200, response
        self.links, self.text, self.inside = [], "", ""
        self.source = response.content.decode()
        self.feed(self.source)

    def handle_starttag(self, tag, attributes):
        self.inside = tag
        for name, value in attributes:
            assert not name.startswith("on"), (tag, name, value)
            assert name != "style", (tag, value)
            if name in ("href", "src", "action", "formaction"):
                parts = urlsplit(value)
                assert (parts.scheme, parts.netloc) == ("", ""), value
                assert tag != "img" or value.startswith("/static/"), value
                if tag != "form":  # tests/test_actions.py posts to those
                    self.links.append(value)

    def handle_data(self, data):
        if self.inside in ("script", "style"):
            assert not data.strip(), data  # a strict Content-Security-Policy would block it
        self.text += data

    def handle_endtag(self, tag):
        self.inside = ""

    def has(self, text):
        return text in " ".join(self.text.split())
