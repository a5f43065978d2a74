"""Databases to test on: each test gets a copy of a migrated template."""

from __future__ import annotations

import itertools
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from tests import databases
from tests.faults.cluster import Cluster
from tests.faults.stage import environment

Settings = dict[str, Any]

#: Unique to this run: two runs may share the server.
_numbers = itertools.count(os.getpid() * 1000)


def migrate(folder: Path, settings: Settings) -> None:
    command = [sys.executable, "-m", "django", "migrate", "--verbosity=0"]
    subprocess.run(command, env=environment(folder, settings, {}), check=True)


class SqliteBackend:
    """SQLite with the documented options."""

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


class PostgresBackend:
    """Databases in a separate cluster."""

    def __init__(self, folder: Path) -> None:
        self.cluster = Cluster()
        try:
            self.cluster.execute("CREATE DATABASE template")
            migrate(folder, self.cluster.settings("template"))
        except BaseException:
            self.cluster.close()
            raise

    def fresh(
        self, folder: Path, *, migrated: bool = True, tablespace: str = "", encoding: str = ""
    ) -> Settings:
        name = f"faults_{next(_numbers)}"
        template = "template" if migrated and not encoding else "template0"
        location = f" TABLESPACE {tablespace}" if tablespace else ""
        text = f" ENCODING {encoding} LOCALE 'C'" if encoding else ""
        self.cluster.execute(f"CREATE DATABASE {name} TEMPLATE {template}{location}{text}")
        return self.cluster.settings(name)

    @contextmanager
    def tablespace(self, disk: Path) -> Iterator[str]:
        """Create a tablespace on a disk; drop it and its databases at the end."""
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


class MariadbBackend:
    """Databases on the shared server, which must not be stopped."""

    template = f"faults_template_{os.getpid()}"

    def __init__(self, folder: Path) -> None:
        databases.require_server("mariadb")
        self.made: list[str] = []
        try:
            migrate(folder, self._make(self.template))
        except BaseException:
            self.close()
            raise

    def _make(self, name: str) -> Settings:
        self.execute(f"DROP DATABASE IF EXISTS {name}", f"CREATE DATABASE {name} CHARSET utf8mb4")
        self.made.append(name)
        given = databases.settings_for("mariadb")
        return {name: value for name, value in given.items() if name != "TEST"} | {"NAME": name}

    def fresh(self, folder: Path, *, migrated: bool = True) -> Settings:
        name = f"faults_{next(_numbers)}"
        settings = self._make(name)
        if migrated:
            tables = [table for (table,) in self.execute(f"SHOW TABLES IN {self.template}")]
            made = [
                self.execute(f"SHOW CREATE TABLE {self.template}.{table}")[0][1] for table in tables
            ]
            self.execute("SET foreign_key_checks = 0", f"USE {name}", *made)
            rows = f"SELECT * FROM {self.template}.django_migrations"  # noqa: S608
            self.execute(f"INSERT INTO {name}.django_migrations {rows}")
        return settings

    def execute(self, *statements: str) -> list[Any]:
        """Run statements on a new connection and return the rows of the last one."""
        import MySQLdb

        given = databases.settings_for("mariadb")
        address = {"host": given["HOST"], "port": int(given["PORT"]), "user": given["USER"]}
        with closing(MySQLdb.connect(password=given["PASSWORD"], **address)) as connection:
            connection.autocommit(True)
            with closing(connection.cursor()) as cursor:
                for statement in statements:
                    cursor.execute(statement)
                return list(cursor.fetchall())

    def version(self) -> str:
        return str(self.execute("SELECT version()")[0][0])

    def close(self) -> None:
        for name in self.made:
            self.execute(f"DROP DATABASE IF EXISTS {name}")
