"""The tutorial works if it is typed as printed: in two terminals, an empty folder, the wheel."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import pexpect
import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
PAGE = ROOT / "docs" / "tutorial.md"
PROMPT = "typed> "
PASSWORD = "correct-horse-battery"

BLOCK = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)
TARGET = re.compile(r"(Replace|Make|At the end of) `([\w/.]+)`")


class Terminal:
    """A shell of a user who has only Python."""

    def __init__(self, folder: Path, path: str, wheels: Path) -> None:
        environment = {
            "PATH": path,
            "HOME": str(folder),
            "PS1": PROMPT,
            "VIRTUAL_ENV_DISABLE_PROMPT": "1",
            "TERM": "dumb",
            "LANG": "C.UTF-8",
            # The package is not on the index before its release.
            "PIP_FIND_LINKS": str(wheels),
        }
        pip = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
        pip["PIP_FIND_LINKS"] = f"{wheels} {pip.get('PIP_FIND_LINKS', '')}"
        self.shell = pexpect.spawn(
            "bash",
            ["--norc", "--noprofile"],
            cwd=folder,
            env=environment | pip,
            encoding="utf-8",
            echo=False,
            timeout=180,
            dimensions=(50, 500),
        )
        self.shell.expect_exact(PROMPT)

    def type(self, command: str) -> str:
        """Type a line, and the password if it is asked for; return the output."""
        self.shell.sendline(command)
        output = ""
        waited_for = [PROMPT, "Password.*: ", "Quit the server with"]
        while (index := self.shell.expect(waited_for)) == 1:
            output += self.shell.before
            self.shell.sendline(PASSWORD)
        output += self.shell.before
        if index == 0:
            self.shell.sendline("echo $?")
            self.shell.expect_exact(PROMPT)
            assert self.shell.before.strip() == "0", f"{command}\n{output}"
        elif index == 2:
            # A server that no one reads from stops at its first full buffer of log lines.
            threading.Thread(target=self._drain, daemon=True).start()
        return output

    def _drain(self) -> None:
        with suppress(pexpect.ExceptionPexpect, OSError, ValueError):
            while True:
                self.shell.read_nonblocking(4096, timeout=None)

    def close(self) -> None:
        self.shell.sendintr()
        self.shell.close(force=True)


@pytest.fixture
def terminal(tmp_path):
    """Return a function that opens a terminal in a folder."""
    wheels, programs = tmp_path / "wheels", tmp_path / "programs"
    programs.mkdir()
    (programs / "python3").symlink_to(sys.executable)
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", wheels]
    subprocess.run([*pip, ROOT], check=True)
    # Without the programs of the environment that runs this test.
    path = f"{programs}{os.pathsep}{os.defpath}"
    opened = []

    def open_in(folder):
        opened.append(Terminal(folder, path, wheels))
        return opened[-1]

    yield open_in
    for shell in opened:
        shell.close()


def write(project: Path, before: str, text: str) -> None:
    [(action, name)] = TARGET.findall(before)
    file = project / name
    if action == "At the end of":
        file.write_text(f"{file.read_text()}\n{text}")
    else:
        assert file.exists() is (action == "Replace"), name
        file.write_text(text)


def test_typed_as_printed(terminal, tmp_path):
    page = PAGE.read_text("utf-8")
    project, output, secret, url = tmp_path / "bookshop", "", "", ""
    shell = terminal(tmp_path)
    for block in BLOCK.finditer(page):
        before = page[: block.start()].split("\n\n")[-2]  # the paragraph with the instruction
        language, text = block.groups()
        if "second terminal" in before:
            shell = terminal(project)
        if language == "console":
            output = ""
            for command in text.splitlines():
                output += shell.type(command.replace("YOUR-URL", url))
            secret = secret or "".join(re.findall(r'"picky-assist": "([\w-]{43})"', output))
            url = url or "".join(re.findall(r"picky-assist: (http://127\S+)", output))
        elif language == "python":
            write(project, before, text.replace("the-secret-that-was-printed", secret))
        else:
            for line in text.splitlines():
                pattern = ".*".join(map(re.escape, line.split("…")))
                assert re.search(pattern, output), f"expected {line!r} in:\n{output}"
    assert secret
    assert secret in url
    assert "Ran 2 tests" in output
