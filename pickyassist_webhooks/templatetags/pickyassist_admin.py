"""The overview as a tag, so that it can stand on any page of the admin."""

from __future__ import annotations

from typing import Any

from django import template
from django.contrib.admin.sites import all_sites, site

from ..admin.overview import Overview

register = template.Library()


@register.inclusion_tag("pickyassist_webhooks/admin/overview.html", takes_context=True)
def pickyassist_overview(context: dict[str, Any]) -> dict[str, Any]:
    """Show what came, what became of it and what needs attention, as far as the user may see it."""
    request = context["request"]
    named = (each for each in all_sites if each.name == getattr(request, "current_app", ""))
    overview = Overview(request, next(named, site))
    return {"overview": overview, "csrf_token": context.get("csrf_token")}
