"""The overview as a tag for any page of the admin, and filters for the templates."""

from __future__ import annotations

from typing import Any

from django import template
from django.contrib.admin.sites import all_sites, site
from django.urls import reverse
from django.utils.http import urlencode

from ..insights.error_codes import explained
from ..models import masking
from ..parsing.characters import visible
from . import labels, text
from .failures import exception_of
from .overview import Overview

register = template.Library()
for in_words in (
    labels.channel,
    labels.country,
    labels.duration,
    labels.grouped,
    labels.percent,
    labels.points,
    labels.symbol,
    labels.to_the_second,
    text.breakable,
    text.expected,
    text.shortened,
    exception_of,
    explained,
    visible,
):
    register.filter(in_words.__name__, in_words)
register.filter("masked_group", masking.group_id)


@register.inclusion_tag("pickyassist_webhooks/admin/overview.html", takes_context=True)
def pickyassist_overview(context: dict[str, Any]) -> dict[str, Any]:
    """Show the overview, as far as the user may see it."""
    request = context["request"]
    sites = (one_site for one_site in all_sites if one_site.name == _current_app(request))
    overview = Overview(request, next(sites, site))
    return {"overview": overview, "request": request}


@register.simple_tag(takes_context=True)
def pickyassist_url(
    context: dict[str, Any], page: str, *pairs: Any, pk: int | None = None, **query: Any
) -> str:
    """Return the URL of a page with these filters; ``pairs`` are names and values of more."""
    url: str = reverse(
        f"admin:pickyassist_webhooks_{page}",
        args=[] if pk is None else [pk],
        current_app=_current_app(context["request"]),
    )
    query |= dict(zip(pairs[::2], pairs[1::2], strict=True))
    return f"{url}?{urlencode(query)}" if query else url


def _current_app(request: Any) -> str:
    """Return the name of the page's admin site, as Django's ``url`` tag finds it."""
    match = getattr(request, "resolver_match", None)
    return str(getattr(request, "current_app", None) or getattr(match, "namespace", ""))
