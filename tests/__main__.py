"""``python3 -m tests``: install what is missing into ``.venv``, then run pytest there."""

import argparse
import os
import sys

import bootstrap

#: Each suite: the extras it needs of setup.cfg, and its arguments to pytest.
SUITES = {
    "unit": (["tests"], []),
    # Both choose their databases by themselves.
    "engines": (["tests", "postgres", "engines"], ["tests/engines"]),
    "faults": (["tests", "postgres", "mariadb", "engines"], ["tests/faults"]),
    "hostile": (["tests", "hostile"], ["tests/hostile"]),
    "browser": (["tests", "browser"], ["tests/browser", "--ds=tests.browser.settings"]),
    "contract": (["tests", "contract"], ["tests/contract", "--ds=tests.contract.settings"]),
    "scale": (["tests"], ["tests/scale"]),
    "docs": (["tests", "docs"], ["tests/docs"]),
    "packaging": (["tests", "lint", "packaging"], ["tests/packaging"]),
    "production": (["tests", "api", "example", "production"], ["tests/production"]),
    # Runs pytest itself, many times.
    "mutants": (["tests", "mutants"], []),
}


def main(argv):
    bootstrap.require_python()
    from tests import databases  # Not before it is known that this Python can read it.

    parser = argparse.ArgumentParser(
        prog="python3 -m tests",
        description="Run the tests; all other arguments go to pytest.",
        allow_abbrev=False,
    )
    parser.add_argument("--database", default="sqlite", help=" or ".join(databases.NAMES))
    parser.add_argument("--suite", default="unit", help=" or ".join(SUITES))
    options, rest = parser.parse_known_args(argv)
    _require_known("database", options.database, databases.NAMES)
    _require_known("suite", options.suite, SUITES)

    try:
        databases.require_server(options.database)
    except databases.WrongDatabase as err:
        sys.exit(f"tests: {err}")
    extras, arguments = SUITES[options.suite]
    if options.database != "sqlite":
        extras = [*extras, options.database]
    bootstrap.enter("tests", extras)

    os.environ[databases.CHOICE] = options.database
    if options.suite == "mutants":
        from tests.mutants import run

        return run.main(rest)
    import pytest

    return pytest.main([*arguments, *rest])


def _require_known(what, name, known):
    if name not in known:
        sys.exit(f"tests: there is no {what} {name!r}; choose one of: {', '.join(known)}.")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
