"""Error codes in words, as a hint: the vendor passes on Meta's codes, and has codes of its own.

The texts are ours. Both lists are open, and a code can get another meaning: the text that came with
it counts.
"""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

# https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes
_OF_META = {
    "368": _("the WhatsApp account is restricted, because it broke a policy"),
    "80007": _("the WhatsApp account sends too many requests"),
    "130429": _("too many messages at once"),
    "130472": _("not sent, because the number is part of an experiment of Meta"),
    "130497": _("the account may not send messages to this country"),
    "131000": _("Meta does not know the reason"),
    "131005": _("a permission is missing"),
    "131008": _("a required value is missing"),
    "131009": _("a value of the message is invalid"),
    "131016": _("a service of Meta was not available"),
    "131021": _("the recipient is the sender"),
    "131026": _("the number is not on WhatsApp, has an old version, or did not accept the terms"),
    "131030": _("the number is not among the allowed test numbers"),
    "131031": _("the WhatsApp account is locked"),
    "131037": _("the display name of the sender is not approved"),
    "131042": _("there is a problem with the payment method of the account"),
    "131045": _("the sender's number is not registered"),
    "131047": _("more than 24 hours since the last message of the person: use a template"),
    "131048": _("too many messages of this sender were blocked or reported as spam"),
    "131049": _("not delivered, so that the person does not get too many marketing messages"),
    "131050": _("the person does not want marketing messages of this sender"),
    "131051": _("this type of message is not supported"),
    "131052": _("the media of the person could not be downloaded"),
    "131053": _("the media could not be uploaded"),
    "131056": _("too many messages to this number in a short time"),
    "131057": _("the account is in maintenance"),
    "132000": _("the number of values differs from that of the template"),
    "132001": _("the template does not exist in this language, or is not approved"),
    "132005": _("the text of the template with its values is too long"),
    "132007": _("the template breaks a policy"),
    "132012": _("the values do not have the format of the template"),
    "132015": _("the template is paused, because of its quality"),
    "132016": _("the template is switched off for good, because of its quality"),
    "132068": _("the flow is blocked"),
    "132069": _("the flow is used too often"),
    "133004": _("a server of Meta was not available"),
    "133010": _("the sender's number is not registered"),
    "135000": _("Meta does not know the reason; a value may be invalid"),
}

# The page "Status & Error Codes" of Picky Assist's "API Documentation V2". It is public in part
# only: 101, 402 to 404, 406 to 410 and 802 are from answers that were seen.
_OF_VENDOR = {
    "101": _("the service was not available"),
    "401": _("the token is wrong"),
    "402": _("the number is missing"),
    "403": _("no balance is left"),
    "404": _("the phone or the service was not reachable"),
    "405": _("the plan does not include this"),
    "406": _("the number is invalid"),
    "407": _("the message is empty"),
    "408": _("the project is not active"),
    "409": _("the user is invalid"),
    "410": _("the request is invalid"),
    "801": _("the WhatsApp account is not active"),
    "802": _("no 24-hour session is open: use a template"),
    "804": _("the template ID is wrong"),
    "817": _("there are no templates"),
}

#: Each known code, with its source and its explanation.
CODES: dict[str, Any] = {
    **{code: (_("%(explanation)s (Meta)"), text) for code, text in _OF_META.items()},
    **{code: (_("%(explanation)s (Picky Assist)"), text) for code, text in _OF_VENDOR.items()},
}


def explained(code: str) -> str:
    """Return a short explanation of an error code and who gives it, or nothing if it is unknown."""
    if code not in CODES:
        return ""
    with_source, text = CODES[code]
    return str(with_source) % {"explanation": text}
