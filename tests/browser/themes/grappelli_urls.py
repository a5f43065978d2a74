from __future__ import annotations

from django.urls import include, path

from tests.browser.urls import urlpatterns as served

urlpatterns = [path("grappelli/", include("grappelli.urls")), *served]
