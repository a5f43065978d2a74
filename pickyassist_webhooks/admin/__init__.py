"""The admin: pages to browse every row and to follow it to related rows; no row is edited.

Django's autodiscovery imports this package, which registers all pages.
"""

from .chat import ChatMessageAdmin
from .events import DeliveryReportAdmin, FilterReportAdmin, NewSubscriberAdmin
from .failures import ReceiverFailureAdmin
from .groups import GroupMemberEventAdmin
from .messages import MessageAdmin
from .pushes import PushAdmin
from .requests import WebhookRequestAdmin

__all__ = [
    "ChatMessageAdmin",
    "DeliveryReportAdmin",
    "FilterReportAdmin",
    "GroupMemberEventAdmin",
    "MessageAdmin",
    "NewSubscriberAdmin",
    "PushAdmin",
    "ReceiverFailureAdmin",
    "WebhookRequestAdmin",
]
