"""The browsable API, without links from untrusted text."""

from __future__ import annotations

from functools import cache
from typing import Any

from django.utils.html import escape
from django.utils.safestring import SafeString
from rest_framework.renderers import AdminRenderer, BaseRenderer, BrowsableAPIRenderer

#: Characters of a response to show; a template needs a second for a few millions.
MAX_SHOWN = 1_000_000

#: Characters that the template would turn into links, as HTML entities.
_PLAIN = str.maketrans({".": "&#46;", ":": "&#58;", "@": "&#64;"})


def without_links(renderer: BaseRenderer) -> BaseRenderer:
    """Return a renderer of the project, changed so that text does not become links."""
    if not isinstance(renderer, BrowsableAPIRenderer):
        return renderer
    kind: Any = type(renderer)
    return _plain(kind)()


@cache
def _plain(base: Any) -> Any:
    # The tables of AdminRenderer contain more links.
    shown = BrowsableAPIRenderer if issubclass(base, AdminRenderer) else base

    class PlainRenderer(shown):  # type: ignore[misc, valid-type]
        format = base.format

        def get_content(self, *args: Any) -> str:
            content = super().get_content(*args)
            if len(content) > MAX_SHOWN:
                content = f"{content[:MAX_SHOWN]}…\n\nCut here; format=json shows the rest."
            return SafeString(escape(content).translate(_PLAIN))

    return PlainRenderer
