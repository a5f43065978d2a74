"""The contenders: each gets prepared batches and is timed while it stores them."""

from __future__ import annotations

import base64
import io
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Any, ClassVar

from django.conf import settings
from django.db import connections, transaction

from benchmarks import bodies
from benchmarks.databases import Router
from benchmarks.wsgi import application
from pickyassist_webhooks.inbox.sweep import sweep
from pickyassist_webhooks.models import DeliveryReport

EVENTS = f"/pickyassist/events/{settings.SECRET}/"


class Contender(ABC):
    """``prepare`` is not timed; the function it returns is."""

    name: ClassVar[str]
    letter: ClassVar[str]
    #: Whether the same batches are posted again, to measure repeats.
    can_repeat: ClassVar[bool] = False

    @abstractmethod
    def prepare(self, batches: list[list[int]]) -> Callable[[], None]: ...


class View(Contender):
    """A view, called as a WSGI server calls it."""

    path: ClassVar[str]
    processor = "inline"
    headers: ClassVar[dict[str, str]] = {}

    def body(self, numbers: list[int]) -> bytes:
        return bodies.batch(numbers)

    def prepare(self, batches: list[list[int]]) -> Callable[[], None]:
        made = [self.body(numbers) for numbers in batches]

        def run() -> None:
            settings.PICKYASSIST_WEBHOOKS["PROCESSOR"] = self.processor
            for body in made:
                post(self.path, body, self.headers)

        return run


class Bare(View):
    letter, name = "a", "a bare view, one `create`"
    path = "/bare/"


class Inline(View):
    letter, name = "b", "this app, inline, with a receiver"
    path = EVENTS
    can_repeat = True


class Kept(View):
    letter, name = "c", 'this app, `PROCESSOR="none"`'
    path = EVENTS
    processor = "none"


class Sweep(Contender):
    """Process the requests that ``Kept`` has left; ``batches`` is ignored."""

    letter, name = "c2", "the sweep after it"

    def prepare(self, batches: list[list[int]]) -> Callable[[], None]:
        connections[Router.now].ensure_connection()  # a worker keeps its connection
        return run_sweep


class Anymail(View):
    letter, name = "d", "django-anymail, `get_or_create`"
    path = "/anymail/"
    headers: ClassVar[dict[str, str]] = {
        "HTTP_AUTHORIZATION": "Basic " + base64.b64encode(settings.CREDENTIALS.encode()).decode()
    }

    def body(self, numbers: list[int]) -> bytes:
        return bodies.tracking(numbers)


class Raw(Contender):
    """Insert prepared rows into the table of delivery reports: the limit of the database."""

    letter, name = "e", "raw `COPY` or `executemany`, no request"

    def prepare(self, batches: list[list[int]]) -> Callable[[], None]:
        connection = connections[Router.now]
        fields = [f for f in DeliveryReport._meta.concrete_fields if not f.primary_key]
        names = [connection.ops.quote_name(field.column) for field in fields]
        made = [[_values(row, fields, connection) for row in _rows(numbers)] for numbers in batches]
        connection.ensure_connection()
        write = _copy if connection.vendor == "postgresql" else _execute_many

        def run() -> None:
            for rows in made:
                with transaction.atomic(using=connection.alias):
                    write(connection, DeliveryReport._meta.db_table, names, rows)

        return run


def run_sweep() -> None:
    settings.PICKYASSIST_WEBHOOKS["PROCESSOR"] = "none"
    sweep()


def post(path: str, body: bytes, headers: dict[str, str]) -> None:
    """Post a body to the application and expect the answer 200."""
    environ = {
        "REQUEST_METHOD": "POST",
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(body)),
        "REMOTE_ADDR": "127.0.0.1",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "HTTP_HOST": "127.0.0.1",
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        **headers,
    }
    statuses: list[str] = []
    response: Any = application(environ, lambda status, headers: statuses.append(status))
    content = b"".join(response)
    response.close()
    if statuses != ["200 OK"] or b'"ok": false' in content:
        raise AssertionError(f"expected 200 from {path}, got {statuses}: {content[:500]!r}")


def _rows(numbers: list[int]) -> list[DeliveryReport]:
    """Return the rows that this app makes from such a batch."""
    from django.utils import timezone

    from pickyassist_webhooks.parsing.payloads import parse

    payload = parse(bodies.batch(numbers))
    rows = [
        DeliveryReport(
            index=event.index,
            arrival=1,
            received_at=timezone.now(),
            project_id=payload.project_id,
            extra=event.extra,
            **event.fields,
        )
        for event in payload.events
    ]
    for row in rows:
        row.key = row.natural_key()
    return rows


def _values(row: DeliveryReport, fields: Iterable[Any], connection: Any) -> list[Any]:
    return [field.get_db_prep_save(getattr(row, field.attname), connection) for field in fields]


def _copy(connection: Any, table: str, names: list[str], rows: list[list[Any]]) -> None:
    with connection.cursor() as cursor:
        statement = f"COPY {table} ({', '.join(names)}) FROM STDIN"
        with cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(row)


def _execute_many(connection: Any, table: str, names: list[str], rows: list[list[Any]]) -> None:
    places = ", ".join(["%s"] * len(names))
    with connection.cursor() as cursor:
        cursor.executemany(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({places})", rows)
