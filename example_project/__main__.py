"""``python3 -m example_project``: install what is missing into ``.venv``, then run the demo."""

import sys

import bootstrap

bootstrap.enter("example_project", ["api", "example"])

from example_project.demo import main  # noqa: E402 - Django is there only now

sys.exit(main(sys.argv[1:]))
