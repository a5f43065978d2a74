from django.urls import path

from .views import show

app_name = "pickyassist_webhooks_health"

urlpatterns = [path("", show, name="report")]
