"""A secret is changed under load: first the old one, then both, then the new one only."""

from __future__ import annotations

import json
import time
from collections import Counter
from itertools import count
from threading import Event, Lock, Thread

import pytest

from pickyassist_webhooks.models import WebhookRequest
from tests.hostile.server import GUNICORN, Server
from tests.hostile.wire import ask, with_length
from tests.requests import delivery, row, url

pytestmark = pytest.mark.django_db(transaction=True)

OLD, NEW = "old-secret-u8Vn2kQx7RzLw4Ty", "new-secret-9GhTb3mPc6XsJd5K"
THREADS = 4
#: Seconds of load before, between and after the changes.
STEP = 1.0


class Load:
    """Posts without a pause, each request on a new connection."""

    def __init__(self, port: int) -> None:
        self.secret = OLD
        self.statuses: list[int | None] = []
        #: The ids of messages by secret, and the number of open requests by secret.
        self.sent: dict[str, list[str]] = {OLD: [], NEW: []}
        self.waiting = Counter[str]()
        self._port, self._lock, self._numbers, self._end = port, Lock(), count(1), Event()
        self._threads = [Thread(target=self._run) for _ in range(THREADS)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._end.set()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        while not self._end.is_set():
            with self._lock:
                secret, msg_id = self.secret, str(next(self._numbers))
                self.waiting[secret] += 1
                self.sent[secret].append(msg_id)
            status = self._post(secret, msg_id)
            with self._lock:
                self.waiting[secret] -= 1
                self.statuses.append(status)

    def _post(self, secret: str, msg_id: str) -> int | None:
        body = json.dumps(delivery(row(msg_id))).encode()
        try:
            answer = ask(self._port, with_length(body, "Connection: close", to=url(secret)))
        except OSError:
            return None
        return answer.status if answer else None

    def change(self) -> None:
        """Switch to the new secret, and wait for the last answer to the old one."""
        with self._lock:
            self.secret = NEW
        while self.waiting[OLD]:
            time.sleep(0.01)


@pytest.fixture
def secrets(tmp_path):
    file = tmp_path / "secrets.json"
    file.write_text(json.dumps({"old": OLD}))
    return file


@pytest.fixture
def server(tmp_path, secrets):
    server = Server(tmp_path, *GUNICORN, "--workers=2", HOSTILE_SECRETS=str(secrets))
    yield server
    server.close()


def test_rotation(server, secrets, figures):
    with Load(server.port) as load:
        time.sleep(STEP)
        secrets.write_text(json.dumps({"old": OLD, "new": NEW}))
        server.reload()
        time.sleep(STEP)
        load.change()
        time.sleep(STEP)
        secrets.write_text(json.dumps({"new": NEW}))
        server.reload()
        time.sleep(STEP)

    figures.rotation.update(map(str, load.statuses))
    assert set(load.statuses) == {200}, server.log()
    labels = dict(
        WebhookRequest.objects.values_list("deliveryreports__msg_id", "secret_label").order_by()
    )
    assert labels == {
        **dict.fromkeys(load.sent[OLD], "old"),
        **dict.fromkeys(load.sent[NEW], "new"),
    }
    assert min(map(len, load.sent.values())) > 2 * THREADS
    before = WebhookRequest.objects.count()
    assert before == len(load.statuses)
    body = json.dumps(delivery(row("after"))).encode()
    assert ask(server.port, with_length(body, to=url(OLD))).status == 403
    assert WebhookRequest.objects.count() == before
    assert ask(server.port, with_length(body, to=url(NEW))).status == 200
