"""If the environment cannot be made, a real process ends with one sentence."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def run(*command: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def assert_one_sentence(done: subprocess.CompletedProcess[str], *parts: str) -> None:
    lines = done.stderr.strip().splitlines()
    assert done.returncode not in (0, None)
    assert len([line for line in lines if not line.endswith("...")]) == 1, done.stderr
    for part in parts:
        assert part in lines[-1]


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone with only the files that the bootstrap needs."""
    for name in ("bootstrap.py", "setup.cfg", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


@pytest.fixture
def clone_with_venv(clone: Path) -> Path:
    """A clone with a ``.venv`` whose pip prints the file ``pip-says`` and fails."""
    venv.create(clone / ".venv", symlinks=os.name != "nt")
    (packages,) = (clone / ".venv").rglob("site-packages")
    (packages / "pip.py").write_text(
        "if __name__ == '__main__':\n    raise SystemExit(open('pip-says').read())\n"
    )
    return clone


def test_a_python_that_is_too_old_is_refused(clone: Path) -> None:
    done = run(
        "-c",
        "import sys; sys.version_info = (3, 9, 2); import bootstrap; bootstrap.enter('tests')",
        cwd=clone,
    )
    assert_one_sentence(done, "3.10 or newer is required", "3.9.2")


@pytest.mark.parametrize("module", ["venv", "ensurepip"])
def test_a_missing_standard_module_is_named(clone: Path, module: str) -> None:
    done = run(
        "-c",
        f"import sys; sys.modules[{module!r}] = None; import bootstrap; bootstrap.enter('tests')",
        cwd=clone,
    )
    assert_one_sentence(done, f"lacks the standard module {module}", "apt install python3-venv")
    assert not (clone / ".venv").exists()


def test_an_incomplete_environment_is_made_again(clone: Path) -> None:
    (clone / ".venv").mkdir()
    (clone / ".venv" / "bootstrap.json").write_text("{}")
    (clone / ".venv" / "left-over").touch()

    done = run(
        "-c", "import bootstrap; bootstrap._pip_install = print; bootstrap.install()", cwd=clone
    )

    assert done.returncode == 0, done.stderr
    assert "Making .venv again" in done.stderr
    assert not (clone / ".venv" / "left-over").exists()
    (python,) = {*clone.glob(".venv/bin/python"), *clone.glob(".venv/Scripts/python.exe")}
    assert subprocess.run([python, "-c", "import pip"], check=False).returncode == 0


def test_the_error_of_pip_is_passed_on(clone_with_venv: Path) -> None:
    (clone_with_venv / "pip-says").write_text(
        "  error: subprocess-exited-with-error\n"
        "  pip subprocess to install build dependencies did not run successfully.\n"
        "      ERROR: No matching distribution found for setuptools>=77\n"
        "error: subprocess-exited-with-error\n"
        "note: This error originates from a subprocess.\n"
    )
    done = run("-c", "import bootstrap; bootstrap.install(['mariadb'])", cwd=clone_with_venv)
    assert_one_sentence(
        done, "pip could not install .[mariadb] into .venv: ERROR: No matching distribution found"
    )
    assert "note:" in (clone_with_venv / ".venv" / "bootstrap.log").read_text()


def test_a_failed_build_of_the_mariadb_driver_says_what_it_needs(clone_with_venv: Path) -> None:
    (clone_with_venv / "pip-says").write_text(
        "  error: subprocess-exited-with-error\n"
        "  Getting requirements to build wheel did not run successfully.\n"
        "      Exception: Can not find valid pkg-config name.\n"
        "ERROR: Failed to build 'mysqlclient'\n"
    )
    done = run("-c", "import bootstrap; bootstrap.enter('tests', ['mariadb'])", cwd=clone_with_venv)
    assert_one_sentence(done, "could not build mysqlclient", "apt install", "libmariadb-dev")


def test_an_environment_that_the_user_made_is_kept(clone_with_venv: Path) -> None:
    (clone_with_venv / "pip-says").write_text("ERROR: no index\n")
    (clone_with_venv / ".venv" / "users-file").touch()
    done = run("-c", "import bootstrap; bootstrap.enter('tests')", cwd=clone_with_venv)
    assert_one_sentence(done, "pip could not install . into .venv: ERROR: no index.")
    assert (clone_with_venv / ".venv" / "users-file").exists()


def test_nothing_is_installed_twice(clone_with_venv: Path) -> None:
    (clone_with_venv / "pip-says").write_text("ERROR: no index\n")
    run(
        "-c",
        "import bootstrap, sys; bootstrap._write_stamp(root=str(bootstrap.ROOT), extras=['tests'],"
        " python=sys.implementation.cache_tag, sources=bootstrap._digest())",
        cwd=clone_with_venv,
    )
    (clone_with_venv / "hello.py").write_text(
        "import bootstrap, sys\n"
        "bootstrap.enter('hello', ['tests'])\n"
        "print(sys.prefix, *sys.argv[1:], sep='\\n')\n"
    )

    done = run("-m", "hello", "-k", "two words", cwd=clone_with_venv)

    assert done.stderr == ""
    prefix, *arguments = done.stdout.splitlines()
    assert Path(prefix).resolve() == (clone_with_venv / ".venv").resolve()
    assert arguments == ["-k", "two words"]
    changed = (clone_with_venv / "setup.cfg").read_text() + "\n"
    (clone_with_venv / "setup.cfg").write_text(changed)
    assert_one_sentence(run("-m", "hello", cwd=clone_with_venv), "pip could not install .[tests]")


def test_an_unknown_suite_or_database_is_refused_with_the_known_ones() -> None:
    assert_one_sentence(run("-m", "tests", "--suite", "unti", cwd=ROOT), "'unti'", "unit")
    assert_one_sentence(
        run("-m", "tests", "--database", "oracle", cwd=ROOT),
        "'oracle'",
        "sqlite, postgres, mariadb",
    )


@pytest.mark.parametrize("database", ["postgres", "mariadb"])
def test_a_server_that_cannot_be_reached_is_reported_at_once(database: str) -> None:
    with socket.socket() as taken:
        # Bound but not listening: nothing else can take the port, and nothing answers on it.
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        url = f"{database}://me:hunter2@{address}/test"
        done = run("-m", "tests", "--database", database, cwd=ROOT, DATABASE_URL=url)
    assert_one_sentence(
        done, f"no {database} server can be reached", f"me@{address}", "DATABASE_URL"
    )
    assert "hunter2" not in done.stderr


@pytest.mark.parametrize(
    "url", ["sqlite://here/x", "mariadb://root@127.0.0.1/x", "postgres://127.0.0.1:port/x", "x"]
)
def test_a_url_of_another_kind_never_leads_to_another_database(url: str) -> None:
    done = run("-m", "tests", "--database", "postgres", cwd=ROOT, DATABASE_URL=url)
    assert_one_sentence(done, "should look like postgres://", url)
