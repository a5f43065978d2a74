"""Lists that are fast with any number of rows, and that can be exported as a file."""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ERROR_FLAG, PAGE_VAR, SEARCH_VAR, ChangeList
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db import DataError, ProgrammingError, models
from django.db.models import F, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.functional import cached_property
from django.utils.text import get_text_list
from django.utils.translation import gettext
from django.views.decorators.http import require_safe

from ..models import DeliveryReport
from ..models.ids import id_of
from ..models.masking import Masks
from ..models.numbers import MIN_END
from ..permissions import VIEW_PERSONAL_DATA
from ..transactions import outside_of_transactions
from . import badges
from .days import DaysFilter
from .exporting import FORMATS, file_response
from .filters import ChosenFilter
from .labels import grouped
from .searching import condition

#: Rows that one search returns, the newest ones.
MAX_MATCHES = 1000

#: Rows that a list counts and pages through, the newest ones.
MAX_COUNTED = 5000

#: What drivers raise for values that Django lets pass, such as a number of more than 64 bits.
_REFUSED = (DataError, OverflowError, ProgrammingError, ValueError)


class BoundedPaginator(Paginator):  # type: ignore[type-arg]
    """Counts only as many rows as people page through."""

    @cached_property
    def pks(self) -> list[int]:
        """The ids of the rows in no order, and one more if there are more."""
        rows: Any = self.object_list
        return list(rows.order_by().values_list("pk", flat=True)[: MAX_COUNTED + 1])

    @cached_property
    def count(self) -> int:
        return min(len(self.pks), MAX_COUNTED)

    @property
    def is_cut(self) -> bool:
        """Whether there are more rows than pages for them."""
        return len(self.pks) > MAX_COUNTED


class BoundedList(ChangeList):
    def get_ordering(self, request: HttpRequest, queryset: QuerySet[Any]) -> list[Any]:
        """Order by one column, and by ids in the same direction: as an index does."""
        ordering: list[Any] = super().get_ordering(request, queryset)
        first = ordering[0]
        return [first] if "pk" in first else [first, "-pk" if first[0] == "-" else "pk"]

    def get_results(self, request: HttpRequest) -> None:
        try:
            super().get_results(request)
        except _REFUSED as err:
            if not self.params:  # then no filter of the URL is to blame
                raise
            raise IncorrectLookupParameters(err) from err
        if not self.multi_page and any(name.endswith("__in") for name in self.params):
            # By their ids: with an order, SQLite would look for rare values in every row.
            self.result_list = self.queryset.filter(pk__in=self.paginator.pks)
        for row in self.result_list:
            row.viewer = request.user
        if badges.has_tests(request, self.model):
            badges.mark(request, self.result_list)

    def get_queryset(self, *args: Any, **kwargs: Any) -> QuerySet[Any]:
        admin: Any = self.model_admin
        return super().get_queryset(*args, **kwargs).defer(*admin.large)


class ListAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """A list in which every filter, search and order is a range of an index."""

    change_list_template = "pickyassist_webhooks/admin/change_list.html"
    list_per_page = 50
    # Django would count the whole table for a number on the page.
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    paginator = BoundedPaginator
    sortable_by: ClassVar[tuple[str, ...]] = ("received_at",)
    #: Columns that may be as large as a request; no list shows them.
    large: tuple[str, ...] = ()

    def masks(self, user: Any) -> Masks:
        """Return the masks of personal data for this user."""
        return {} if user.has_perm(VIEW_PERSONAL_DATA) else self.model.personal

    def get_urls(self) -> list[URLPattern]:
        view = require_safe(self.export_view)
        exports = [
            self.route(f"export.{name}", view, f"export_{name}", {"name": name}) for name in FORMATS
        ]
        return [*exports, *super().get_urls()]

    def route(
        self, pattern: str, view: Any, page: str, arguments: dict[str, Any] | None = None
    ) -> URLPattern:
        """Return the route to a page for users who may enter the site; no one caches it."""
        of_site: Any = self.admin_site.admin_view(view)
        route: URLPattern = path(pattern, of_site, arguments, self._page(page))
        return route

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return BoundedList

    # Actions process requests, and those commit before they call receivers.
    @outside_of_transactions
    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        context = {"tools": self.tools(request), **(extra_context or {})}
        response = super().changelist_view(request, context)
        shown = getattr(response, "context_data", None) or {}
        if ERROR_FLAG in request.GET and "cl" in shown:
            error = gettext("A filter in the address was invalid: all rows are shown.")
            self.message_user(request, error, messages.ERROR)
        return response

    def tools(self, request: HttpRequest) -> list[tuple[Any, str]]:
        """Return label and URL of each link above the list."""
        parameters = request.GET.copy()
        parameters.pop(PAGE_VAR, None)
        return [
            (file.label, f"{self.url(f'export_{name}')}?{parameters.urlencode()}")
            for name, file in FORMATS.items()
        ]

    def response_action(
        self, request: HttpRequest, queryset: QuerySet[Any], *args: Any, **named: Any
    ) -> Any:
        across = request.POST.get("select_across", "0") != "0"
        most = self.most_selected(request)
        if across and most is not None and queryset.order_by()[: most + 1].count() > most:
            refusal = gettext("More than %(count)s rows are selected: filter the list first.")
            self.message_user(request, refusal % {"count": grouped(most)}, messages.ERROR)
            return None
        posted = request.POST.copy()
        pks = [pk for pk in posted.getlist(ACTION_CHECKBOX_NAME) if id_of(pk) is not None]
        posted.setlist(ACTION_CHECKBOX_NAME, pks)
        request.POST = posted  # type: ignore[assignment]
        return super().response_action(request, queryset, *args, **named)

    def most_selected(self, request: HttpRequest) -> int | None:
        """Return how many rows the chosen action takes at most, ``None`` if any number."""
        fields = settings.DATA_UPLOAD_MAX_NUMBER_FIELDS
        if "delete_selected" in request.POST.getlist("action") and fields is not None:
            # Django's page that asks first has a field for each row, and some more.
            return max(min(MAX_COUNTED, fields - 10), 0)
        return MAX_COUNTED

    def get_list_filter(self, request: HttpRequest) -> list[Any]:
        """Return the filters; a column of moments has one by days."""
        filters = map(self._filter, super().get_list_filter(request))
        has_tests = badges.has_tests(request, self.model)
        return [*filters, badges.TestEventFilter] if has_tests else [*filters]

    def _filter(self, each: Any) -> Any:
        if each in self.sortable_by:
            return each, DaysFilter
        field: Any = isinstance(each, str) and self.opts.get_field(each)
        return (each, ChosenFilter) if field and field.choices else each

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        # Django allows filters by any column in the URL, also by one without an index or with
        # personal data.
        name = lookup.partition("__")[0]
        columns = {each for field in self.opts.fields for each in (field.name, field.attname)}
        allowed = {getattr(each, "parameter_name", each) for each in self.list_filter}
        if name in columns - allowed - {"id"}:
            return False
        return super().lookup_allowed(lookup, value, request)

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        changelist = super().get_changelist_instance(request)
        searched = self.searched(request)
        # A column that shows a field in its own way is sorted as the field is.
        columns: Any = changelist.list_display
        changelist.sortable_by = [
            column
            for column in columns
            if getattr(column, "admin_order_field", column) in self.sortable_by
        ]
        names = get_text_list(searched, gettext("or"))
        help_text = gettext("Exact match: %(names)s.") % {"names": names}
        if verbose_name(DeliveryReport, "number") in searched:
            end = gettext("The last %(count)d digits or more also find a number.")
            help_text = f"{help_text} {end % {'count': MIN_END}}"
        changelist.search_help_text = help_text
        return changelist

    def get_search_fields(self, request: HttpRequest) -> list[str]:
        masks = self.masks(request.user)
        return [name for name in map(str, self.search_fields) if name not in masks]

    def searched(self, request: HttpRequest) -> list[str]:
        """Return the names of the fields that a search reads."""
        return [verbose_name(self.model, name) for name in self.get_search_fields(request)]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Find an exact id or number; Django's own search would split "Mum (home)"."""
        if term := search_term.strip():
            pks = self.matches(term, request, queryset.db, MAX_MATCHES + 1)
            if not pks:
                return self.otherwise(term, queryset), False
            if len(pks) > MAX_MATCHES:
                note = gettext(
                    "More than %(count)s rows match the search. The list has those of the newest"
                    " %(count)s that pass the filters; an export has all."
                )
                if not hasattr(request, "pickyassist_noted"):  # an action makes the list twice
                    request.pickyassist_noted = True  # type: ignore[attr-defined]
                    self.message_user(request, note % {"count": grouped(MAX_MATCHES)})
            queryset = queryset.filter(pk__in=pks[:MAX_MATCHES])
        return queryset, False

    def otherwise(self, term: str, rows: QuerySet[Any]) -> QuerySet[Any]:
        """Return the rows that match a search that finds no id."""
        return rows.none()

    def matches(
        self, term: str, request: HttpRequest, database: str, limit: int | None = None
    ) -> list[int]:
        """Return the ids of the rows that match a search, the newest first.

        They are read before the rows: in one statement with an order PostgreSQL would read all
        rows from the newest on, and MariaDB would run a subquery for each.
        """
        searches = [
            rows.order_by().values_list("match", flat=True)
            for rows in self.searches(term, request, database)
        ]
        if not searches:
            return []
        first, *others = searches
        return list(first.union(*others).order_by("-match")[:limit])

    def searches(self, term: str, request: HttpRequest, database: str) -> list[QuerySet[Any]]:
        """Return the querysets of a search: each uses one index and has the id as ``match``."""
        rows: QuerySet[Any] = self.model._default_manager.using(database)
        names = self.get_search_fields(request)
        return [rows.filter(condition(name, term)).annotate(match=F("pk")) for name in names]

    def export_view(self, request: HttpRequest, name: str) -> HttpResponseBase:
        """Send all rows that pass the filters of the URL, newest first, as a file."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        parameters = request.GET.copy()
        term = "".join(parameters.pop(SEARCH_VAR, [])[-1:]).strip()
        request.GET = parameters  # type: ignore[assignment]
        request.pickyassist_is_export = True  # type: ignore[attr-defined]
        try:
            changelist = self.get_changelist_instance(request)
        except IncorrectLookupParameters:
            return HttpResponseRedirect(f"{self.url('changelist')}?{ERROR_FLAG}=1")
        if any(getattr(each, "is_invalid", False) for each in changelist.filter_specs):
            return HttpResponseRedirect(f"{self.url('changelist')}?{request.META['QUERY_STRING']}")
        rows, pks = changelist.queryset, None
        if "\0" in term:  # no row has text with NUL, and PostgreSQL refuses to search for it
            rows = rows.none()
        elif term and not (pks := self.matches(term, request, rows.db) or None):
            rows = self.otherwise(term, rows)
        return file_response(request, FORMATS[name], rows, self.masks(request.user), pks)

    def url(self, page: str, *args: Any) -> str:
        """Return the URL of a page of this admin."""
        return reverse(f"{self.admin_site.name}:{self._page(page)}", args=args)

    def _page(self, name: str) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}_{name}"


def verbose_name(model: type[models.Model], name: str) -> str:
    """Return the verbose name of a model's field."""
    field: Any = model._meta.get_field(name)
    return str(field.verbose_name)
