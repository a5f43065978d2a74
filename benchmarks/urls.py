from __future__ import annotations

from anymail.webhooks.sparkpost import SparkPostTrackingWebhookView
from django.urls import include, path

from benchmarks.alternatives.views import keep_payload

urlpatterns = [
    path("pickyassist/", include("pickyassist_webhooks.urls")),
    path("bare/", keep_payload),
    path("anymail/", SparkPostTrackingWebhookView.as_view()),
]
