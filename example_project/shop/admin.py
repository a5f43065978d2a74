from __future__ import annotations

from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from example_project.shop.models import Customer, Order


@admin.register(Customer)
class CustomerAdmin(admin.ModelAdmin):
    list_display = ("__str__", "on_whatsapp", "in_group")
    search_fields = ("number", "name")
    readonly_fields = ("on_whatsapp", "in_group")


@admin.register(Order)
class OrderAdmin(admin.ModelAdmin):
    list_display = ("number", "customer", "delivery", "cancel_requested")
    list_filter = ("delivery", "cancel_requested")
    search_fields = ("number",)
    raw_id_fields = ("customer",)  # no list of thousands
    readonly_fields = ("delivery", "cancel_requested", "messages")

    @admin.display(description="messages")
    def messages(self, order: Order) -> SafeString | str:
        """Link each message of an order to its page, which shows its reports."""
        links = (
            (reverse("admin:pickyassist_webhooks_message_change", args=[message.pk]), message)
            for message in order.messages()
        )
        return format_html_join(", ", '<a href="{}">{}</a>', links) or "-"
