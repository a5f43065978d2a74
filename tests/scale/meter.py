"""Requests admin pages as the browser of a superuser does, and records their cost."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qsl, unquote_plus, urldefrag, urljoin, urlsplit

from django.db import connection
from django.test import Client
from django.urls import Resolver404, resolve

from tests.browser.addresses import APP
from tests.machine import fastest
from tests.scale import plans
from tests.scale.plans import Statement

#: The requests of a page after a first one that fills caches.
TIMES = 3

MAX_QUERIES = 10

#: The limit for each kind of page, in milliseconds.
LIMITS = {"list": 300, "overview": 1000, "page": 1000}


@dataclass
class Look:
    """A page: its answer, its SQL statements and its time."""

    path: str
    status: int = 0
    html: str = ""
    statements: list[Statement] = field(default_factory=list)
    milliseconds: float = 0
    #: The slowest statements, if the page was too slow.
    slowest: str = ""

    @property
    def kind(self) -> str:
        name = view_of(self.path)
        if name == "app_list":
            return "overview"
        return "list" if name.endswith("_changelist") else "page"

    @property
    def name(self) -> str:
        """The name in tables: the part of the address that differs between pages."""
        return unquote_plus(self.path.partition(f"/{APP}/")[2]) or "overview"

    @property
    def is_slow(self) -> bool:
        return self.milliseconds >= self.limit

    @property
    def limit(self) -> int:
        return LIMITS[self.kind]

    @cached_property
    def links(self) -> list[str]:
        """Return the targets of the page's links, without duplicates."""
        targets = (urldefrag(urljoin(self.path, link)).url for link in _links(self.html))
        return list(dict.fromkeys(targets))

    def lists(self, of: str | None = None) -> list[str]:
        """Return the links to filtered or ordered lists, of one model if given."""
        return [
            link
            for link in self.links
            if urlsplit(link).query
            and view_of(link).endswith("_changelist")
            and of in (None, urlsplit(link).path)
        ]


class Meter:
    """Measures pages, each only once."""

    def __init__(self, client: Client, *, asserts_limits: bool) -> None:
        self.client, self.asserts_limits = client, asserts_limits
        self.looks: dict[str, Look] = {}

    def look(self, path: str) -> Look:
        if path not in self.looks:
            self.looks[path] = look = Look(path)
            with connection.execute_wrapper(_noting(look.statements)):
                look.status, look.html = self._answer(path)
            if look.status == 200:
                look.milliseconds = fastest(lambda: self._median(path), look.limit)
            if look.is_slow:
                look.slowest = plans.slowest(look.statements)
        return self.looks[path]

    def _median(self, path: str) -> float:
        times = []
        for _ in range(TIMES):
            began = time.perf_counter()
            self._answer(path)
            times.append(time.perf_counter() - began)
        return statistics.median(times) * 1000

    def seen(self) -> list[Look]:
        return [look for look in self.looks.values() if look.milliseconds]

    def approve(self, paths: Iterable[str]) -> None:
        """Measure pages, at least one, and fail with all their faults."""
        looks = list(map(self.look, paths))
        assert looks
        faults = [fault for look in looks for fault in self._faults(look)]
        assert not faults, "\n\n".join(["faults:", *faults])

    def _faults(self, look: Look) -> Iterator[str]:
        if look.status != 200:
            yield f"{look.name}: answered {look.status}"
            return
        if look.kind == "list":
            if len(look.statements) > MAX_QUERIES:
                queries = "\n".join(statement.sql for statement in look.statements)
                yield (
                    f"{look.name}: {len(look.statements)} queries, expected at most {MAX_QUERIES}"
                    f"\n{queries}"
                )
            for statement in look.statements:
                if plan := plans.whole_read(statement):
                    yield f"{look.name}: reads a whole table\n{statement.shown}\n{plan}"
        if self.asserts_limits and look.is_slow:
            took = f"{look.milliseconds:.0f} ms, expected less than {look.limit}"
            yield f"{look.name}: {took}; the slowest statements:\n{look.slowest}"

    def _answer(self, path: str) -> tuple[int, str]:
        response: Any = self.client.get(path)
        try:
            if response.streaming:
                # An export may have all rows: measure only its first part, if it has one.
                next(iter(response), b"")
                return response.status_code, ""
            return response.status_code, response.content.decode()
        finally:
            response.close()


def _noting(statements: list[Statement]) -> Callable[..., Any]:
    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        statements.append(Statement(sql, params))
        return execute(sql, params, many, context)

    return note


def view_of(link: str) -> str:
    """Return the name of the app's admin view that a link leads to, or nothing."""
    try:
        match = resolve(urlsplit(link).path)
    except Resolver404:
        return ""
    is_of_app = match.view_name.startswith(f"admin:{APP}_") or match.kwargs.get("app_label") == APP
    return str(match.url_name) if is_of_app else ""


def query_of(link: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(link).query, keep_blank_values=True))


class _Anchors(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a" and (link := dict(attrs).get("href")):
            self.links.append(link)


def _links(html: str) -> list[str]:
    anchors = _Anchors()
    anchors.feed(html)
    return anchors.links
