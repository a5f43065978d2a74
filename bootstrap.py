"""Make ``.venv`` in this clone, install the project into it, and go on in there.

``python3 -m example_project`` and ``python3 -m tests`` begin here; ``python3 bootstrap.py lint``
only installs (any extras of ``setup.cfg``). Standard library only, and written so that an older
Python can read it and say that it is too old.
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
#: What was installed. Empty while an installation runs, so that an interrupted one is noticed.
STAMP = VENV / "bootstrap.json"
LOG = VENV / "bootstrap.log"


def enter(module, extras=()):
    """Return if this is the Python of ``.venv``; otherwise run ``module`` in it and exit."""
    install(extras)
    if _is_inside():
        return
    # With it, macOS would take the Python of .venv for the one that runs now.
    os.environ.pop("__PYVENV_LAUNCHER__", None)
    command = [str(PYTHON), "-m", module, *sys.argv[1:]]
    if os.name != "nt":
        os.execv(command[0], command)  # noqa: S606
    # On Windows execv gives the prompt back at once, while the new process still runs.
    try:
        sys.exit(subprocess.call(command))
    except KeyboardInterrupt:
        sys.exit(130)


def install(extras=()):
    """Make sure that ``.venv`` holds the project and ``extras``, besides those of earlier runs."""
    require_python()
    if _is_ready(extras):
        return
    try:
        with _lock():
            if _is_ready(extras):
                return  # Another run has made it meanwhile.
            if not _is_usable():
                _make()
            _pip_install(extras)
    except OSError as err:
        _fail(f"cannot make .venv in {ROOT} ({err}); make that folder writable and run again.")
    except KeyboardInterrupt:
        _fail("interrupted; the next run begins .venv anew.")


def require_python():
    """Exit with one sentence if this Python is too old."""
    if sys.version_info < OLDEST:
        _fail(
            f"Python {_dotted(OLDEST)} or newer is needed, and this is {_dotted(sys.version_info)}"
            f" ({sys.executable}); run the same with a newer one."
        )


def _is_ready(extras):
    stamp = _read_stamp()
    return (
        _is_made_for_this_python(stamp)
        and stamp.get("sources") == _digest()
        and set(extras) <= set(stamp.get("extras", ()))
    )


def _is_made_for_this_python(stamp):
    # The path is part of it: in a clone that was moved, the scripts in .venv point to nowhere.
    return (
        PYTHON.exists()
        and stamp.get("root") == str(ROOT)
        and stamp.get("python") == sys.implementation.cache_tag
    )


def _is_usable():
    if STAMP.exists():
        return _is_made_for_this_python(_read_stamp())
    # Somebody's own .venv: kept if it works, as it may hold more than ours would.
    if not PYTHON.exists():
        return False
    probe = [str(PYTHON), "-c", "import pip, sys; print(sys.implementation.cache_tag)"]
    found = subprocess.run(probe, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    return found.stdout.decode().strip() == sys.implementation.cache_tag


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
            " .venv was made from (mostly called python3)."
        )
    for name in ("venv", "ensurepip"):
        if importlib.util.find_spec(name) is None:
            _fail(
                f"this Python ({sys.executable}) lacks the standard module {name}, which makes"
                " .venv; install it (on Debian and Ubuntu: apt install python3-venv) and run again."
            )
    if VENV.is_dir() and not VENV.is_symlink():
        _say("Making .venv anew: it is incomplete, or was made by another Python or elsewhere.")
        shutil.rmtree(str(VENV))
    elif VENV.exists() or VENV.is_symlink():
        _fail(f"{VENV} is no folder, and the environment belongs there; move it out of the way.")
    VENV.mkdir()
    _write_stamp()
    made, output = _run([sys.executable, "-m", "venv", str(VENV)])
    if not made:
        _fail(
            f"python -m venv could not make .venv: {_last_words(output)} (on Debian and Ubuntu,"
            " apt install python3-venv brings all it needs.)"
        )
    _write_stamp(root=str(ROOT), python=sys.implementation.cache_tag)


def _pip_install(extras):
    before = _read_stamp()
    extras = sorted({*before.get("extras", ()), *extras})
    _say("Installing into .venv (a minute or so, only this once) ...")
    _write_stamp()
    what = f".[{','.join(extras)}]" if extras else "."
    options = ["--quiet", "--no-input", "--disable-pip-version-check"]
    installed, output = _run([str(PYTHON), "-m", "pip", "install", *options, "--editable", what])
    made_for = {"root": str(ROOT), "python": sys.implementation.cache_tag}
    if installed:
        _write_stamp(sources=_digest(), extras=extras, **made_for)
        return
    # pip changes nothing before all of it is built, so what was there before still works.
    _write_stamp(**{**before, **made_for})
    LOG.write_text(output, encoding="utf-8")
    failed_build = "subprocess-exited" in output and "build dependencies" not in output
    if failed_build and "mysqlclient" in output:
        _fail(
            f"pip could not build mysqlclient: {_last_words(output)} It needs a C compiler,"
            " pkg-config and the headers of MariaDB's client (on Debian and Ubuntu: apt install"
            f" gcc python3-dev pkg-config libmariadb-dev); the whole output is in {LOG}."
        )
    _fail(
        f"pip could not install {what} into .venv: {_last_words(output)} See that the package"
        f" index can be reached, then run again; the whole output is in {LOG}."
    )


def _run(command):
    done = subprocess.run(
        command, cwd=str(ROOT), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    return done.returncode == 0, done.stdout.decode("utf-8", "replace")


def _last_words(output):
    """Return the line of pip's output that says most: the last that is marked as an error."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    marked = [line for line in lines if line.lower().startswith(("error:", "exception:"))]
    # This one only says that another line says more.
    errors = [line for line in marked if "subprocess-exited" not in line]
    line = (errors or lines or ["it said nothing"])[-1]
    return line if line.endswith(".") else line + "."


@contextlib.contextmanager
def _lock():
    """Let one run at a time change ``.venv``. The system frees the lock of a run that dies."""
    with LOCK.open("a") as file:
        if not _try_to_lock(file):
            _say("Waiting for another run that is making .venv ...")
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
