"""Tries a mutant: a fork of this process imports it in place of the module and runs tests.

A fork, because the interpreter, pytest and Django are then there already, which is most of the
time that a trial takes. Nothing of the package is imported before it, and no file is changed.
"""

from __future__ import annotations

import gc
import importlib.machinery
import importlib.util
import os
import resource
import signal
import sys
import tempfile
import traceback
import warnings
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import django.core.handlers.wsgi
import django.core.management
import django.db.backends.sqlite3.base
import django.db.migrations.executor
import django.db.models
import django.test.client  # noqa: F401 (each of these is imported for the forks)
import pytest

from tests.mutants.mutants import PACKAGE, Mutant, path_of

# In the order of the files, and without the plugins that are only found because they are installed.
ARGUMENTS = ("-ppytest_django.plugin", "-pno:cacheprovider", "--exitfirst", "--nomigrations")
#: A mutant that goes on and on is killed: by its processor time, which other work on this machine
#: does not add to, or if it sleeps by the clock.
WALL_SECONDS = 600
#: Parsers take much memory if they are told to.
MEMORY = 4 << 30


@dataclass(frozen=True)
class Ended:
    """What became of a mutant: by what it was killed, or nothing if it survived."""

    mutant: Mutant
    killed_by: str


@dataclass(frozen=True)
class Trial:
    """A mutant (or the modules as they are), its tests, and the processor time they may take."""

    mutant: Mutant | None
    tests: Sequence[str]
    seconds: int = WALL_SECONDS

    def start(self, folder: str) -> int:
        """Run the tests in a fork and return its process id; it exits with 0 if all pass."""
        gc.freeze()  # the collector of the fork need not go through what this process has loaded
        pid = os.fork()
        if pid == 0:
            code = 70
            try:
                _isolate(folder, self.seconds)
                if self.mutant:
                    sys.meta_path.insert(0, _Finder(self.mutant))
                code = pytest.main([*ARGUMENTS, *self.tests])
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stderr.flush()
                os._exit(code)  # whatever was raised: this is not the process to go on in
        return pid

    def ended(self, pid: int, status: int, folder: str) -> Ended:
        """Return what became of it, by the status of the fork."""
        assert self.mutant
        if status == 0:
            return Ended(self.mutant, "")
        if os.WIFSIGNALED(status):
            number = signal.Signals(os.WTERMSIG(status))
            if number in (signal.SIGKILL, signal.SIGTERM, signal.SIGHUP):
                sys.exit(f"mutants: a trial was ended from outside, by {number.name}.")
            return Ended(self.mutant, number.name)
        lines = self.said(pid, folder).splitlines()
        failed = [line for line in lines if line.startswith(("FAILED", "ERROR"))]
        return Ended(self.mutant, (failed or lines or ["nothing that could be said"])[-1])

    @staticmethod
    def said(pid: int, folder: str) -> str:
        """Return what a trial has printed, and forget it."""
        log = Path(folder, f"{pid}.log")
        text = log.read_text("utf-8", "replace")
        log.unlink()
        return text


class _Loader(importlib.machinery.SourceFileLoader):
    mutant: Mutant

    def get_code(self, fullname: str) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what the compiler thinks of a mutant kills nothing
            return compile(self.mutant.source, self.path, "exec", dont_inherit=True)


class _Finder:
    """Finds the mutant where its module is asked for, and nothing else."""

    def __init__(self, mutant: Mutant) -> None:
        self.fullname = f"{PACKAGE}.{mutant.name.module}"
        self.loader = _Loader(self.fullname, str(path_of(mutant.name.module)))
        self.loader.mutant = mutant

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> Any:
        if fullname == self.fullname:
            return importlib.util.spec_from_file_location(fullname, loader=self.loader)
        return None


def _isolate(folder: str, seconds: int) -> None:
    signal.alarm(WALL_SECONDS)
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 5))
    with suppress(ValueError, OSError):  # macOS knows this limit but may refuse it
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    # Where the databases are made, and left behind by what is killed.
    tempfile.tempdir = folder
    # Everything but the mutant is compiled once, whatever this machine's environment says.
    sys.pycache_prefix, sys.dont_write_bytecode = f"{folder}/cache", False
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    log = os.open(f"{folder}/{os.getpid()}.log", os.O_WRONLY | os.O_CREAT)
    os.dup2(log, 1)
    os.dup2(log, 2)
