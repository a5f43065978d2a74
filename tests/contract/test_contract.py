"""The API answers generated requests as its OpenAPI description says, through the whole stack."""

from __future__ import annotations

import base64
from datetime import datetime, timezone

import hypothesis
import pytest
import schemathesis
from django.core.wsgi import get_wsgi_application
from schemathesis.config import SchemathesisConfig

from pickyassist_webhooks.api import document as api_document
from pickyassist_webhooks.api.change_feed import FINISHED
from pickyassist_webhooks.api.pagination import encode_cursor
from pickyassist_webhooks.models import (
    ChatMessage,
    DeliveryReport,
    FilterReport,
    GroupMemberEvent,
    Message,
    NewSubscriber,
    WebhookRequest,
)
from tests.contract.conftest import PASSWORD

pytestmark = pytest.mark.django_db

#: Examples of each kind (valid, invalid) for each operation and reader, plus those per keyword.
MAX_EXAMPLES = 20

CONFIG = SchemathesisConfig.from_dict(
    {
        "generation": {
            "deterministic": True,
            "max-examples": MAX_EXAMPLES,
            # The readers log in by the header that the test sends.
            "with-security-parameters": False,
        },
        # 410 as well: the body of one request is erased.
        "checks": {
            "positive_data_acceptance": {
                "expected-statuses": ["2xx", "401", "403", "404", "409", "410"]
            }
        },
    }
)

api = schemathesis.openapi.from_dict(api_document.document("/api/"), config=CONFIG)
api.app = get_wsgi_application()

KINDS = {
    "requests": WebhookRequest,
    "delivery-reports": DeliveryReport,
    "filter-reports": FilterReport,
    "group-events": GroupMemberEvent,
    "subscribers": NewSubscriber,
    "chat-messages": ChatMessage,
    "messages": Message,
}
DEFAULT_ORDERINGS = {"/requests/": "-id", "/messages/": "-first_reported_at"}

#: The same requests in every run.
repeatable = hypothesis.settings(
    derandomize=True,
    deadline=None,
    database=None,
    max_examples=MAX_EXAMPLES,
    # Reading changes nothing, and a replay what the next one finds, as in life.
    suppress_health_check=list(hypothesis.HealthCheck),
)


def header_of(user):
    pair = base64.b64encode(f"{user.get_username()}:{PASSWORD}".encode()).decode()
    return {"Authorization": f"Basic {pair}"}


def aim(case):
    """Point a valid request at existing rows: ids and cursors come from earlier responses."""
    if case.meta.generation.mode.is_negative:
        return
    path, query = case.path_parameters, case.query
    if "id" in path:
        model = KINDS[case.path.split("/")[1]]
        pks = list(model.objects.order_by("pk").values_list("pk", flat=True))
        path["id"] = pks[len(str(path["id"])) % len(pks)]
    if isinstance(query.get("page_size"), float):
        # In JSON Schema 10.0 is an integer too, but its text is not.
        query["page_size"] = int(query["page_size"])
    if "after" in query:
        # Only two parameters can be combined with it, which OpenAPI cannot express.
        for name in query.keys() - {"after", "state", "page_size"}:
            del query[name]
        query["after"] = encode_cursor({"after": len(query["after"]) % 3, "waiting": []})
        query["state"] = [state for state in query.get("state", []) if state in FINISHED]
    elif query.get("cursor"):
        field = (query.get("ordering") or DEFAULT_ORDERINGS.get(case.path, "-received_at")).lstrip(
            "-"
        )
        value = 5 if field == "id" else datetime.now(timezone.utc).isoformat()
        back = len(query["cursor"]) % 2 == 0
        query["cursor"] = encode_cursor({"by": field, "value": value, "id": 5, "back": back})


@pytest.mark.parametrize("reader", ["superuser", "viewer"], indirect=True)
@api.parametrize()
@repeatable
def test_api(case, reader):
    # A form cannot contain null: it would be sent without fields, which is valid.
    hypothesis.assume(case.body is not None or "form" not in str(case.media_type))
    aim(case)
    case.call_and_validate(headers=header_of(reader))
