"""The base of all admin pages: read-only, and safe for text of strangers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from django.contrib import admin
from django.core.exceptions import FieldDoesNotExist, PermissionDenied
from django.db import models
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from ..models import DeliveryReport, Message, WebhookRequest
from ..models.masking import Masks
from ..parsing.characters import visible
from ..permissions import to_view
from .badges import has_tests
from .labels import channel, country, delivery_status, error_code, to_the_second, unrecognised
from .lists import ListAdmin
from .text import breakable, preformatted, pretty_json, shortened

# A body is bytes.
_EMPTY: tuple[Any, ...] = ("", b"", None, [], {})

Column = str | Callable[[Any], str | bool]


class ReadOnlyAdmin(ListAdmin):
    """Rows as they came. They are evidence: no one adds or edits any; Django deletes them."""

    #: The sections of the page of a row: a title and names of fields each.
    layout: tuple[tuple[Any, tuple[str, ...]], ...] = ()
    #: Columns of the admin's own that show a field of the model.
    fields_shown: ClassVar[dict[str, str]] = {}

    class Media:
        css = {"all": ("pickyassist_webhooks/admin.css",)}
        js = ("pickyassist_webhooks/lists.js",)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_list_display(self, request: HttpRequest) -> list[Column]:
        masks = self.masks(request.user)
        columns = [self._column(str(name), masks, in_list=True) for name in self.list_display]
        return [*columns, self.test] if has_tests(request, self.model) else columns

    @admin.display(description=_("test"))
    def test(self, row: Any) -> Any:
        """Show a badge for an event that a person posted as a test."""
        badge = format_html('<span class="pickyassist-badge">{}</span>', gettext("test"))
        return badge if getattr(row, "has_badge", False) else ""

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        masks = self.masks(request.user)
        return [
            (title, {"fields": [self._column(name, masks) for name in names]})
            for title, names in self.sections(obj)
        ]

    def sections(self, row: Any) -> list[tuple[Any, list[str]]]:
        """Return the layout of the page of this row, without the sections that are empty."""
        sections = [
            (title, [name for name in names if row is None or not self.leaves_out(row, name)])
            for title, names in self.layout
        ]
        return [(title, names) for title, names in sections if names]

    def leaves_out(self, row: Any, name: str) -> bool:
        """Tell whether the page of this row has nothing to say in a field."""
        return False

    def page(self, request: HttpRequest, template: str, title: str, **context: Any) -> HttpResponse:
        """Return a page of this admin next to Django's own."""
        request.current_app = self.admin_site.name
        page_context = {
            **self.admin_site.each_context(request),
            "title": title,
            # The last breadcrumb.
            "original": title,
            "has_view_permission": self.has_view_permission(request),
            "opts": self.opts,
            "media": self.media,
            **context,
        }
        return TemplateResponse(request, f"pickyassist_webhooks/admin/{template}", page_context)

    def viewed(self, request: HttpRequest, pk: int) -> Any:
        """Return the row of a page. Raises ``Http404``, or ``PermissionDenied`` if it is hidden."""
        row = self.get_object(request, str(pk))
        if row is None:
            raise Http404
        if not self.has_view_permission(request, row):
            raise PermissionDenied
        return row

    def get_object(self, request: HttpRequest, *args: Any, **named: Any) -> Any:
        row: Any = super().get_object(request, *args, **named)
        if row is not None:
            row.viewer = request.user
        return row

    def url_of(self, viewer: Any, model: type[models.Model], pk: Any = None, **query: Any) -> str:
        """Return the URL of a row or a list of rows; blank if the viewer may not view it."""
        if not (self.admin_site.is_registered(model) and viewer.has_perm(to_view(model))):
            return ""
        # By its name: the project may have its own admin for this model.
        page, arguments = ("changelist", []) if pk is None else ("change", [pk])
        view = f"{model._meta.app_label}_{model._meta.model_name}_{page}"
        url = reverse(f"{self.admin_site.name}:{view}", args=arguments)
        return f"{url}?{urlencode(query)}" if query else url

    def link(
        self, viewer: Any, model: type[models.Model], text: Any, pk: Any = None, **query: Any
    ) -> Any:
        """Return a link to a row or a list of rows, or the text alone if they may not view it."""
        url = self.url_of(viewer, model, pk, **query)
        return format_html('<a href="{}">{}</a>', url, text) if url else text

    def list_link(self, viewer: Any, model: type[models.Model], count: int, **query: Any) -> Any:
        """Return a link to a list of rows, with its name and count."""
        name = capfirst(model._meta.verbose_name_plural)
        return self.link(viewer, model, f"{name}: {count}", **query)

    @admin.display(description=_("request"))
    def request_link(self, row: Any) -> Any:
        """Link to the request a row came in, without reading a body of up to 10 MiB."""
        if row.request_id is None or not row.viewer.has_perm(to_view(WebhookRequest)):
            return self.get_empty_value_display()
        requests = WebhookRequest.objects.using(row._state.db).only("kind", "token")
        request = requests.get(pk=row.request_id)
        return self.link(row.viewer, WebhookRequest, str(request), request.pk)

    def _column(self, name: str, masks: Masks, in_list: bool = False) -> Column:
        """Return the column for a field: Django's own if that is safe for every value."""
        if (shown := self.fields_shown.get(name)) in masks:
            name = str(shown)
        try:
            field: Any = self.model._meta.get_field(name)
        except FieldDoesNotExist:
            return name  # a method of the admin
        show = masks.get(name) or _way_to_show(field, in_list)
        if show is None:
            return name

        order = name if name in self.sortable_by else None

        @admin.display(description=field.verbose_name, ordering=order)
        def column(row: Any) -> str:
            value = getattr(row, name)
            return self.get_empty_value_display() if value in _EMPTY else show(value)

        column.__name__ = name  # Django makes the CSS class of it
        return column


#: How to show the fields with these names.
_BY_NAME: dict[str, Callable[[Any], str]] = {
    "channel": channel,
    "country": country,
    "error_code": error_code,
    "receiver": lambda path: breakable(visible(path)),
    "signal": breakable,
}


def _way_to_show(field: Any, in_list: bool) -> Callable[[Any], str] | None:
    if show := _BY_NAME.get(field.name):
        return show
    if isinstance(field, models.DateTimeField):
        return to_the_second
    if field.choices:
        labels = dict(field.flatchoices)
        is_delivery = field.model in (Message, DeliveryReport) and field.name == "status"

        # Django shows a code that is not among the choices as nothing.
        def label(value: Any) -> str:
            text = str(labels.get(value) or unrecognised(value))
            return delivery_status(value, text) if is_delivery else text

        return label
    if isinstance(field, models.JSONField):
        return pretty_json
    if isinstance(field, models.TextField) and not in_list:
        return preformatted
    if isinstance(field, models.CharField | models.TextField):
        return shortened if in_list else visible
    return None
