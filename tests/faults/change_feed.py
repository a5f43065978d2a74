"""``python -m tests.faults.change_feed``: read the change feed of requests and print the ids."""

from __future__ import annotations

import json

import django
from django.conf import settings
from django.test import Client


def ids() -> list[int]:
    """Return the ids of all pages, up to the last one."""
    from django.contrib.auth import get_user_model

    client, request_ids = Client(), []
    client.force_login(get_user_model().objects.get_or_create(username="f", is_superuser=True)[0])
    page = {"next": "/api/requests/?after=&page_size=2", "more": True}
    while page["more"]:
        page = client.get(page["next"]).json()
        request_ids += [result["id"] for result in page["results"]]
    return request_ids


if __name__ == "__main__":
    settings.ROOT_URLCONF = "tests.urls_api"
    django.setup()
    print(json.dumps(ids()))
