"""A project that uses the same names as this app, and its OpenAPI document."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
VERSIONS = ("3.0.3", "3.1.0")
_THEIRS = "tests.neighbour.defaults"
_SPECTACULAR = "drf_spectacular.openapi.AutoSchema"

#: Settings of projects that differ from the defaults.
PROJECTS = {
    "defaults": {},
    "ours alone": {"ROOT_URLCONF": "tests.urls_api", "REST_FRAMEWORK": {}},
    "names": {
        "SPECTACULAR_SETTINGS": {
            "COMPONENT_SPLIT_REQUEST": True,
            "ENUM_NAME_OVERRIDES": {
                "TheirStatus": "tests.neighbour.views.Status",
                "OurState": "pickyassist_webhooks.choices.RequestState",
            },
            "SCHEMA_PATH_PREFIX": "/api/",
            "OPERATION_ID_METHOD_POSITION": "PRE",
        }
    },
    "versions": {
        "REST_FRAMEWORK": {
            "DEFAULT_SCHEMA_CLASS": _SPECTACULAR,
            "DEFAULT_VERSIONING_CLASS": "rest_framework.versioning.URLPathVersioning",
            "DEFAULT_VERSION": "v1",
        },
        "SPECTACULAR_SETTINGS": {
            "CAMELIZE_NAMES": True,
            "POSTPROCESSING_HOOKS": [],
            "COMPONENT_NO_READ_ONLY_REQUIRED": True,
        },
    },
    "classes": {
        "REST_FRAMEWORK": {
            "DEFAULT_SCHEMA_CLASS": "tests.neighbour.openapi.TheirSchema",
            "DEFAULT_AUTHENTICATION_CLASSES": [
                f"{_THEIRS}.TheirAuthentication",
                "rest_framework.authentication.TokenAuthentication",
            ],
            "DEFAULT_RENDERER_CLASSES": [
                f"{_THEIRS}.TheirRenderer",
                "rest_framework.renderers.BrowsableAPIRenderer",
            ],
            "DEFAULT_PAGINATION_CLASS": "rest_framework.pagination.PageNumberPagination",
            "PAGE_SIZE": 10,
            "SCHEMA_COERCE_PATH_PK": False,
        }
    },
}


def described(project, version, path):
    """Run the command ``spectacular`` on a project; return its output and the document."""
    chosen = PROJECTS[project]
    spectacular = {**chosen.get("SPECTACULAR_SETTINGS", {}), "OAS_VERSION": version}
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tests.neighbour.settings",
        "NEIGHBOUR": json.dumps({**chosen, "SPECTACULAR_SETTINGS": spectacular}),
    }
    command = [sys.executable, "-m", "django", "spectacular", "--validate", "--fail-on-warn"]
    done = subprocess.run(
        [*command, "--format", "openapi-json", "--file", path],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr, json.loads(path.read_text("utf-8"))
