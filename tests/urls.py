from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("health/", include("pickyassist_webhooks.health.urls")),
    path("pickyassist/", include("pickyassist_webhooks.urls")),
]
