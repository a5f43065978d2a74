"""The URLs of the read API; a project includes them under its own path."""

from django.core.exceptions import ImproperlyConfigured
from django.urls import include, path

try:
    from rest_framework.routers import SimpleRouter

    from . import current, views
    from .document import SchemaView
except ModuleNotFoundError as err:
    if str(err.name).partition(".")[0] not in (
        "rest_framework",
        "django_filters",
        "drf_spectacular",
    ):
        raise
    raise ImproperlyConfigured(
        f"The read API requires {err.name}, which is not installed. Install it: "
        'pip install "django-pickyassist-webhooks[api]".'
    ) from err

app_name = "pickyassist_webhooks_api"

router = SimpleRouter()
router.register("requests", views.WebhookRequestViewSet, "request")
router.register("delivery-reports", views.DeliveryReportViewSet, "delivery-report")
router.register("filter-reports", views.FilterReportViewSet, "filter-report")
router.register("group-events", views.GroupMemberEventViewSet, "group-event")
router.register("subscribers", views.NewSubscriberViewSet, "subscriber")
router.register("chat-messages", views.ChatMessageViewSet, "chat-message")
router.register("messages", views.MessageViewSet, "message")

urlpatterns = [
    path("", include(router.urls)),
    path("groups/<str:group_id>/members/", current.MembersView.as_view(), name="members"),
    path("numbers/<str:number>/verdict/", current.VerdictView.as_view(), name="verdict"),
    path(
        "numbers/<str:number>/conversation/",
        current.ConversationView.as_view(),
        name="conversation",
    ),
    path("messages/<str:pk>/replies/", current.RepliesView.as_view(), name="replies"),
    path("stats/", views.StatisticsView.as_view(), name="stats"),
    path("schema/", SchemaView.as_view(), name="schema"),
]
