"""The vendor's payloads, mutated: whatever comes is kept, answered and understood only once."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from pickyassist_webhooks import ingest, views, worker
from tests.hostile import inputs
from tests.hostile.figures import Figures
from tests.hostile.judge import Judge
from tests.hostile.seeds import CANARY

pytestmark = pytest.mark.django_db(transaction=True)

ENDS = {"200 done", "200 quarantined", "400 quarantined", "415 quarantined"}
#: What is wrong with many of them.
CODES = {
    *("not_json", "not_an_object", "too_deep", "content_encoding", "missing", "wrong_type"),
    *("not_an_integer", "too_long", "unreadable", "blanked", "cut", "replaced", "repeated_key"),
}
VALID = inputs.Sent(b'{"event_id":4,"subscriber_id":"1","mobile":"15550001111"} ')


def search(judge, examples, **named):
    """Try this many requests, and raise for the simplest that is judged to be wrong.

    What is said of it then names the seed with which to run again.
    """

    # The judge measures how long an answer takes, and nothing else. What Hypothesis would complain
    # of, in a search as in each request of it, is a machine that is busy with something else.
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
    # A search that never gets past the door would find nothing wrong.
    if examples >= 1000:
        assert set(judge.figures.mutations) == inputs.MADE_BY
        assert set(judge.figures.answers) >= ENDS
        assert set(judge.figures.codes) >= CODES


class TestTheJudge:
    """A judge that never finds fault, or a search that never meets one, would prove nothing."""

    @pytest.fixture
    def judge(self, log):
        judge = Judge(Figures(), log)
        judge(VALID)
        return judge

    def refuses(self, judge):
        with pytest.raises(AssertionError):
            judge(VALID)

    def test_a_fault_of_ours(self, judge, monkeypatch):
        monkeypatch.setattr(worker, "store", None)
        self.refuses(judge)
        assert judge.figures.faults > 0

    def test_bytes_that_are_lost(self, judge, monkeypatch):
        receive = ingest.receive
        monkeypatch.setattr(ingest, "receive", lambda body, **named: receive(body.strip(), **named))
        self.refuses(judge)
        assert judge.figures.lost == 1

    def test_an_error(self, judge, monkeypatch):
        monkeypatch.setattr(ingest, "receive", None)
        self.refuses(judge)
        assert judge.figures.server_errors == 1

    def test_an_answer_that_gives_away_what_came(self, judge, monkeypatch):
        monkeypatch.setattr(views, "_answer", lambda kept: views._refusal(400, "empty", CANARY))
        self.refuses(judge)

    def test_a_replay_that_ends_otherwise(self, judge, monkeypatch):
        monkeypatch.setattr(ingest, "replay", lambda pk: ingest.requests().get(pk=pk).delete())
        with pytest.raises(AttributeError):
            judge(VALID)

    def test_the_search(self, judge, monkeypatch):
        """It finds what goes wrong only where a text holds NUL or half of a surrogate pair."""
        store = worker.store

        def stumbles(requests, payloads, *arguments):
            codes = {warning.code for payload in payloads for warning in payload.warnings}
            assert "replaced" not in codes
            return store(requests, payloads, *arguments)

        monkeypatch.setattr(worker, "store", stumbles)
        with pytest.raises(AssertionError):
            search(judge, 1000, phases=[Phase.generate])
        assert judge.figures.faults > 0
