"""The URLs of the tests and the read API."""

from django.urls import include, path

from tests.urls import urlpatterns as usual

urlpatterns = [*usual, path("api/", include("pickyassist_webhooks.api.urls"))]
