from django.urls import path, re_path

from .views import receive

app_name = "pickyassist_webhooks"

urlpatterns = [
    path("events/<str:secret>/", receive, name="events"),
    path("events/<str:secret>", receive),
    # No secret, or one that no other pattern takes: our JSON 403 rather than an HTML page.
    re_path(r"^events(?:/[\s\S]*)?\Z", receive),
]
