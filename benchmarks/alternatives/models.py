"""Models of the alternatives to this app."""

from __future__ import annotations

from django.db import models


class Payload(models.Model):
    """A webhook as a bare view stores it."""

    payload = models.JSONField()
    received_at = models.DateTimeField(auto_now_add=True)


class TrackingEvent(models.Model):
    """An event of django-anymail; a receiver stores each event once."""

    event_id = models.CharField(max_length=255, unique=True)
    message_id = models.CharField(max_length=255, db_index=True)
    event_type = models.CharField(max_length=50)
    recipient = models.CharField(max_length=255, db_index=True)
    timestamp = models.DateTimeField()
    payload = models.JSONField()
