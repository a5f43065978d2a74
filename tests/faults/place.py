"""Databases to test on, each made fresh from one that is migrated once."""

from __future__ import annotations

import itertools
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.faults.cluster import Cluster
from tests.faults.stage import environment

Settings = dict[str, Any]

_numbers = itertools.count(1)


def migrate(folder: Path, settings: Settings) -> None:
    command = [sys.executable, "-m", "django", "migrate", "--verbosity=0"]
    subprocess.run(command, env=environment(folder, settings, {}), check=True)


class SqlitePlace:
    """SQLite as the documentation advises to set it up."""

    def __init__(self, folder: Path) -> None:
        self.template = folder / "template.sqlite3"
        migrate(folder, self.settings(self.template))

    def settings(self, file: Path) -> Settings:
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": str(file),
            "OPTIONS": {
                "transaction_mode": "IMMEDIATE",
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
                "timeout": 3,
            },
        }

    def fresh(self, folder: Path, *, migrated: bool = True) -> Settings:
        file = folder / "database.sqlite3"
        if migrated:
            shutil.copy(self.template, file)
        return self.settings(file)

    def version(self) -> str:
        return f"SQLite {sqlite3.sqlite_version}"


class PostgresPlace:
    """Databases of our own cluster."""

    def __init__(self, folder: Path) -> None:
        self.cluster = Cluster()
        try:
            self.cluster.execute("CREATE DATABASE template")
            migrate(folder, self.cluster.settings("template"))
        except BaseException:
            self.cluster.close()
            raise

    def fresh(self, folder: Path, *, migrated: bool = True, tablespace: str = "") -> Settings:
        name = f"faults_{next(_numbers)}"
        template = "template" if migrated else "template0"
        place = f" TABLESPACE {tablespace}" if tablespace else ""
        self.cluster.execute(f"CREATE DATABASE {name} TEMPLATE {template}{place}")
        return self.cluster.settings(name)

    @contextmanager
    def tablespace(self, disk: Path) -> Iterator[str]:
        """Have a tablespace on a disk; its databases are dropped with it."""
        self.cluster.own(disk)
        self.cluster.execute(f"CREATE TABLESPACE small LOCATION '{disk}'")
        try:
            yield "small"
        finally:
            on_it = "SELECT datname FROM pg_database d, pg_tablespace t WHERE t.oid = dattablespace"
            for (name,) in self.cluster.execute(f"{on_it} AND spcname = 'small'"):
                self.cluster.execute(f"DROP DATABASE {name} WITH (FORCE)")
            self.cluster.execute("DROP TABLESPACE small")

    def version(self) -> str:
        [(version,)] = self.cluster.execute("SHOW server_version")
        return f"PostgreSQL {version}"
