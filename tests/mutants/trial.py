"""Tries a mutant: a fork of this process imports it instead of the module and runs the tests.

In a fork, the interpreter, pytest and Django are already loaded, which saves most of the time. The
package is not imported before the fork, and no file is changed.
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
import django.test.client  # noqa: F401 (all these are imported for the forks)
import pytest

from tests.mutants.mutants import PACKAGE, Mutant, path_of

# In the order of the files, and without other installed plugins.
ARGUMENTS = ("-ppytest_django.plugin", "-pno:cacheprovider", "--exitfirst", "--nomigrations")
#: An endless mutant is killed at its limit of processor time, so other work on this machine does
#: not matter. If it sleeps, it is killed after this time.
WALL_SECONDS = 600
#: A mutant of the parser may use a lot of memory.
MEMORY = 4 << 30


@dataclass(frozen=True)
class Ended:
    """The result of a trial: the failure that killed the mutant, or nothing if it survived."""

    mutant: Mutant
    killed_by: str


@dataclass(frozen=True)
class Trial:
    """A mutant (or none), its tests, and the limit of processor time."""

    mutant: Mutant | None
    tests: Sequence[str]
    seconds: int = WALL_SECONDS

    def start(self, folder: str) -> int:
        """Run the tests in a fork and return its process id; it exits with 0 if all pass."""
        gc.freeze()  # the garbage collector of the fork can skip these objects
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
                os._exit(code)  # after any error: the fork must not continue
        return pid

    def ended(self, pid: int, status: int, folder: str) -> Ended:
        """Return the result, by the exit status of the fork."""
        assert self.mutant
        if status == 0:
            return Ended(self.mutant, "")
        if os.WIFSIGNALED(status):
            number = signal.Signals(os.WTERMSIG(status))
            if number in (signal.SIGKILL, signal.SIGTERM, signal.SIGHUP):
                sys.exit(f"mutants: another process ended a trial with {number.name}; run again.")
            return Ended(self.mutant, number.name)
        lines = self.output(pid, folder).splitlines()
        failed = [line for line in lines if line.startswith(("FAILED", "ERROR"))]
        return Ended(self.mutant, (failed or lines or ["a failure without output"])[-1])

    @staticmethod
    def output(pid: int, folder: str) -> str:
        """Return the output of a trial, and delete it."""
        log = Path(folder, f"{pid}.log")
        text = log.read_text("utf-8", "replace")
        log.unlink()
        return text


class _Loader(importlib.machinery.SourceFileLoader):
    mutant: Mutant

    def get_code(self, fullname: str) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a warning of the compiler must not kill a mutant
            return compile(self.mutant.source, self.path, "exec", dont_inherit=True)


class _Finder:
    """Finds the mutant instead of its module, and nothing else."""

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
    with suppress(ValueError, OSError):  # macOS may refuse this limit
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    # The databases are created here, and killed trials leave theirs behind.
    tempfile.tempdir = folder
    # Compile everything but the mutant only once, even if the environment disables that.
    sys.pycache_prefix, sys.dont_write_bytecode = f"{folder}/cache", False
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    log = os.open(f"{folder}/{os.getpid()}.log", os.O_WRONLY | os.O_CREAT)
    os.dup2(log, 1)
    os.dup2(log, 2)
