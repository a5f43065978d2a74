"""What all pages of this admin share: they are read-only, and safe for what strangers sent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import FieldDoesNotExist
from django.db import models
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from ..characters import visible
from ..choices import CHANNELS
from ..export import csv_lines
from ..masking import Masks
from ..models import WebhookRequest
from ..transactions import outside_of_transactions
from .exporting import csv_response
from .text import preformatted, pretty_json, shortened

if TYPE_CHECKING:
    AnyModelAdmin = admin.ModelAdmin[Any]
else:
    AnyModelAdmin = admin.ModelAdmin

#: Whoever lacks it sees numbers masked and texts hidden, and cannot search by them.
VIEW_PERSONAL_DATA = "pickyassist_webhooks.view_personal_data"

# Of a body too, which is bytes.
_EMPTY: tuple[Any, ...] = ("", b"", None, {})

Column = str | Callable[[Any], str | bool]


class ReadOnlyAdmin(AnyModelAdmin):
    """Rows as they came. They are evidence: nobody adds or edits any, and deleting is Django's."""

    list_per_page = 50
    # A second COUNT, over the whole table, for one number on the page.
    show_full_result_count = False
    # Only what an index answers; the filters do the rest.
    sortable_by: ClassVar[tuple[str, ...]] = ("received_at",)
    ordering: ClassVar[tuple[str, ...]] = ("-pk",)
    actions: Sequence[str] = ("export_csv",)
    #: Columns of the admin's own that show a field of the model.
    fields_shown: ClassVar[dict[str, str]] = {}

    class Media:
        css = {"all": ("pickyassist_webhooks/admin.css",)}

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_list_display(self, request: HttpRequest) -> list[Column]:
        masks = self._masks(request)
        return [self._column(str(name), masks, in_list=True) for name in self.list_display]

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        masks = self._masks(request)
        return [
            (title, {"fields": [self._column(str(name), masks) for name in options["fields"]]})
            for title, options in self.fieldsets or ()
        ]

    # Actions process requests, which commits before receivers are called.
    @outside_of_transactions
    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        return super().changelist_view(request, extra_context)

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        # Django lets anybody filter by any column in the URL, and so find out what is in it.
        asked = lookup.partition("__")[0]
        offered = {"request", *map(str, self.list_filter)}
        columns = {field.name for field in self.model._meta.fields}
        if self._masks(request) and asked in columns - offered:
            return False
        return super().lookup_allowed(lookup, value, request)

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        changelist = super().get_changelist_instance(request)
        names = capfirst(", ".join(self.searched(request)))
        changelist.search_help_text = gettext("%(names)s: the whole of it.") % {"names": names}
        return changelist

    def get_search_fields(self, request: HttpRequest) -> list[str]:
        masks = self._masks(request)
        return [name for name in map(str, self.search_fields) if name not in masks]

    def searched(self, request: HttpRequest) -> list[str]:
        """Return the names of what a search looks into."""
        return [verbose_name(self.model, name) for name in self.get_search_fields(request)]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Find by the whole of an id or number; Django's own search would split "Mum (home)"."""
        term = search_term.strip()
        if term:
            queryset = queryset.filter(self.found_by(term, request, queryset.db))
        return queryset, False

    def found_by(self, term: str, request: HttpRequest, database: str) -> Q:
        """Return the condition for rows found by a search."""
        return any_of(self.get_search_fields(request), term)

    @admin.action(permissions=["view"], description=_("Export selected rows as CSV"))
    def export_csv(self, request: HttpRequest, queryset: QuerySet[Any]) -> StreamingHttpResponse:
        fields = [
            field
            for field in self.model._meta.concrete_fields
            if field.editable and not isinstance(field, models.BinaryField)
        ]
        names = [field.attname for field in fields]
        lines = csv_lines(queryset.only(*names), names, self._masks(request))
        return csv_response(request, str(self.model._meta.model_name), lines)

    def link(self, model: type[models.Model], text: Any, pk: Any = None, **query: Any) -> Any:
        """Return a link to a row, or to a list of them, or only its text where there is no page."""
        if not self.admin_site.is_registered(model):
            return text
        view = f"{model._meta.app_label}_{model._meta.model_name}"
        view, arguments = (f"{view}_changelist", []) if pk is None else (f"{view}_change", [pk])
        url = reverse(f"{self.admin_site.name}:{view}", args=arguments)
        return format_html(
            '<a href="{}">{}</a>', f"{url}?{urlencode(query)}" if query else url, text
        )

    def list_link(self, model: type[models.Model], count: int, **query: Any) -> Any:
        """Return a link to a list of rows, with its name and how many there are."""
        name = capfirst(model._meta.verbose_name_plural)
        return self.link(model, f"{name}: {count}", **query)

    @admin.display(description=_("request"))
    def request_link(self, row: Any) -> Any:
        """Link to the request a row came in, without reading a body of up to 10 MiB."""
        if row.request_id is None:  # pruned
            return self.get_empty_value_display()
        requests = WebhookRequest.objects.using(row._state.db).only("kind", "token")
        request = requests.get(pk=row.request_id)
        return self.link(WebhookRequest, str(request), request.pk)

    def _masks(self, request: HttpRequest) -> Masks:
        return {} if request.user.has_perm(VIEW_PERSONAL_DATA) else self.model.personal

    def _column(self, name: str, masks: Masks, in_list: bool = False) -> Column:
        """Return what shows a field; Django's own way where that is safe for every value."""
        if (shown := self.fields_shown.get(name)) in masks:
            name = str(shown)
        try:
            field: Any = self.model._meta.get_field(name)
        except FieldDoesNotExist:
            return name  # a method of the admin
        show = masks.get(name) or _way_to_show(field, in_list)
        if show is None:
            return name

        @admin.display(description=field.verbose_name)
        def column(row: Any) -> str:
            value = getattr(row, name)
            return self.get_empty_value_display() if value in _EMPTY else show(value)

        column.__name__ = name  # Django makes the cell's CSS class of it
        return column


def _way_to_show(field: Any, in_list: bool) -> Callable[[Any], str] | None:
    if field.name == "channel":
        return channel
    if field.choices:
        labels = dict(field.flatchoices)
        # Django shows a code that is not among the choices as nothing.
        return lambda value: str(labels.get(value) or unrecognised(value))
    if isinstance(field, models.JSONField):
        return pretty_json
    if isinstance(field, models.TextField) and not in_list:
        return preformatted
    if isinstance(field, models.CharField | models.TextField):
        return shortened if in_list else visible
    return None


def any_of(names: list[str], term: str) -> Q:
    """Return the condition for rows in which one of these fields is ``term``."""
    # No field at all is no row; an empty condition would be every row.
    return Q.create([("pk__in", ()), *((name, term) for name in names)], connector=Q.OR)


def verbose_name(model: type[models.Model], name: str) -> str:
    """Return the name of a model's field as people read it."""
    field: Any = model._meta.get_field(name)
    return str(field.verbose_name)


def unrecognised(code: Any) -> str:
    """Return a code that the vendor's page does not list."""
    return gettext("%(code)s (unrecognised)") % {"code": code}


def channel(value: str) -> str:
    """Return a channel's id with its label as a hint: newer accounts number channels themselves."""
    label = CHANNELS.get(value)
    return f"{visible(value)} ({label})" if label else shortened(value)


def alarm(text: Any) -> SafeString:
    """Return text that a person should look at; colour only repeats what the words say."""
    return format_html('<span class="pickyassist-alarm">{}</span>', text)
