"""The documentation of the API by Swagger UI, from files of this server."""

from __future__ import annotations

from typing import Any

from drf_spectacular.views import SpectacularSwaggerSplitView
from rest_framework.permissions import IsAuthenticated

#: Nothing inline, nothing from other servers. The style sheet of Swagger UI has inline pictures.
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)


class DescriptionView(SpectacularSwaggerSplitView):
    """For all users who are logged in, as in the admin."""

    url_name = "pickyassist_webhooks_api:schema"
    title = "Picky Assist webhooks"
    template_name = "example_project/description.html"
    permission_classes = (IsAuthenticated,)

    def finalize_response(self, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(*args, **kwargs)
        response.headers["Content-Security-Policy"] = POLICY
        return response
