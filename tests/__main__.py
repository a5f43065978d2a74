"""Install missing packages into ``.venv``, then run pytest there.

unit        the default; 3 minutes; for --database postgres or mariadb DATABASE_URL names a server
engines     Celery over RabbitMQ and Redis, Django Tasks; 1 minute
faults      kills servers, stops and fills databases; 5 minutes, as root on Linux
hostile     mutated payloads, bad networks, costly bodies; 8 minutes; --examples 100000 for longer
browser     the admin in Chromium; 5 minutes; --screenshots writes docs/screenshots
contract    the read API against its description; half a minute
scale       times each page; --rows 5000000 for a large archive
docs        builds the site, follows its links, types the tutorial; half a minute
packaging   builds, installs and uses the wheel and the sdist; 1 minute
production  the example with gunicorn, Celery and PostgreSQL
mutants     1,800 small changes of the parser and the store; 10 minutes; Python 3.11; name modules
            to change only those; tests/mutants/survivors.txt lists the accepted survivors

All other arguments go to pytest. The MariaDB driver needs a C compiler, pkg-config and the headers
of MariaDB's client.
"""

import argparse
import os
import sys

import bootstrap

#: Each suite: its extras of setup.cfg, and its arguments to pytest.
SUITES = {
    "unit": (["tests"], []),
    # These two choose their databases themselves.
    "engines": (["tests", "postgres", "engines"], ["tests/engines"]),
    "faults": (["tests", "postgres", "mariadb", "engines"], ["tests/faults"]),
    "hostile": (["tests", "hostile"], ["tests/hostile"]),
    "browser": (["tests", "browser"], ["tests/browser", "--ds=tests.browser.settings"]),
    "contract": (["tests", "contract"], ["tests/contract", "--ds=tests.contract.settings"]),
    "scale": (["tests"], ["tests/scale"]),
    "docs": (["tests", "celery", "docs"], ["tests/docs"]),
    "packaging": (["tests", "lint", "packaging"], ["tests/packaging"]),
    "production": (["tests", "api", "example", "production"], ["tests/production"]),
    # Runs pytest itself many times.
    "mutants": (["tests", "mutants"], []),
}


def main(argv):
    bootstrap.require_python()
    from tests import databases  # Only after the check: an old Python cannot read it.

    parser = argparse.ArgumentParser(
        prog="python3 -m tests",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--database", default="sqlite", help=" or ".join(databases.NAMES))
    parser.add_argument("--suite", default="unit", help=" or ".join(SUITES))
    options, rest = parser.parse_known_args(argv)
    _require_one_of("database", options.database, databases.NAMES)
    _require_one_of("suite", options.suite, SUITES)

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


def _require_one_of(kind, name, names):
    if name not in names:
        sys.exit(f"tests: {name!r} is not a {kind}; choose one of: {', '.join(names)}.")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
