"""An admin full of rows that strangers posted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

from pickyassist_webhooks.insights import quarantine
from pickyassist_webhooks.models import Push
from pickyassist_webhooks.parsing.characters import UNSTORABLE
from pickyassist_webhooks.pushes import record_push
from pickyassist_webhooks.signals import member_joined
from pickyassist_webhooks.testing import push_answer
from tests.browser import posts
from tests.browser.addresses import MODELS, Model
from tests.browser.texts import TEXTS, identifier

Rows = dict[Model, list[Any]]


@dataclass(frozen=True)
class Site:
    """A server with rows to visit.

    ``rows`` has the ids of each row with one of our texts, and of some others. ``problems`` has a
    request of each problem, for the page that processes all of these again.
    """

    origin: str
    rows: Rows
    problems: list[int]
    stored: int
    requests: int


def fill(origin: str) -> Site:
    """Post all that strangers do to a server whose database is this process's."""
    with failing_receiver():
        count = send_all(origin, posts.hostile())
    _record_pushes()
    ours = _stored()
    count += send_all(origin, posts.cases())
    stored = _stored()
    # Every eighth row of the recorded requests: most are harmless, and the lists show all.
    rows = {model: ours[model] + stored[model][len(ours[model]) :: 8] for model in MODELS}
    problems = [group.newest for group in quarantine.groups()]
    return Site(origin, rows, problems, sum(map(len, stored.values())), count)


def _record_pushes() -> None:
    """Record a push for each text: the vendor's answers are texts of strangers, too."""
    for text in TEXTS:
        answer = push_answer({"number": text, "msg_id": identifier(f"pushed {text}")})
        push = record_push(
            answer | {"push_id": identifier(text)},
            project_id=identifier(text),
            references=text,
            channel=text,
        )
        Push.objects.filter(pk=push.pk).update(error=UNSTORABLE.sub("\ufffd", text))


def _stored() -> Rows:
    return {
        model: list(model._default_manager.order_by("pk").values_list("pk", flat=True))
        for model in MODELS
    }


@contextmanager
def failing_receiver() -> Iterator[None]:
    """Let a receiver fail on each member who joins."""
    member_joined.connect(_raise)
    try:
        yield
    finally:
        member_joined.disconnect(_raise)


def _raise(sender: Any, event: Any, **named: Any) -> None:
    """Raise with a stranger's text, as receivers do that were not written for it."""
    raise ValueError(event.group_subject)


def send_all(origin: str, all_posts: Iterable[posts.Post]) -> int:
    """Post requests over HTTP, see that each is answered as it should be, and count them."""
    count = 0
    for post in all_posts:
        with closing(HTTPConnection(urlsplit(origin).netloc, timeout=30)) as connection:
            connection.request(post.method, post.path, post.body, post.headers)
            response = connection.getresponse()
            answer = response.read()
        assert f"{response.status // 100}xx" in post.status.split("|"), (answer, post)
        if post.accepted is not None:
            assert f'"accepted": {post.accepted},'.encode() in answer, (answer, post)
        count += 1
    return count
