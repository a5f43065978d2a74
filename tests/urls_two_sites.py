"""The admin, and a second admin site with another name."""

from django.contrib import admin
from django.urls import path

from tests.urls import urlpatterns as served

staff = admin.AdminSite("staff")
for model, model_admin in admin.site._registry.items():
    staff.register(model, type(model_admin))

urlpatterns = [path("staff/", staff.urls), *served]
