"""Who may read: whoever may in the admin, and whom the project's own settings let in."""

from __future__ import annotations

from rest_framework.permissions import DjangoModelPermissions

_VIEW = ["%(app_label)s.view_%(model_name)s"]


class MayView(DjangoModelPermissions):
    """Asks for the ``view`` permission of the view's model, for whatever is done with it."""

    perms_map = dict.fromkeys(("GET", "HEAD", "OPTIONS", "POST"), _VIEW)
