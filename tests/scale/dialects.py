"""The SQL to make rows, as far as it differs between databases."""

from __future__ import annotations

from datetime import datetime, timezone

from django.db import connection


class Dialect:
    """The dialect of PostgreSQL. ``n`` is the number of a row, from 1."""

    #: While rows and indexes are made: there is no other user, and a crash ends the run.
    before: tuple[str, ...] = (
        "SET synchronous_commit = off",
        "SET maintenance_work_mem = '512MB'",
    )
    after: tuple[str, ...] = ("RESET synchronous_commit", "RESET maintenance_work_mem")
    analyze = "VACUUM ANALYZE {table}"

    def insert(self, table: str, columns: str, values: str, rows: int) -> str:
        source = f"generate_series(1::bigint, {rows}) AS numbers(n)"
        return f"INSERT INTO {table} ({columns}) SELECT {values} FROM {source}"  # noqa: S608

    def text(self, value: str) -> str:
        return f"CAST({value} AS text)"

    def joined(self, *texts: str) -> str:
        return f"({' || '.join(texts)})"

    def padded(self, number: str, width: int) -> str:
        return f"lpad({self.text(number)}, {width}, '0')"

    def quotient(self, number: str, divisor: int) -> str:
        return f"(({number}) / {divisor})"

    def moment(self, start: datetime, microseconds: str) -> str:
        """Return the time ``microseconds`` after ``start``, in the format of the column."""
        return f"(timestamptz '{start.isoformat()}' + ({microseconds}) * interval '1 microsecond')"

    def json(self, text: str) -> str:
        return f"CAST({text} AS jsonb)"

    def binary(self, text: str) -> str:
        return f"convert_to({text}, 'UTF8')"

    def token(self) -> str:
        """Return a UUID that looks random."""
        return "CAST(md5(CAST(n AS text)) AS uuid)"


class SqliteDialect(Dialect):
    before = ("PRAGMA synchronous = OFF", "PRAGMA cache_size = -400000")
    after = ("PRAGMA synchronous = NORMAL", "PRAGMA cache_size = -2000")
    analyze = "ANALYZE {table}"

    def insert(self, table: str, columns: str, values: str, rows: int) -> str:
        numbers = f"SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {rows}"  # noqa: S608
        return (
            f"WITH RECURSIVE numbers(n) AS ({numbers})"  # noqa: S608
            f" INSERT INTO {table} ({columns}) SELECT {values} FROM numbers"
        )

    def padded(self, number: str, width: int) -> str:
        return f"printf('%0{width}d', {number})"

    def moment(self, start: datetime, microseconds: str) -> str:
        seconds = f"{start.timestamp():.6f} + ({microseconds}) / 1e6"
        # SQLite has milliseconds, but Django writes microseconds.
        return f"(strftime('%Y-%m-%d %H:%M:%f', {seconds}, 'unixepoch') || '000')"

    def json(self, text: str) -> str:
        return text

    def binary(self, text: str) -> str:
        return f"CAST({text} AS blob)"

    def token(self) -> str:
        return "lower(hex(randomblob(16)))"


class MariadbDialect(Dialect):
    before = ("SET unique_checks = 0",)
    after = ("SET unique_checks = 1",)
    analyze = "ANALYZE TABLE {table}"

    def insert(self, table: str, columns: str, values: str, rows: int) -> str:
        source = f"(SELECT CAST(seq AS signed) AS n FROM seq_1_to_{rows}) AS numbers"  # noqa: S608
        return f"INSERT INTO {table} ({columns}) SELECT {values} FROM {source}"  # noqa: S608

    def text(self, value: str) -> str:
        return f"CAST({value} AS char)"

    def joined(self, *texts: str) -> str:
        return f"CONCAT({', '.join(texts)})"

    def quotient(self, number: str, divisor: int) -> str:
        return f"(({number}) DIV {divisor})"

    def moment(self, start: datetime, microseconds: str) -> str:
        naive = start.astimezone(timezone.utc).replace(tzinfo=None)
        return f"TIMESTAMPADD(MICROSECOND, {microseconds}, TIMESTAMP'{naive}')"

    def json(self, text: str) -> str:
        return text

    def binary(self, text: str) -> str:
        return text

    def token(self) -> str:
        return "INSERT(INSERT(MD5(n), 13, 1, '4'), 17, 1, 'a')"  # the column requires a valid UUID


_DIALECTS = {"postgresql": Dialect, "sqlite": SqliteDialect, "mysql": MariadbDialect}


def dialect() -> Dialect:
    """Return the dialect of the database under test."""
    return _DIALECTS[connection.vendor]()
