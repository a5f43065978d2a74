"""The base of all commands: JSON, the question before a change, and failures of the database."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, ClassVar

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error as DatabaseFault


@contextmanager
def _printing_all(output: Any) -> Iterator[None]:
    """Write out the characters that an output cannot print, such as a console of Windows."""
    if not hasattr(output, "reconfigure"):
        yield
        return
    errors = output.errors
    output.reconfigure(errors="backslashreplace")
    try:
        yield
    finally:
        with suppress(OSError, ValueError):  # closed meanwhile
            output.reconfigure(errors=errors)


class AppCommand(BaseCommand):
    """A command of this app."""

    #: Whether it changes rows for good: then it can only count, and it asks a person first.
    is_final: ClassVar[bool] = False
    json_help: ClassVar[str] = "print JSON"
    #: The state after a failure of the database, and the next step.
    after_fault: ClassVar[str] = "No data is lost; run this again."

    def add_arguments(self, parser: CommandParser) -> None:
        if self.is_final:
            parser.add_argument("--dry-run", action="store_true", help="only count")
            parser.add_argument(
                *("--no-input", "--noinput"),
                action="store_false",
                dest="interactive",
                help="do not ask first",
            )
        parser.add_argument("--json", action="store_true", help=self.json_help)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with _printing_all(self.stdout):
                self.run(options)
        except DatabaseFault as err:
            raise CommandError(
                f"The database failed ({type(err).__name__}). {self.after_fault} On a new "
                "database, run migrate first."
            ) from err

    def run(self, options: dict[str, Any]) -> None:
        """Do the work of the command. An error of the database can leave it."""
        raise NotImplementedError

    def say(self, options: dict[str, Any], text: str) -> None:
        """Print a text for people."""
        if not options["json"]:
            self.stdout.write(text)

    def say_result(self, options: dict[str, Any], result: Any, text: str = "") -> None:
        """Print the result for programs, or a text for people if there is one."""
        if options["json"]:
            self.stdout.write(json.dumps(result))
        elif text:
            self.stdout.write(text)

    def confirm(self, question: str, options: dict[str, Any]) -> bool:
        """Return whether to go on: ask if a person can answer; a script has already decided."""
        if options["dry_run"]:
            return False
        is_terminal = sys.stdin is not None and sys.stdin.isatty()
        if not options["interactive"] or options["json"] or not is_terminal:
            return True
        try:
            return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")
        except EOFError:  # Ctrl-D
            return False
