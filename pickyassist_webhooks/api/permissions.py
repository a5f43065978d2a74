"""API permissions: those of the admin, after those of the project's settings."""

from __future__ import annotations

from typing import Any

from rest_framework.permissions import DjangoModelPermissions

_VIEW = ["%(app_label)s.view_%(model_name)s"]


class MayView(DjangoModelPermissions):
    """Require the ``view`` permission of the view's model for every method."""

    perms_map = dict.fromkeys(("GET", "HEAD", "OPTIONS", "POST"), _VIEW)

    def _queryset(self, view: Any) -> Any:
        # Only the model matters; the schema is generated without URL parameters.
        return view.queryset
