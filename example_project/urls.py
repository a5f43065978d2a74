from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

from example_project.description import DescriptionView
from example_project.health import healthz
from example_project.index import IndexView

admin.site.index_template = "example_project/admin_index.html"

urlpatterns = [
    path("", IndexView.as_view(), name="index"),
    path("admin/", admin.site.urls),
    path("pickyassist/", include("pickyassist_webhooks.urls")),
    path("api/", include("pickyassist_webhooks.api.urls")),
    path("api/docs/", DescriptionView.as_view(), name="description"),
    path("health/", include("pickyassist_webhooks.health.urls")),
    path("healthz/", healthz),
]
