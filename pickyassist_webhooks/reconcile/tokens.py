"""The tokens of the vendor's API, one for each project."""

from __future__ import annotations

from django.utils.module_loading import import_string

from ..conf import NAME, app_settings
from ..exceptions import ReportsNotFetched
from ..parsing.characters import bare


def token_of(project_id: str) -> str:
    """Return the token of a project. Raises ``ReportsNotFetched`` if there is none.

    The error has no text of the project's function, which may contain a token.
    """
    tokens = app_settings.api_tokens
    reason = f"{NAME}['API_TOKENS'] has no token for project {project_id!r}"
    if isinstance(tokens, dict):
        token = tokens.get(project_id)
    else:
        try:
            token = import_string(tokens)(project_id)
        except Exception as err:
            token = None
            reason = f"{NAME}['API_TOKENS'] raised {type(err).__name__} for project {project_id!r}"
    if isinstance(token, str) and bare(token):
        return bare(token)
    raise ReportsNotFetched("no token", reason, stops_project=True)
