"""What describes the API is valid to a validator that has nothing to do with its making."""

from __future__ import annotations

import json

import pytest
from openapi_spec_validator import validate

from tests.neighbour import PROJECTS, VERSIONS, described
from tests.openapi import GOLDEN


def test_our_document():
    validate(json.loads(GOLDEN.read_text("utf-8")))


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("project", PROJECTS)
def test_a_project_s_document(project, version, tmp_path):
    _, document = described(project, version, tmp_path / "openapi.json")
    validate(document)
