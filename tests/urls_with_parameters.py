"""A project that includes all URLs under a path with a parameter."""

from django.urls import include, path

urlpatterns = [
    path("<slug:tenant>/hook/", include("pickyassist_webhooks.urls")),
    path("v<str:version>/api/", include("pickyassist_webhooks.api.urls")),
]
