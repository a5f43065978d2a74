"""Mutated vendor payloads: every request is stored, answered, and processed only once."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from pickyassist_webhooks import ingest, views
from pickyassist_webhooks.inbox import worker
from pickyassist_webhooks.models.requests import requests
from tests.hostile import inputs
from tests.hostile.figures import Figures
from tests.hostile.judge import Judge
from tests.hostile.seeds import CANARY

pytestmark = pytest.mark.django_db(transaction=True)

ENDS = {"200 done", "200 quarantined", "400 quarantined", "415 quarantined"}
#: Codes that many of them have.
CODES = {
    *("not_json", "not_an_object", "too_deep", "content_encoding", "missing", "wrong_type"),
    *("not_an_integer", "too_long", "unreadable", "blanked", "cut", "replaced", "repeated_key"),
}
VALID = inputs.Sent(b'{"event_id":4,"subscriber_id":"1","mobile":"15550001111"} ')


def search(judge, examples, **named):
    """Judge ``examples`` requests, and raise for the simplest one that fails.

    The message has the seed to run it again.
    """

    # The judge itself measures the time of answers. The limits of Hypothesis would only fail on a
    # busy machine.
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=False,
        print_blob=True,
        report_multiple_bugs=False,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        **named,
    )
    @given(inputs.requests())
    def holds(sent):
        judge(sent)

    holds()


def test_mutated_inputs(examples, judge):
    search(judge, examples)
    # The search must reach all kinds of answers to be useful.
    if examples >= 1000:
        assert set(judge.figures.mutations) == inputs.MADE_BY
        assert set(judge.figures.answers) >= ENDS
        assert set(judge.figures.codes) >= CODES


class TestTheJudge:
    """The judge and the search notice faults: otherwise they would prove nothing."""

    @pytest.fixture
    def judge(self, log):
        judge = Judge(Figures(), log)
        judge(VALID)
        return judge

    def refuses(self, judge):
        with pytest.raises(AssertionError):
            judge(VALID)

    def test_a_fault_of_the_app(self, judge, monkeypatch):
        monkeypatch.setattr(worker, "decide", None)
        self.refuses(judge)
        assert judge.figures.faults > 0

    def test_lost_bytes(self, judge, monkeypatch):
        receive = ingest.receive
        monkeypatch.setattr(ingest, "receive", lambda body, **named: receive(body.strip(), **named))
        self.refuses(judge)
        assert judge.figures.lost == 1

    def test_an_error(self, judge, monkeypatch):
        monkeypatch.setattr(ingest, "receive", None)
        self.refuses(judge)
        assert judge.figures.server_errors == 1

    def test_an_answer_that_leaks_the_request(self, judge, monkeypatch):
        monkeypatch.setattr(views, "_answer", lambda kept: views._refusal(400, "empty", CANARY))
        self.refuses(judge)

    def test_a_replay_with_another_result(self, judge, monkeypatch):
        monkeypatch.setattr(ingest, "replay", lambda pk: requests().get(pk=pk).delete())
        with pytest.raises(AttributeError):
            judge(VALID)

    def test_the_search(self, judge, monkeypatch):
        """It finds a fault that needs a text with NUL or half of a surrogate pair."""
        decide = worker.decide

        def fails(requests, payloads, *arguments):
            codes = {warning.code for payload in payloads for warning in payload.warnings}
            assert "replaced" not in codes
            return decide(requests, payloads, *arguments)

        monkeypatch.setattr(worker, "decide", fails)
        with pytest.raises(AssertionError):
            search(judge, 1000, phases=[Phase.generate])
        assert judge.figures.faults > 0
