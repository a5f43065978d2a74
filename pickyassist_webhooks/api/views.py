"""The read API: requests, events and messages, and what is asked of them most."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema_view
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.exceptions import APIException, NotFound, PermissionDenied
from rest_framework.generics import ListAPIView
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.settings import api_settings
from rest_framework.views import APIView
from rest_framework.viewsets import ReadOnlyModelViewSet

from .. import ingest
from ..exceptions import BodyErased, RequestInWork
from ..models import (
    DeliveryReport,
    FilterReport,
    GroupMemberEvent,
    Message,
    NewSubscriber,
    WebhookRequest,
)
from ..models.requests import LARGE
from ..permissions import REPLAY, RETRY, VIEW_PERSONAL_DATA
from ..transactions import outside_of_transactions
from . import figures, filters, serializers
from .following import AFTER, follow
from .pagination import KeysetPagination
from .permissions import MayView
from .schema import Described, described
from .statistics import statistics


class Conflict(APIException):
    status_code = status.HTTP_409_CONFLICT
    default_detail = "A worker holds this request, or none of its receivers waits to be called."
    default_code = "in_work"


class Gone(APIException):
    status_code = status.HTTP_410_GONE
    default_detail = "The bytes of this request are erased."
    default_code = "erased"


ID = OpenApiParameter(
    "id",
    {
        "type": "string",
        "pattern": "^([0-9]{1,18}|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})$",
    },
    OpenApiParameter.PATH,
    description="The id of a request, or its token, which its answer had.",
)
FOLLOWED = OpenApiParameter(
    AFTER,
    str,
    description="Follow what comes to rest: blank at first, then from `next`. Beside it only "
    "`state`, of those at rest, and `page_size`.",
    allow_blank=True,
)
GROUP = OpenApiParameter(
    "group_id", str, OpenApiParameter.PATH, description="The group's id, as the vendor sends it."
)
NUMBER = OpenApiParameter(
    "number", str, OpenApiParameter.PATH, description="The number, as the vendor sends it."
)


class ReadingViewSet(ReadOnlyModelViewSet[Any]):
    """What all lists share: permissions, filters that refuse what is none, and the order."""

    schema = Described()
    versioning_class = None
    permission_classes = (*api_settings.DEFAULT_PERMISSION_CLASSES, MayView)
    filter_backends = (filters.StrictBackend,)
    pagination_class = KeysetPagination
    # Whatever it is: what is no id is our 404, rather than a page of the project's.
    lookup_value_regex = "[^/]+"
    #: Fields to order by; the first one, the newest first, is the order without being asked.
    orderings: tuple[str, ...] = ("received_at", "id")
    #: Parameters of a list beside its filters.
    parameters: frozenset[str] = frozenset()


@extend_schema_view(list=described(parameters=[FOLLOWED]), retrieve=described(parameters=[ID]))
class WebhookRequestViewSet(ReadingViewSet):
    """Accepted POSTs, and what became of each."""

    queryset = WebhookRequest.objects.all()
    serializer_class = serializers.WebhookRequestSerializer
    filterset_class = filters.RequestFilters
    orderings = ("id", "received_at")
    parameters = frozenset({AFTER})

    @classmethod
    def as_view(cls, *args: Any, **kwargs: Any) -> Any:
        # A replay commits before receivers are called.
        return outside_of_transactions(super().as_view(*args, **kwargs))

    def get_queryset(self) -> QuerySet[Any]:
        requests = super().get_queryset()
        if self.action == "retrieve":
            return requests.defer("history")
        return requests.defer(*LARGE)

    def get_serializer_class(self) -> Any:
        if self.action == "list":
            return self.serializer_class
        return serializers.WebhookRequestDetailSerializer

    def get_object(self) -> Any:
        """Find a request by its token, which its answer had, or by its id."""
        filters.refuse_unknown(self.request, set())
        asked = self.kwargs["pk"]
        is_id = asked.isdecimal() and len(asked) < 19
        try:
            found = self.get_queryset().get(**{"pk" if is_id else "token": asked})
        except (WebhookRequest.DoesNotExist, ValueError, TypeError, ValidationError):
            raise NotFound from None
        self.check_object_permissions(self.request, found)
        return found

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        if AFTER in request.query_params:
            return follow(request, self.get_queryset(), self.get_serializer_context())
        return super().list(request, *args, **kwargs)

    @described(
        operation_id="requests_replay",
        parameters=[ID],
        request=serializers.ReplaySerializer,
        responses=serializers.WebhookRequestDetailSerializer,
        extensions={"x-answers": ["409", "410", "415"]},
    )
    @action(detail=True, methods=["post"])
    def replay(self, request: Request, pk: str = "") -> Response:
        """Process a request again from its bytes, or only call its failed receivers again."""
        asked = serializers.ReplaySerializer(data=request.data)
        if not any(map(request.user.has_perm, (REPLAY, RETRY))):
            raise PermissionDenied
        asked.is_valid(raise_exception=True)
        needed = RETRY if asked.validated_data["only_failed_receivers"] else REPLAY
        if not request.user.has_perm(needed):
            raise PermissionDenied(f"For this, the permission {needed}.")
        found = self.get_object()
        try:
            ingest.replay(found.pk, request.user.get_username(), **asked.validated_data)
        except RequestInWork:
            raise Conflict from None
        except BodyErased:
            raise Gone from None
        except WebhookRequest.DoesNotExist:
            raise NotFound from None  # deleted, or pruned, meanwhile
        return Response(self.get_serializer(self.get_object()).data)


class DeliveryReportViewSet(ReadingViewSet):
    """What was reported of messages: submitted, delivered, read, failed, refunded."""

    queryset = DeliveryReport.objects.all()
    serializer_class = serializers.DeliveryReportSerializer
    filterset_class = filters.DeliveryFilters


class FilterReportViewSet(ReadingViewSet):
    """Which numbers are on WhatsApp, as it was reported."""

    queryset = FilterReport.objects.all()
    serializer_class = serializers.FilterReportSerializer
    filterset_class = filters.FilterReportFilters


class GroupMemberEventViewSet(ReadingViewSet):
    """Who joined and left a group."""

    queryset = GroupMemberEvent.objects.all()
    serializer_class = serializers.GroupMemberEventSerializer
    filterset_class = filters.GroupFilters


class NewSubscriberViewSet(ReadingViewSet):
    """Who wrote to a project for the first time."""

    queryset = NewSubscriber.objects.all()
    serializer_class = serializers.NewSubscriberSerializer
    filterset_class = filters.SubscriberFilters


class MessageViewSet(ReadingViewSet):
    """What became of each message."""

    queryset = Message.objects.all()
    serializer_class = serializers.MessageSerializer
    filterset_class = filters.MessageFilters
    orderings = ("first_reported_at", "id")


class StandingView(ListAPIView[Any]):
    """Facts that follow from all events of a group or a number."""

    schema = Described()
    versioning_class = None
    permission_classes = (*api_settings.DEFAULT_PERMISSION_CLASSES, MayView)
    filter_backends = (filters.StrictBackend,)
    filterset_class = filters.ProjectFilters
    pagination_class = KeysetPagination
    orderings: tuple[str, ...] = ("received_at", "id")
    parameters: frozenset[str] = frozenset()

    def asked(self, name: str) -> str:
        """Return a text of the URL. One with NUL is nobody's, and PostgreSQL refuses to look."""
        text: str = self.kwargs[name]
        if "\0" in text:
            raise NotFound
        return text


