"""The read API: requests, events, messages and statistics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from rest_framework.decorators import action
from rest_framework.exceptions import NotFound, ParseError, PermissionDenied
from rest_framework.generics import get_object_or_404
from rest_framework.permissions import DjangoModelPermissions, IsAuthenticated
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.settings import api_settings
from rest_framework.views import APIView
from rest_framework.viewsets import ReadOnlyModelViewSet

from .. import ingest
from ..choices import EventKind
from ..exceptions import BodyErased, RequestInWork
from ..models import (
    ChatMessage,
    DeliveryReport,
    FilterReport,
    GroupMemberEvent,
    Message,
    NewSubscriber,
    WebhookRequest,
)
from ..models.ids import id_of
from ..models.requests import LARGE, database_of_requests
from ..permissions import REPLAY, RETRY
from ..transactions import outside_of_transactions
from . import filters, serializers
from .change_feed import AFTER, change_feed
from .components import Schema
from .errors import Conflict, Gone
from .pagination import KeysetPagination
from .renderers import without_links
from .schema import ID, Described, described
from .statistics import PeriodSerializer, StatisticsSerializer, statistics


class MayView(DjangoModelPermissions):
    """Require the ``view`` permission of the view's model for every method."""

    perms_map = {
        method: ["%(app_label)s.view_%(model_name)s"]
        for method in ("GET", "HEAD", "OPTIONS", "POST")
    }

    def _queryset(self, view: Any) -> Any:
        # Only the model matters; the schema is generated without URL parameters.
        return view.queryset


# A cache of the whole site would give one client's rows to another, and repeat an old change feed.
@method_decorator(never_cache, name="dispatch")
class ReadingView(APIView):
    """Base of all views: permissions and OpenAPI description."""

    schema = Described()
    # The project's API versions do not apply here; its path or header can name one.
    versioning_class = None
    permission_classes = (*api_settings.DEFAULT_PERMISSION_CLASSES, MayView)
    #: The resource and an optional part of it; together they name the operation.
    resource: str
    part = ""
    #: The descriptions of the URL parameters.
    paths: ClassVar[Mapping[str, Schema]] = {}

    def get_renderers(self) -> list[BaseRenderer]:
        return [without_links(renderer) for renderer in super().get_renderers()]


class ListingView(ReadingView):
    """Base of all lists: strict filters, ordering and pages."""

    filter_backends = (filters.StrictBackend,)
    pagination_class = KeysetPagination
    #: Fields to order by; the default is the first field, newest first.
    orderings: tuple[str, ...] = ("received_at", "id")
    #: Parameters of a list that are not filters, with their descriptions.
    parameters: ClassVar[Mapping[str, str]] = {}
    queryset: Any
    serializer_class: Any = None

    def get_serializer_class(self) -> Any:
        """Return the serializer of this view, or the one of its kind of event."""
        return self.serializer_class or serializers.EVENTS[self.queryset.model.kind]


class ReadingViewSet(ListingView, ReadOnlyModelViewSet[Any]):
    """Base of all lists whose rows have a page of their own."""

    # Match any text, so that an invalid ID gets a JSON 404, not the project's page.
    lookup_value_regex = "[^/]+"

    def get_object(self) -> Any:
        """Return the row of the URL. The filters of the list do not apply to it."""
        filters.refuse_unknown(self.request, set())
        row = get_object_or_404(self.get_queryset(), **self.key_of(self.kwargs["pk"]))
        self.check_object_permissions(self.request, row)
        return row

    def key_of(self, text: str) -> dict[str, Any]:
        """Return the column and the value that find a row."""
        # Django's fields take any text that int() takes, such as 1_0.
        if id_of(text) is None:
            raise NotFound
        return {"pk": text}


