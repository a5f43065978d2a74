"""The admin: every row can be looked at and followed to what belongs to it, none is edited.

Importing this package registers it all, which is what Django's autodiscovery does.
"""

from .events import DeliveryReportAdmin, FilterReportAdmin, NewSubscriberAdmin
from .failures import ReceiverFailureAdmin
from .groups import GroupMemberEventAdmin
from .messages import MessageAdmin
from .requests import WebhookRequestAdmin

__all__ = [
    "DeliveryReportAdmin",
    "FilterReportAdmin",
    "GroupMemberEventAdmin",
    "MessageAdmin",
    "NewSubscriberAdmin",
    "ReceiverFailureAdmin",
    "WebhookRequestAdmin",
]
