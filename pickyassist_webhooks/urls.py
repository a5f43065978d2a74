from django.urls import path, re_path

from .views import receive

app_name = "pickyassist_webhooks"

urlpatterns = [
    path("events/<str:secret>/", receive, name="events"),
    path("events/<str:secret>", receive),
    # With white space after the slash, or without a secret: our JSON 403, not an HTML page.
    re_path(r"^events(?:/(?P<secret>[\s\S]*))?\Z", receive),
]
