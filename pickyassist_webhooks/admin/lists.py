"""Lists that answer at once, however many rows there are, and can be taken along as a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin, messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ERROR_FLAG, PAGE_VAR, SEARCH_VAR, ChangeList
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db import models
from django.db.models import F, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.functional import cached_property
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.views.decorators.http import require_safe

from ..masking import Masks
from ..permissions import VIEW_PERSONAL_DATA
from ..transactions import outside_of_transactions
from .exporting import FORMATS, file_response

if TYPE_CHECKING:
    AnyModelAdmin = admin.ModelAdmin[Any]
else:
    AnyModelAdmin = admin.ModelAdmin

#: Rows found by one search, the newest of them.
MAX_FOUND = 1000

#: Rows that a list counts and has pages for, the newest of them.
MAX_COUNTED = 5000


class BoundedPaginator(Paginator):  # type: ignore[type-arg]
    """Counts no further than people leaf."""

    @cached_property
    def _counted(self) -> int:
        rows: Any = self.object_list
        return int(rows.order_by()[: MAX_COUNTED + 1].count())

    @cached_property
    def count(self) -> int:
        return min(self._counted, MAX_COUNTED)

    @property
    def is_cut(self) -> bool:
        """Whether there are more rows than pages for them."""
        return self._counted > MAX_COUNTED


class BoundedList(ChangeList):
    def get_ordering(self, request: HttpRequest, queryset: QuerySet[Any]) -> list[Any]:
        """Order by one column, and by ids in the same direction: as an index does."""
        ordering: list[Any] = super().get_ordering(request, queryset)
        first = ordering[0]
        return [first] if "pk" in first else [first, "-pk" if first[0] == "-" else "pk"]

    def get_queryset(self, *args: Any, **kwargs: Any) -> QuerySet[Any]:
        admin: Any = self.model_admin
        return super().get_queryset(*args, **kwargs).defer(*admin.large)


class ListAdmin(AnyModelAdmin):
    """A list of which every filter, every search and the order is a range of an index."""

    change_list_template = "pickyassist_webhooks/admin/change_list.html"
    list_per_page = 50
    # Counts of the whole table, for a number on the page.
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    paginator = BoundedPaginator
    sortable_by: ClassVar[tuple[str, ...]] = ("received_at",)
    #: Columns that no list shows and that may be as large as a request.
    large: ClassVar[tuple[str, ...]] = ()

    def masks(self, request: HttpRequest) -> Masks:
        """Return how fields with personal data are shown to whoever asks."""
        return {} if request.user.has_perm(VIEW_PERSONAL_DATA) else self.model.personal

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(require_safe(self.export_view))
        exports = [
            path(f"export.{name}", view, {"name": name}, self._page(f"export_{name}"))
            for name in FORMATS
        ]
        return [*exports, *super().get_urls()]

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return BoundedList

    # Actions process requests, which commits before receivers are called.
    @outside_of_transactions
    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        context = {"tools": self.tools(request), **(extra_context or {})}
        return super().changelist_view(request, context)

    def tools(self, request: HttpRequest) -> list[tuple[Any, str]]:
        """Return label and URL of what the list offers besides its rows."""
        asked = request.GET.copy()
        asked.pop(PAGE_VAR, None)
        return [
            (file.label, f"{self.url(f'export_{name}')}?{asked.urlencode()}")
            for name, file in FORMATS.items()
        ]

    def response_action(
        self, request: HttpRequest, queryset: QuerySet[Any], *args: Any, **named: Any
    ) -> Any:
        across = request.POST.get("select_across", "0") != "0"
        if across and BoundedPaginator(queryset, self.list_per_page).is_cut:
            said = gettext("These are more than %(count)d: narrow them down by a filter first.")
            self.message_user(request, said % {"count": MAX_COUNTED}, messages.ERROR)
            return None
        return super().response_action(request, queryset, *args, **named)

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        # Django lets anybody filter by any column in the URL, whether there is an index or not,
        # and so find out what is in it.
        asked = lookup.partition("__")[0]
        columns = {name for field in self.opts.fields for name in (field.name, field.attname)}
        if asked in columns - {*map(str, self.list_filter), *self._parameters(), "id"}:
            return False
        return super().lookup_allowed(lookup, value, request)

    def _parameters(self) -> set[str]:
        return {getattr(each, "parameter_name", "") for each in self.list_filter}

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        changelist = super().get_changelist_instance(request)
        names = capfirst(", ".join(self.searched(request)))
        changelist.search_help_text = gettext("%(names)s: the whole of it.") % {"names": names}
        return changelist

    def get_search_fields(self, request: HttpRequest) -> list[str]:
        masks = self.masks(request)
        return [name for name in map(str, self.search_fields) if name not in masks]

    def searched(self, request: HttpRequest) -> list[str]:
        """Return the names of what a search looks into."""
        return [verbose_name(self.model, name) for name in self.get_search_fields(request)]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Find by the whole of an id or number; Django's own search would split "Mum (home)"."""
        if term := search_term.strip():
            found = self.found(term, request, queryset.db, MAX_FOUND + 1)
            if len(found) > MAX_FOUND:
                said = gettext("There are more than %(count)d: these are the newest of them.")
                self.message_user(request, said % {"count": MAX_FOUND})
            queryset = queryset.filter(pk__in=found[:MAX_FOUND])
        return queryset, False

    def found(
        self, term: str, request: HttpRequest, database: str, limit: int | None = None
    ) -> list[int]:
        """Return the ids of what a search finds, the newest first.

        Asked for before the rows: in one statement with their order PostgreSQL would leaf through
        all rows there are, from the newest on, and MariaDB ask a subquery for each of them.
        """
        places = [
            rows.order_by().values_list("found", flat=True)
            for rows in self.places(term, request, database)
        ]
        if not places:
            return []
        first, *others = places
        return list(first.union(*others).order_by("-found")[:limit])

    def places(self, term: str, request: HttpRequest, database: str) -> list[QuerySet[Any]]:
        """Return where a search looks: rows by one index each, ``found`` being the id."""
        rows: QuerySet[Any] = self.model._default_manager.using(database)
        names = self.get_search_fields(request)
        return [rows.filter(**{name: term}).annotate(found=F("pk")) for name in names]

    def export_view(self, request: HttpRequest, name: str) -> HttpResponseBase:
        """Send all rows that the filters in the URL leave, newest first, as a file."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        asked = request.GET.copy()
        term = "".join(asked.pop(SEARCH_VAR, [])).strip()
        request.GET = asked  # type: ignore[assignment]
        try:
            rows = self.get_changelist_instance(request).queryset
        except IncorrectLookupParameters:
            return HttpResponseRedirect(f"{self.url('changelist')}?{ERROR_FLAG}=1")
        pks = None
        if term:  # found without a limit; text with NUL is nowhere, and PostgreSQL refuses to look
            pks = [] if "\0" in term else self.found(term, request, rows.db)
        return file_response(request, FORMATS[name], rows, self.masks(request), pks)

    def url(self, page: str, *args: Any) -> str:
        """Return where a page of this admin is."""
        return reverse(f"{self.admin_site.name}:{self._page(page)}", args=args)

    def _page(self, name: str) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}_{name}"


def verbose_name(model: type[models.Model], name: str) -> str:
    """Return the name of a model's field as people read it."""
    field: Any = model._meta.get_field(name)
    return str(field.verbose_name)
