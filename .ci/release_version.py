"""Check that a tag can be released: ``python .ci/release_version.py v1.2.3``.

The tag must be the version of the package, and CHANGELOG.md must list the changes.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main(arguments):
    if len(arguments) != 1:
        return "expected one argument, the tag: v1.2.3"
    [tag] = arguments
    version = package_version()
    if tag != f"v{version}":
        return f"the tag {tag} does not match the package version; use the tag v{version}"
    if not changes_of(version):
        return f'CHANGELOG.md lists no changes under "## {version}"; add them there'
    return None


def package_version():
    source = (ROOT / "pickyassist_webhooks" / "__init__.py").read_text(encoding="utf-8")
    return re.search(r'^__version__ = "([^"]+)"$', source, re.MULTILINE)[1]


def changes_of(version):
    """Return the entries under ``## 1.2.3`` or ``## [1.2.3] - 2026-01-31``."""
    lines = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8").splitlines()
    heading = re.compile(
        rf"## (\[{re.escape(version)}\]|{re.escape(version)})( - \d{{4}}-\d\d-\d\d)?"
    )
    section, inside = [], False
    for line in lines:
        if line.startswith("## "):
            inside = bool(heading.fullmatch(line.rstrip()))
        elif inside and line.startswith("- "):
            section.append(line)
    return section


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
