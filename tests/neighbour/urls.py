from django.urls import include, path
from rest_framework.routers import SimpleRouter

from tests.neighbour.views import viewsets_of_theirs

router = SimpleRouter()
for prefix, viewset in viewsets_of_theirs():
    router.register(prefix, viewset, prefix)

urlpatterns = [
    path("api/<str:version>/", include(router.urls)),
    path("api/<str:version>/pickyassist/", include("pickyassist_webhooks.api.urls")),
    path("pickyassist/", include("pickyassist_webhooks.urls")),
]
