"""Whatever is asked of the API, it answers as its description says: through the whole stack."""

from __future__ import annotations

import base64
from datetime import datetime, timezone

import hypothesis
import pytest
import schemathesis
from django.core.wsgi import get_wsgi_application
from schemathesis.config import SchemathesisConfig

from pickyassist_webhooks.api import schema as api_schema
from pickyassist_webhooks.api.following import AT_REST
from pickyassist_webhooks.api.pagination import written
from pickyassist_webhooks.models import (
    DeliveryReport,
    FilterReport,
    GroupMemberEvent,
    Message,
    NewSubscriber,
    WebhookRequest,
)
from tests.contract.conftest import PASSWORD

pytestmark = pytest.mark.django_db

#: Of each kind (valid, not valid) for each operation and reader, beside those for each keyword.
MAX_EXAMPLES = 20

CONFIG = SchemathesisConfig.from_dict(
    {
        "generation": {
            "deterministic": True,
            "max-examples": MAX_EXAMPLES,
            # The readers log in by the header that the test sends.
            "with-security-parameters": False,
        },
        # Beside the usual ones 410: the bytes of some request are erased.
        "checks": {
            "positive_data_acceptance": {
                "expected-statuses": ["2xx", "401", "403", "404", "409", "410"]
            }
        },
    }
)

api = schemathesis.openapi.from_dict(api_schema.document("/api/"), config=CONFIG)
api.app = get_wsgi_application()

KINDS = {
    "requests": WebhookRequest,
    "delivery-reports": DeliveryReport,
    "filter-reports": FilterReport,
    "group-events": GroupMemberEvent,
    "subscribers": NewSubscriber,
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
    """Have a valid request ask for what there is: ids and cursors come from earlier answers."""
    if case.meta.generation.mode.is_negative:
        return
    path, query = case.path_parameters, case.query
    if "id" in path:
        model = KINDS[case.path.split("/")[1]]
        pks = list(model.objects.order_by("pk").values_list("pk", flat=True))
        path["id"] = pks[len(str(path["id"])) % len(pks)]
    if isinstance(query.get("page_size"), float):
        # To JSON Schema 10.0 is an integer too, but it is none as a text.
        query["page_size"] = int(query["page_size"])
    if "after" in query:
        # Beside it there are only two others, which no description of parameters can say.
        for name in query.keys() - {"after", "state", "page_size"}:
            del query[name]
        query["after"] = written({"after": len(query["after"]) % 3, "waiting": []})
        query["state"] = [each for each in query.get("state", []) if each in AT_REST]
    elif query.get("cursor"):
        field = (query.get("ordering") or DEFAULT_ORDERINGS.get(case.path, "-received_at")).lstrip(
            "-"
        )
        value = 5 if field == "id" else datetime.now(timezone.utc).isoformat()
        back = len(query["cursor"]) % 2 == 0
        query["cursor"] = written({"by": field, "value": value, "id": 5, "back": back})


@pytest.mark.parametrize("reader", ["superuser", "viewer"], indirect=True)
@api.parametrize()
@repeatable
def test_api(case, reader):
    aim(case)
    case.call_and_validate(headers=header_of(reader))
