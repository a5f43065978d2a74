"""The tutorial, typed as it is printed: into two terminals, in an empty folder, with the wheel."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pexpect
import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
PAGE = ROOT / "docs" / "tutorial.md"
PROMPT = "typed> "
PASSWORD = "correct-horse-battery"

BLOCK = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)
PLACE = re.compile(r"(Replace|Make|At the end of) `([\w/.]+)`")


class Terminal:
    """A shell, as somebody has it in front of them who has only Python."""

    def __init__(self, folder: Path, path: str, wheels: Path) -> None:
        environment = {
            "PATH": path,
            "HOME": str(folder),
            "PS1": PROMPT,
            "VIRTUAL_ENV_DISABLE_PROMPT": "1",
            "TERM": "dumb",
            "LANG": "C.UTF-8",
            # The package is not on the index before it is released.
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
        """Type a line, and the password where one is asked for; return what was printed."""
        self.shell.sendline(command)
        said = ""
        waited_for = [PROMPT, "Password.*: ", "Quit the server with"]
        while (found := self.shell.expect(waited_for)) == 1:
            said += self.shell.before
            self.shell.sendline(PASSWORD)
        said += self.shell.before
        if found == 0:
            self.shell.sendline("echo $?")
            self.shell.expect_exact(PROMPT)
            assert self.shell.before.strip() == "0", f"{command}\n{said}"
        return said

    def close(self) -> None:
        self.shell.sendintr()
        self.shell.close(force=True)


@pytest.fixture
def terminal(tmp_path):
    """Return what opens a terminal: one where the reader begins, the next in the project."""
    wheels, programs = tmp_path / "wheels", tmp_path / "programs"
    programs.mkdir()
    (programs / "python3").symlink_to(sys.executable)
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", wheels]
    subprocess.run([*pip, ROOT], check=True)
    # Without those of the environment that runs this.
    path = f"{programs}{os.pathsep}{os.defpath}"
    opened = []

    def open_in(folder):
        opened.append(Terminal(folder, path, wheels))
        return opened[-1]

    yield open_in
    for each in opened:
        each.close()


def write(project: Path, before: str, text: str) -> None:
    [(how, name)] = PLACE.findall(before)
    file = project / name
    if how == "At the end of":
        file.write_text(f"{file.read_text()}\n{text}")
    else:
        assert file.exists() is (how == "Replace"), name
        file.write_text(text)


def test_typed_as_it_is_printed(terminal, tmp_path):
    page = PAGE.read_text("utf-8")
    project, said, secret, url = tmp_path / "bookshop", "", "", ""
    shell = terminal(tmp_path)
    for block in BLOCK.finditer(page):
        before = page[: block.start()].split("\n\n")[-2]  # the paragraph that says what to do
        language, text = block.groups()
        if "second terminal" in before:
            shell = terminal(project)
        if language == "console":
            said = ""
            for command in text.splitlines():
                said += shell.type(command.replace("YOUR-URL", url))
            secret = secret or "".join(re.findall(r'"picky-assist": "([\w-]{43})"', said))
            url = url or "".join(re.findall(r"picky-assist: (http://127\S+)", said))
        elif language == "python":
            write(project, before, text.replace("the-secret-that-was-printed", secret))
        else:
            for line in text.splitlines():
                pattern = ".*".join(map(re.escape, line.split("…")))
                assert re.search(pattern, said), f"expected {line!r} in:\n{said}"
    assert secret
    assert secret in url
    assert "Ran 2 tests" in said
