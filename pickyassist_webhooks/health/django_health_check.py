"""The report as a check of the package ``django-health-check``, version 4."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import connections
from health_check.base import HealthCheck
from health_check.exceptions import ServiceUnavailable, ServiceWarning

from ..choices import Level
from ..models.requests import database_of_requests
from .reports import report


@dataclass
class PickyAssistWebhooks(HealthCheck):
    """Fail if a condition is failing, and with ``warn`` also if one is degraded.

    Strangers may read the result, so it names the conditions without their reasons.
    """

    warn: bool = False

    def run(self) -> None:
        connection = connections[database_of_requests()]
        is_new = connection.connection is None
        try:
            current = report()
        finally:
            if is_new:  # a thread of the package, which never closes it
                connection.close()
        names = ", ".join(
            f"{each.condition} is {each.level.value}"
            for each in current.conditions
            if each.level != Level.OK
        )
        if current.status == Level.FAILING:
            raise ServiceUnavailable(names)
        if current.status == Level.DEGRADED and self.warn:
            raise ServiceWarning(names)
