"""A separate PostgreSQL cluster that tests can stop, freeze and fill up."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

CONFIGURATION = """
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 100
shared_buffers = 32MB
"""


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def binaries() -> Path:
    """Return the folder with ``initdb``. Raise ``FileNotFoundError``: these tests never skip."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    if pg_config := shutil.which("pg_config"):
        done = subprocess.run([pg_config, "--bindir"], capture_output=True, text=True, check=True)
        folders.insert(0, Path(done.stdout.strip()))
    for folder in folders:
        if (folder / "initdb").exists():
            return folder
    raise FileNotFoundError("initdb and pg_ctl are missing; install the PostgreSQL server")


class Cluster:
    def __init__(self) -> None:
        self.programs = binaries()
        self.folder = Path(tempfile.mkdtemp(prefix="pickyassist-faults-"))
        self.port = free_port()
        self.data = self.folder / "data"
        self.own(self.folder)
        self._run("initdb", "-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8")
        with (self.data / "postgresql.conf").open("a") as file:
            file.write(f"{CONFIGURATION}\nport = {self.port}\n")
        self.start()

    def own(self, folder: Path) -> None:
        """Give a folder to the user of PostgreSQL, which is never root."""
        if os.getuid() == 0:
            shutil.chown(folder, "postgres", "postgres")
        folder.chmod(0o700)

    def _run(self, program: str, *arguments: str) -> None:
        root = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
        command = [*root, str(self.programs / program), "-D", str(self.data), *arguments]
        # The server outlives pg_ctl, and would keep a pipe open.
        with (self.folder / f"{program}.out").open("a") as out:
            subprocess.run(command, cwd=self.folder, stdout=out, stderr=out, check=True)

    def start(self) -> None:
        self._run("pg_ctl", "start", "-w", "-l", str(self.folder / "log"))

    def stop(self) -> None:
        """Stop at once, as in a crash: open transactions are lost."""
        self._run("pg_ctl", "stop", "-w", "-m", "immediate")

    def advance_to(self, transaction: int) -> None:
        """Set the number of the next transaction, as if all earlier ones had been used.

        It can be at most two billion ahead. First all rows are frozen, as autovacuum does in time.
        """
        self.execute("UPDATE pg_database SET datallowconn = true")
        for (name,) in self.execute("SELECT datname FROM pg_database"):
            self.execute("VACUUM FREEZE", database=name)
        self._run("pg_ctl", "stop", "-w", "-m", "fast")
        epoch, number = divmod(transaction, 2**32)
        # The server reads the page of that number, so it must exist.
        segment = self.data / "pg_xact" / f"{number // 2**20:04X}"
        segment.write_bytes(bytes(2**18))
        self.own(segment)
        self._run("pg_resetwal", "-e", str(epoch), "-x", str(number))
        self.start()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Stop every process of the server: connections are accepted and never answered."""
        postmaster = int((self.data / "postmaster.pid").read_text().split()[0])
        stopped = [postmaster]
        os.kill(postmaster, signal.SIGSTOP)  # first, so that it starts no more children
        try:
            for child in _children(postmaster):
                os.kill(child, signal.SIGSTOP)
                stopped.append(child)
            yield
        finally:
            # The postmaster last: once it runs, it reaps the children that have ended.
            for pid in reversed(stopped):
                os.kill(pid, signal.SIGCONT)

    def execute(self, *statements: str, database: str = "postgres") -> list[Any]:
        """Run statements outside of transactions and return the rows of the last one."""
        address = {"host": "127.0.0.1", "port": self.port, "user": "postgres", "dbname": database}
        with psycopg.connect(**address, autocommit=True) as connection:
            for statement in statements:
                cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def settings(self, database: str) -> dict[str, Any]:
        """Return an entry of Django's ``DATABASES``."""
        return {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": database,
            "HOST": "127.0.0.1",
            "PORT": self.port,
            "USER": "postgres",
            "OPTIONS": {"connect_timeout": 2},
        }

    def close(self) -> None:
        try:
            self.stop()
        finally:
            shutil.rmtree(self.folder)


def _children(pid: int) -> list[int]:
    # The parent is the second field after the name; processes may end in the meantime.
    parents = {
        int(path.parent.name): path.read_text().rpartition(")")[2].split()[1]
        for path in Path("/proc").glob("[0-9]*/stat")
        if path.exists()
    }
    return [child for child, parent in parents.items() if parent == str(pid)]


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    """Mount a small disk on ``folder``. Fails without root."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)]
    unmount = ["umount", "-l", str(folder)]
    subprocess.run(mount, check=True)
    try:
        yield folder
    finally:
        subprocess.run(unmount, check=True)
        folder.rmdir()


@contextmanager
def full(disk: Path) -> Iterator[None]:
    """Fill a disk up to its last byte."""
    ballast = disk / "ballast"
    try:
        with ballast.open("wb", buffering=0) as file:
            for size in (1 << 20, 1 << 12, 1):
                try:
                    while True:
                        file.write(b"\0" * size)
                except OSError:
                    continue
        yield
    finally:
        ballast.unlink(missing_ok=True)
