"""The requirements for the answer to any request."""

from __future__ import annotations

import json
import logging
import time
from typing import Any

from django.db import connection

from pickyassist_webhooks import ingest
from pickyassist_webhooks.choices import RequestState
from pickyassist_webhooks.models import MODELS, Message, WebhookRequest
from tests.cases import FORBIDDEN_KEYS, outcome
from tests.hostile.figures import Figures
from tests.hostile.inputs import Sent
from tests.hostile.seeds import CANARY
from tests.machine import fastest
from tests.requests import SECRET, post, url

MAX_ANSWER = 4096
SECONDS = 1.0


class Listener(logging.Handler):
    """Keeps the formatted log lines."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


class Judge:
    """Posts requests, counts the answers, and raises ``AssertionError`` for a wrong one."""

    def __init__(self, figures: Figures, log: Listener) -> None:
        self.figures, self.log = figures, log

    def __call__(self, sent: Sent) -> None:
        self.log.lines.clear()
        response = self._timed(sent)
        answer = self._read(response)
        if "id" in answer:
            kept = self._kept(sent, answer)
            self._replay(kept)
            codes = {problem["code"] for problem in [*kept.problems, *kept.warnings]}
            self.figures.codes.update(codes)
        else:
            assert (response.status_code, answer["error"], sent.body) == (400, "empty", b"")
        assert SECRET not in "\n".join(self.log.lines)
        self.figures.mutations.update(sent.mutations)
        self.figures.answers[f"{response.status_code} {answer.get('state', 'empty')}"] += 1

    def _timed(self, sent: Sent) -> Any:
        response, seconds = self._post(sent)
        if seconds >= SECONDS:
            seconds = fastest(lambda: self._post(sent)[1], SECONDS)
        self.figures.slowest = max(self.figures.slowest, seconds)
        self.figures.slow += seconds >= SECONDS
        assert seconds < SECONDS
        return response

    def _post(self, sent: Sent) -> tuple[Any, float]:
        began = time.perf_counter()
        try:
            response = post(
                sent.body, to=url() + sent.query, content_type=sent.content_type, **sent.headers
            )
        except Exception:
            self.figures.server_errors += 1
            raise
        return response, time.perf_counter() - began

    def _read(self, response: Any) -> dict[str, Any]:
        """Return the answer, which must not contain any part of the request."""
        self.figures.server_errors += response.status_code >= 500
        assert response.status_code in (200, 400, 415)
        assert len(response.content) <= MAX_ANSWER
        text = f"{response.content.decode()}\n{response.headers}"
        assert SECRET not in text
        assert CANARY not in text
        answer = json.loads(response.content)
        assert isinstance(answer, dict)
        assert not FORBIDDEN_KEYS & set(answer)
        return answer

    def _kept(self, sent: Sent, answer: dict[str, Any]) -> WebhookRequest:
        """Return the row, which must have the exact bytes and be processed."""
        kept = WebhookRequest.objects.filter(token=answer["id"]).first()
        is_lost = kept is None or bytes(kept.body) != sent.body
        self.figures.lost += is_lost
        assert not is_lost
        assert kept is not None
        is_fault = kept.state not in (RequestState.DONE, RequestState.QUARANTINED)
        self.figures.faults += is_fault
        assert not is_fault, kept.error
        assert (answer["state"], kept.error) == (kept.state, "")
        assert SECRET not in kept.query
        return kept

    def _replay(self, kept: WebhookRequest) -> None:
        """Process it again: the result must be the same, without new rows."""
        before = outcome(kept), newest()
        again = ingest.replay(kept.pk)
        assert again is not None
        assert (outcome(again), newest()) == before


def newest() -> Any:
    """Return the highest id of each table: a new row would have a higher one."""
    tables = [model._meta.db_table for model in (*MODELS.values(), Message)]
    highest = ", ".join(f"(SELECT MAX(id) FROM {table})" for table in tables)  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {highest}")
        return cursor.fetchone()
