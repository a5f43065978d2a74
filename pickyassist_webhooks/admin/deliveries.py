"""The tables of delivery rates on the overview."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

from django.utils.translation import gettext

from ..insights.deliveries import DELIVERY_SAMPLE, Delivery, deliveries
from .labels import channel, country, grouped, percent, points

#: The parameter that only the links to failed messages have.
_STATUS = "status__in"

Query = dict[str, str]


def tables_of(days: Sequence[date], failed: Query, url: Callable[[Query], str]) -> dict[str, Any]:
    """Return a table for the countries and one for the channels, unless they are empty.

    ``failed`` has the filters for failed messages of these days; ``url`` makes a link of filters.
    """
    of_period = deliveries(days)

    def rows(deliveries: list[Delivery], name: str, label: Callable[[str], str]) -> Any:
        return [
            _row(each, label(each.name), failed | {name: each.name}, url) for each in deliveries
        ]

    tables = (
        ("country", gettext("Country"), rows(of_period.countries, "country", country)),
        ("channel", gettext("Channel"), rows(of_period.channels, "channel", channel)),
    )
    return {
        "tables": [table for table in tables if table[-1]],
        "sample": grouped(DELIVERY_SAMPLE) if of_period.is_cut else "",
    }


def _row(of: Delivery, label: str, failed: Query, url: Callable[[Query], str]) -> dict[str, str]:
    every = {name: value for name, value in failed.items() if name != _STATUS}
    return {
        "name": label or gettext("unknown"),
        "url": url(every),
        "count": grouped(of.submitted),
        "rate": percent(of.rate),
        "change": "" if of.change is None else points(of.change),
        "failed": grouped(of.failed),
        "failed_url": url(failed) if of.failed else "",
    }
