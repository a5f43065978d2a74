"""Defaults of a project for all views, including those of this app."""

from rest_framework.authentication import BaseAuthentication
from rest_framework.renderers import JSONRenderer


class TheirAuthentication(BaseAuthentication):
    """An authentication class that drf-spectacular does not know."""

    def authenticate_header(self, request):
        return "Bearer"


class TheirRenderer(JSONRenderer):
    media_type = "application/vnd.theirs+json"
