"""The overview as a tag for any page of the admin, and a filter for times."""

from __future__ import annotations

from typing import Any

from django import template
from django.contrib.admin.sites import all_sites, site

from ..admin.labels import to_the_second
from ..admin.overview import Overview

register = template.Library()
register.filter("to_the_second", to_the_second)


@register.inclusion_tag("pickyassist_webhooks/admin/overview.html", takes_context=True)
def pickyassist_overview(context: dict[str, Any]) -> dict[str, Any]:
    """Show the overview, as far as the user may see it."""
    request = context["request"]
    sites = (one_site for one_site in all_sites if one_site.name == _current_app(request))
    overview = Overview(request, next(sites, site))
    return {"overview": overview, "csrf_token": context.get("csrf_token")}


def _current_app(request: Any) -> str:
    """Return the name of the page's admin site, as Django's ``url`` tag finds it."""
    match = getattr(request, "resolver_match", None)
    return str(getattr(request, "current_app", None) or getattr(match, "namespace", ""))
