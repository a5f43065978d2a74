"""The accepted description of the API, in the docs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

GOLDEN = Path(__file__).parent.parent / "docs" / "openapi.json"


def written(document: Any) -> str:
    """Return a document as the file has it."""
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"
