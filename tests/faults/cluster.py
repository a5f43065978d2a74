"""A PostgreSQL cluster of our own, which may be stopped, frozen and filled up."""

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
    """Return the folder with ``initdb``. Raises ``FileNotFoundError``: these tests never skip."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    if asked := shutil.which("pg_config"):
        said = subprocess.run([asked, "--bindir"], capture_output=True, text=True, check=True)
        folders.insert(0, Path(said.stdout.strip()))
    for folder in folders:
        if (folder / "initdb").exists():
            return folder
    raise FileNotFoundError("expected PostgreSQL's server programs (initdb, pg_ctl), found none")


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
        """Give a folder to the user PostgreSQL runs as, which is never root."""
        if os.getuid() == 0:
            shutil.chown(folder, "postgres", "postgres")
        folder.chmod(0o700)

    def _run(self, program: str, *arguments: str) -> None:
        root = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
        command = [*root, str(self.programs / program), "-D", str(self.data), *arguments]
        # The server outlives pg_ctl and would keep a pipe open.
        with (self.folder / f"{program}.out").open("a") as out:
            subprocess.run(command, cwd=self.folder, stdout=out, stderr=out, check=True)

    def start(self) -> None:
        self._run("pg_ctl", "start", "-w", "-l", str(self.folder / "log"))

    def stop(self) -> None:
        """Stop at once, as a crash would: what is not committed by now never was."""
        self._run("pg_ctl", "stop", "-w", "-m", "immediate")

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Hold every process of the server: connections are accepted, and never answered."""
        postmaster = int((self.data / "postmaster.pid").read_text().split()[0])
        held = [postmaster]
        os.kill(postmaster, signal.SIGSTOP)  # first, so that it has no more children
        try:
            for child in _children(postmaster):
                os.kill(child, signal.SIGSTOP)
                held.append(child)
            yield
        finally:
            # The postmaster last: once it runs it clears away children that had ended meanwhile.
            for pid in reversed(held):
                os.kill(pid, signal.SIGCONT)

    def execute(self, *statements: str, database: str = "postgres") -> list[Any]:
        """Run statements outside of transactions and return the rows of the last one."""
        place = {"host": "127.0.0.1", "port": self.port, "user": "postgres", "dbname": database}
        with psycopg.connect(**place, autocommit=True) as connection:
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
    # "?" where a process ended meanwhile: the parent is the second field after its name.
    parents = {
        int(path.parent.name): path.read_text().rpartition(")")[2].split()[1]
        for path in Path("/proc").glob("[0-9]*/stat")
        if path.exists()
    }
    return [child for child, parent in parents.items() if parent == str(pid)]


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    """Mount a disk of its own on ``folder``. Needs root: elsewhere it fails, and says so."""
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
    """Fill a disk to its last byte."""
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