@extend_schema_view(get=described(operation_id="groups_members", parameters=[GROUP]))
class MembersView(StandingView):
    """Who is in a group now: the events by which they joined."""

    queryset = GroupMemberEvent.objects.all()
    serializer_class = serializers.GroupMemberEventSerializer

    def get_queryset(self) -> QuerySet[Any]:
        project_id = self.request.query_params.get("project_id")
        return GroupMemberEvent.objects.members_of(self.asked("group_id"), project_id)


@extend_schema_view(get=described(operation_id="numbers_verdict", parameters=[NUMBER]))
class VerdictView(StandingView):
    """Whether a number is on WhatsApp: the standing report of each project."""

    queryset = FilterReport.objects.all()
    serializer_class = serializers.FilterReportSerializer

    def get_queryset(self) -> QuerySet[Any]:
        if not self.request.user.has_perm(VIEW_PERSONAL_DATA):
            raise PermissionDenied(f"To ask for a number, the permission {VIEW_PERSONAL_DATA}.")
        return FilterReport.objects.filter(number=self.asked("number")).verdicts()


class StatisticsView(APIView):
    """The figures of the admin's overview, each part for who may view its rows."""

    schema = Described()
    versioning_class = None
    permission_classes = (*api_settings.DEFAULT_PERMISSION_CLASSES, IsAuthenticated)

    @described(
        operation_id="stats",
        parameters=[figures.PeriodSerializer],
        responses=figures.StatisticsSerializer,
    )
    def get(self, request: Request) -> Response:
        """Return the figures of the admin's overview, each part null for who may not view it."""
        filters.refuse_unknown(request, {"days"})
        asked = figures.PeriodSerializer(data=request.query_params)
        asked.is_valid(raise_exception=True)
        found = statistics(asked.validated_data["days"], request.user.has_perm)
        return Response(figures.StatisticsSerializer(found).data)
