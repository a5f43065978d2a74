"""``python3 -m example_project``: install the requirements into ``.venv``, then run the demo."""

import sys

import bootstrap

bootstrap.enter("example_project", ["api", "example"])

from example_project.demo import main  # noqa: E402 - Django is installed by now

sys.exit(main(sys.argv[1:]))
