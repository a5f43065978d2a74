"""How Sphinx makes the site: ``python -m sphinx -W -n -b html docs docs/_build``.

The pages are plain Markdown, so that they can be read where the code is hosted, too.
"""

from __future__ import annotations

import re
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform

import pickyassist_webhooks

project = "django-pickyassist-webhooks"
author = "django-pickyassist-webhooks contributors"
project_copyright = f"2026, {author}"
version = release = pickyassist_webhooks.__version__

extensions = ["myst_parser"]
exclude_patterns = ["_build"]
myst_heading_anchors = 3

html_theme = "furo"
html_title = f"{project} {version}"
html_copy_source = False
html_static_path = ["_static"]
html_css_files = ["site.css"]

#: Files next to this folder, and the pages that show them.
NEXT_TO_IT = {
    "README": "index",
    "CHANGELOG": "changelog",
    "CONTRIBUTING": "contributing",
    "SECURITY": "security-policy",
}


def stay_on_the_site(app: Sphinx, page: str, source: list[str]) -> None:
    """Lead links to files next to this folder, as a code host needs them, to their pages."""
    link = re.compile(rf"\]\((?:\.\./)+({'|'.join(NEXT_TO_IT)})\.md(?=[#)])")
    source[0] = link.sub(lambda found: f"](/{NEXT_TO_IT[found[1]]}.md", source[0])


class DarkPictures(SphinxTransform):
    """Show ``…-dark-….png`` in place of ``…-light-….png`` where the reader's theme is dark."""

    # Before Sphinx collects the pictures that are to be copied.
    default_priority = 400

    def apply(self, **kwargs: object) -> None:
        for image in list(self.document.findall(nodes.image)):
            dark = image["uri"].replace("-light-", "-dark-")
            if dark == image["uri"] or not Path(self.env.srcdir, dark).exists():
                continue
            other = image.deepcopy()
            other["uri"] = dark
            image["classes"].append("only-light")
            other["classes"].append("only-dark")
            image.parent.insert(image.parent.index(image) + 1, other)


def setup(app: Sphinx) -> None:
    app.connect("source-read", stay_on_the_site)
    app.add_transform(DarkPictures)
