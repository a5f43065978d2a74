"""Make ``.venv`` in this clone, install the project into it, and continue in it.

``python3 -m example_project`` and ``python3 -m tests`` begin here. ``python3 bootstrap.py lint``
only installs (any extras of ``setup.cfg``). It uses the standard library only, and syntax that an
older Python can read, so that it can report that it is too old.
"""

import contextlib
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

OLDEST = (3, 10)
ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
LOCK = ROOT / ".bootstrap.lock"
#: A record of the installation. Empty while one runs, so that an interrupted one is noticed.
STAMP = VENV / "bootstrap.json"
LOG = VENV / "bootstrap.log"


def enter(module, extras=()):
    """Return if this is the Python of ``.venv``; otherwise run ``module`` in it and exit."""
    install(extras)
    if _is_inside():
        return
    # With this variable, macOS would run the current Python instead of that of .venv.
    os.environ.pop("__PYVENV_LAUNCHER__", None)
    command = [str(PYTHON), "-m", module, *sys.argv[1:]]
    if os.name != "nt":
        os.execv(command[0], command)  # noqa: S606
    # On Windows, execv returns to the prompt while the new process still runs.
    try:
        sys.exit(subprocess.call(command))
    except KeyboardInterrupt:
        sys.exit(130)


def install(extras=()):
    """Install the project and ``extras`` into ``.venv``; keep the extras of earlier runs."""
    require_python()
    if _is_ready(extras):
        return
    try:
        with _lock():
            if _is_ready(extras):
                return  # Another run has made it in the meantime.
            if not _is_usable():
                _make()
            _pip_install(extras)
    except OSError as err:
        _fail(f"cannot make .venv in {ROOT} ({err}); make that folder writable and run again.")
    except KeyboardInterrupt:
        _fail("interrupted; the next run makes .venv again.")


def require_python():
    """Exit with a message if this Python is too old."""
    if sys.version_info < OLDEST:
        _fail(
            f"Python {_dotted(OLDEST)} or newer is required, and this is"
            f" {_dotted(sys.version_info)} ({sys.executable}); run the same with a newer one."
        )


def _is_ready(extras):
    stamp = _read_stamp()
    return (
        _is_made_for_this_python(stamp)
        and stamp.get("sources") == _digest()
        and set(extras) <= set(stamp.get("extras", ()))
    )


def _is_made_for_this_python(stamp):
    # The path is part of it: if the clone was moved, the scripts in .venv have wrong paths.
    return (
        PYTHON.exists()
        and stamp.get("root") == str(ROOT)
        and stamp.get("python") == sys.implementation.cache_tag
    )


def _is_usable():
    if STAMP.exists():
        return _is_made_for_this_python(_read_stamp())
    # Keep a .venv that the user made, if it works: it may hold more packages than ours.
    if not PYTHON.exists():
        return False
    probe = [str(PYTHON), "-c", "import pip, sys; print(sys.implementation.cache_tag)"]
    done = subprocess.run(probe, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    return done.stdout.decode().strip() == sys.implementation.cache_tag


def _is_inside():
    return Path(sys.prefix).resolve() == VENV.resolve()


def _read_stamp():
    try:
        return json.loads(STAMP.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def _write_stamp(**stamp):
    STAMP.write_text(json.dumps(stamp), encoding="utf-8")


def _digest():
    digest = hashlib.sha256()
    for name in ("setup.cfg", "pyproject.toml"):
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


def _make():
    if _is_inside():
        _fail(
            "this Python is part of .venv, which is incomplete; run the same with the Python that"
            " made .venv (usually python3)."
        )
    for name in ("venv", "ensurepip"):
        if importlib.util.find_spec(name) is None:
            _fail(
                f"this Python ({sys.executable}) lacks the standard module {name}; install it"
                " (on Debian and Ubuntu: apt install python3-venv) and run again."
            )
    if VENV.is_dir() and not VENV.is_symlink():
        _say("Making .venv again: it is incomplete, or from another Python or folder.")
        shutil.rmtree(str(VENV))
    elif VENV.exists() or VENV.is_symlink():
        _fail(f"{VENV} is not a folder; move it away, since the environment must be there.")
    VENV.mkdir()
    _write_stamp()
    made, output = _run([sys.executable, "-m", "venv", str(VENV)])
    if not made:
        _fail(
            f"python -m venv could not make .venv: {_last_words(output)} (On Debian and Ubuntu,"
            " run apt install python3-venv.)"
        )
    _write_stamp(root=str(ROOT), python=sys.implementation.cache_tag)


def _pip_install(extras):
    before = _read_stamp()
    extras = sorted({*before.get("extras", ()), *extras})
    _say("Installing into .venv (a minute or so, only this once) ...")
    _write_stamp()
    requirement = f".[{','.join(extras)}]" if extras else "."
    options = ["--quiet", "--no-input", "--disable-pip-version-check"]
    installed, output = _run(
        [str(PYTHON), "-m", "pip", "install", *options, "--editable", requirement]
    )
    made_for = {"root": str(ROOT), "python": sys.implementation.cache_tag}
    if installed:
        _write_stamp(sources=_digest(), extras=extras, **made_for)
        return
    # pip changes nothing until all is built, so the earlier installation still works.
    _write_stamp(**{**before, **made_for})
    LOG.write_text(output, encoding="utf-8")
    failed_build = "subprocess-exited" in output and "build dependencies" not in output
    if failed_build and "mysqlclient" in output:
        _fail(
            f"pip could not build mysqlclient: {_last_words(output)} It needs a C compiler,"
            " pkg-config and the headers of MariaDB's client (on Debian and Ubuntu: apt install"
            f" gcc python3-dev pkg-config libmariadb-dev); the full output is in {LOG}."
        )
    _fail(
        f"pip could not install {requirement} into .venv: {_last_words(output)} Check that the"
        f" package index can be reached, then run again; the full output is in {LOG}."
    )


def _run(command):
    done = subprocess.run(
        command, cwd=str(ROOT), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    return done.returncode == 0, done.stdout.decode("utf-8", "replace")


def _last_words(output):
    """Return the most useful line of pip's output: the last that is marked as an error."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    marked = [line for line in lines if line.lower().startswith(("error:", "exception:"))]
    # This line only refers to another one.
    errors = [line for line in marked if "subprocess-exited" not in line]
    line = (errors or lines or ["there is no output"])[-1]
    return line if line.endswith(".") else line + "."


@contextlib.contextmanager
def _lock():
    """Allow one run at a time to change ``.venv``. The system frees the lock of a killed run."""
    with LOCK.open("a") as file:
        if not _try_to_lock(file):
            _say("Waiting for another run that makes .venv ...")
            while not _try_to_lock(file):
                time.sleep(0.2)
        yield


def _try_to_lock(file):
    try:
        if os.name == "nt":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True


def _dotted(version):
    return ".".join(map(str, version[:3]))


def _say(line):
    print(line, file=sys.stderr, flush=True)


def _fail(sentence):
    sys.exit(f"bootstrap: {sentence}")


if __name__ == "__main__":
    install(sys.argv[1:])
