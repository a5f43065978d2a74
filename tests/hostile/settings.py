"""The settings of a server, with secrets from a file if one is given."""

from __future__ import annotations

import json
import os
from pathlib import Path

from tests.server_settings import *  # noqa: F403
from tests.server_settings import PICKYASSIST_WEBHOOKS

if file := os.environ.get("HOSTILE_SECRETS"):
    secrets = json.loads(Path(file).read_text("utf-8"))
    PICKYASSIST_WEBHOOKS = PICKYASSIST_WEBHOOKS | {"SECRETS": secrets}
