"""The parser's expectations in the reader's language: the parser itself translates nothing."""

from __future__ import annotations

from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _

from ..parsing.characters import visible

#: Every text of the parser, for translators.
EXPECTATIONS = (
    _("1, 2, 3, 4 or 5"),
    _("JSON"),
    _("a JSON object"),
    _("a JSON object or form fields"),
    _("a body without a Content-Encoding"),
    _("a list of rows"),
    _("a list"),
    _("a list of rows, or the fields of one row"),
    _("a msg_id, or a push_id and a number"),
    _("a subscriber_id or a mobile number"),
    _("a text"),
    _("a text or a whole number"),
    _("a unique-id, a number or a messenger_id"),
    _("a whole number"),
    _("a whole number of 64 bits"),
    _("an Event Webhook: this is a payload of Meta's WhatsApp Cloud API"),
    _("an Event Webhook: this is an answer of the delivery report API"),
    _("an Event Webhook: this is the Teambox Event Webhook's payload"),
    _("an object"),
    _("at most 100000 characters"),
    _("at most 1000 fields in one row"),
    _("at most 1000000 digits that are written as exponents"),
    _("at most 100000 characters outside the columns"),
    _("at most 15000 rows"),
    _("at most 16384 characters of headers in a part"),
    _("at most 200000 form fields"),
    _("at most 255 characters"),
    _("at most 600000 brackets of a form"),
    _("at most 64 levels"),
    _("at most one bracket in 20 characters, one value in 8, and 600000 of them"),
    _("each key once; the last one counts"),
    _("fewer or shorter fields next to data"),
    _("one of the PROJECT_IDS of this secret"),
    _("text without NUL or surrogates"),
    _("the fields of a chat_message"),
    _("the fields of a delivery_report"),
    _("the fields of a filter_report"),
    _("the fields of a group_member"),
    _("the fields of a new_subscriber"),
)


def expected(problem: dict[str, str]) -> str:
    """Return the expectation of a problem, translated."""
    text = problem["expected"]
    return visible(gettext(text) if text else text)
