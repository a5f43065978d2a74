"""Who may read: whoever may in the admin, and whom the project's own settings let in."""

from __future__ import annotations

from typing import Any

from rest_framework.permissions import BasePermission, DjangoModelPermissions
from rest_framework.request import Request

VIEW_PERSONAL_DATA = "pickyassist_webhooks.view_personal_data"

_VIEW = ["%(app_label)s.view_%(model_name)s"]


class MayView(DjangoModelPermissions):
    """Asks for the ``view`` permission of the view's model, for whatever is done with it."""

    perms_map = dict.fromkeys(("GET", "HEAD", "OPTIONS", "POST"), _VIEW)


class MayReplay(BasePermission):
    """Asks for the permission to process again, or only to call failed receivers again."""

    def has_permission(self, request: Request, view: Any) -> bool:
        # What is no object is refused by whoever reads it, after this.
        asked = request.data if isinstance(request.data, dict) else {}
        only_failed = asked.get("only_failed_receivers") is True
        name = "retry" if only_failed else "replay"
        return bool(request.user.has_perm(f"pickyassist_webhooks.{name}_webhookrequest"))