class WebhookRequestViewSet(ReadingViewSet):
    """Accepted POSTs and their state."""

    queryset = WebhookRequest.objects.all()
    serializer_class = serializers.WebhookRequestSerializer
    filterset_class = filters.RequestFilters
    orderings = ("id", "received_at")
    parameters: ClassVar = {
        AFTER: "Read the change feed of finished requests: blank at first, then from `next`. Only "
        "`state` (a finished one) and `page_size` can be combined with it."
    }
    resource = "requests"
    paths: ClassVar = dict.fromkeys(("id", "pk"), ID)

    @classmethod
    def as_view(cls, *args: Any, **kwargs: Any) -> Any:
        # A replay commits before receivers are called.
        return outside_of_transactions(super().as_view(*args, **kwargs))

    def get_permissions(self) -> list[Any]:
        """For a replay, ask the project's model permissions who may view requests, not add them."""
        permissions = super().get_permissions()
        for each in permissions if self.action == "replay" else ():
            if isinstance(each, DjangoModelPermissions):
                each.perms_map = {**each.perms_map, "POST": MayView.perms_map["POST"]}
        return permissions

    def get_queryset(self) -> QuerySet[Any]:
        requests = super().get_queryset()
        if self.action == "list":
            return requests.defer(*LARGE)
        if self.action == "replay":
            # A replica may not have the request yet, or only its earlier state.
            requests = requests.using(database_of_requests())
        return requests.defer("history")

    def get_serializer_class(self) -> Any:
        if self.action == "list":
            return self.serializer_class
        return serializers.WebhookRequestDetailSerializer

    def key_of(self, text: str) -> dict[str, Any]:
        """Find a request by its ID or its token."""
        return {"token" if id_of(text) is None else "pk": text}

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        if AFTER in request.query_params:
            return change_feed(request, self.get_queryset(), self.get_serializer_context())
        return super().list(request, *args, **kwargs)

    @described(request=serializers.ReplaySerializer)
    @action(detail=True, methods=["post"])
    def replay(self, request: Request, **kwargs: Any) -> Response:
        """Process a request again, or only call its failed receivers again."""
        if not any(map(request.user.has_perm, (REPLAY, RETRY))):
            raise PermissionDenied
        asked = serializers.ReplaySerializer(data=_body_of(request))
        asked.is_valid(raise_exception=True)
        needed = RETRY if asked.validated_data["only_failed_receivers"] else REPLAY
        if not request.user.has_perm(needed):
            raise PermissionDenied(f"This action requires the permission {needed}.")
        row = self.get_object()
        try:
            ingest.replay(row.pk, request.user.get_username(), **asked.validated_data)
        except RequestInWork:
            raise Conflict from None
        except BodyErased:
            raise Gone from None
        except WebhookRequest.DoesNotExist:
            raise NotFound from None  # deleted or pruned meanwhile
        return Response(self.get_serializer(self.get_object()).data)


def _body_of(request: Request) -> Any:
    """Return the parsed body. Raises ``ParseError``."""
    try:
        return request.data
    except RecursionError:  # the JSON parser of Django REST framework lets it pass
        raise ParseError("The body is nested too deeply.") from None


class DeliveryReportViewSet(ReadingViewSet):
    """Delivery reports: submitted, delivered, read, failed, refunded."""

    queryset = DeliveryReport.objects.all()
    filterset_class = filters.OF_EVENTS[EventKind.DELIVERY_REPORT]
    resource = "delivery-reports"


class FilterReportViewSet(ReadingViewSet):
    """Filter reports: whether a number is on WhatsApp."""

    queryset = FilterReport.objects.all()
    filterset_class = filters.OF_EVENTS[EventKind.FILTER_REPORT]
    resource = "filter-reports"


class GroupMemberEventViewSet(ReadingViewSet):
    """Members who joined or left a group."""

    queryset = GroupMemberEvent.objects.all()
    filterset_class = filters.OF_EVENTS[EventKind.GROUP_MEMBER]
    resource = "group-events"


class NewSubscriberViewSet(ReadingViewSet):
    """People who wrote to a project for the first time."""

    queryset = NewSubscriber.objects.all()
    filterset_class = filters.OF_EVENTS[EventKind.NEW_SUBSCRIBER]
    resource = "subscribers"


class ChatMessageViewSet(ReadingViewSet):
    """Chat messages, received and sent."""

    queryset = ChatMessage.objects.all()
    filterset_class = filters.OF_EVENTS[EventKind.CHAT_MESSAGE]
    resource = "chat-messages"


class MessageViewSet(ReadingViewSet):
    """Messages with their current state."""

    queryset = Message.objects.all()
    serializer_class = serializers.MessageSerializer
    filterset_class = filters.MessageFilters
    orderings = ("first_reported_at", "id")
    resource = "messages"


class StatisticsView(ReadingView):
    """The statistics of the admin overview."""

    resource = "stats"
    # The project's permission classes can need a model; each part here has its own.
    _ignore_model_permissions = True
    serializer_class = StatisticsSerializer
    permission_classes = (*api_settings.DEFAULT_PERMISSION_CLASSES, IsAuthenticated)

    @described(parameters=[PeriodSerializer])
    def get(self, request: Request, **kwargs: Any) -> Response:
        """Return the statistics of the admin overview; a part is null without its permission."""
        filters.refuse_unknown(request, {"days"})
        asked = PeriodSerializer(data=request.query_params)
        asked.is_valid(raise_exception=True)
        numbers = statistics(asked.validated_data["days"], request.user.has_perm)
        return Response(self.serializer_class(numbers).data)
