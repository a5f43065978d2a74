"""The first page: links to all parts of the example."""

from __future__ import annotations

from django.views.generic import TemplateView


class IndexView(TemplateView):
    """Link the shop, the admin, the overview and the API. It shows nothing else to strangers."""

    template_name = "example_project/index.html"
