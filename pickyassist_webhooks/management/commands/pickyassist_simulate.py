from __future__ import annotations

import itertools
import json
import random
import statistics
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any
from urllib.parse import SplitResult

from django.core.management.base import BaseCommand, CommandError, CommandParser

from ... import ingest
from ...choices import EventKind
from ...testing.traffic import Life, Posting, Trouble, in_order, made_up
from ..addresses import address, is_loopback
from ..arguments import percent, positive
from ..posting import Answer, post_all, require_server
from ..progress import Progress


class Command(BaseCommand):
    help = (
        "Post made-up events to a server as Picky Assist would, or requests that are kept in the "
        "database. They become rows there, and its receivers are called."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "url",
            nargs="?",
            default="http://127.0.0.1:8000",
            help="a webhook URL, or one without a path for that of this project "
            "(default: %(default)s)",
        )
        parser.add_argument(
            "--kind", action="append", choices=EventKind.values, help="only this, and others named"
        )
        parser.add_argument(
            "--count", type=positive, default=100, help="requests (default: %(default)s)"
        )
        parser.add_argument(
            "--rows", type=positive, default=1, help="rows of a batch of reports (default: 1)"
        )
        parser.add_argument(
            "--rate", type=positive, help="requests in a second (default: as they are answered)"
        )
        parser.add_argument(
            "--connections", type=positive, default=1, help="requests at a time (default: 1)"
        )
        for name, what in (
            ("repeats", "come twice"),
            ("disorder", "come late, after some that should follow"),
            ("garbage", "come with one more that no app can understand"),
        ):
            parser.add_argument(
                f"--{name}", type=percent, default=0, help=f"percent of the requests that {what}"
            )
        parser.add_argument(
            "--project-id", help="whose events they are (default: one that the settings accept)"
        )
        parser.add_argument(
            "--recorded",
            action="store_true",
            help="post the newest requests of the database again, in their order",
        )
        parser.add_argument("--seed", type=int, help="take the same chances as with the same seed")
        parser.add_argument(
            "--yes-remote", action="store_true", help="post to a server that is not this machine"
        )
        parser.add_argument("--json", action="store_true", help="print JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        to = address(options["url"])
        if not is_loopback(to.hostname or "") and not options["yes_remote"]:
            raise CommandError(
                f"{to.hostname} is not this machine, and what is posted becomes rows there; "
                "say --yes-remote if that is what you want."
            )
        require_server(to)
        chance = random.Random(options["seed"])  # noqa: S311
        trouble = Trouble(*(options[name] / 100 for name in ("repeats", "disorder", "garbage")))
        lives = self._recorded(options) if options["recorded"] else self._made_up(options, chance)
        postings = itertools.islice(in_order(lives, trouble, chance), options["count"])
        began = time.monotonic()
        answers, interrupted = self._post(postings, to, options)
        summary = summed_up(answers, time.monotonic() - began)
        self.stdout.write(json.dumps(summary) if options["json"] else in_words(summary))
        if interrupted:
            raise CommandError(
                "Interrupted; what was answered until then is above.", returncode=130
            )
        if options["recorded"] and not answers:
            raise CommandError("Expected requests in the database, there are none of that kind.")
        if summary["unexpected"]:
            raise CommandError(
                f"{summary['unexpected']} of {summary['requests']} requests were not answered as "
                'this app answers where all is well: 200 with "ok": true, and 400 or 415 for '
                "garbage. See your server's log, and its quarantine in the admin."
            )

    def _made_up(self, options: dict[str, Any], chance: random.Random) -> Iterator[Life]:
        kinds = [EventKind(kind) for kind in options["kind"] or EventKind.values]
        return made_up(kinds, options["rows"], chance, options["project_id"])

    def _recorded(self, options: dict[str, Any]) -> Iterator[Life]:
        kept = ingest.requests().filter(erased_at=None)
        if options["kind"]:
            kept = kept.filter(kind__in=options["kind"])
        # Before the first of them is posted, to what may be the same database.
        newest = list(kept.order_by("-pk").values_list("pk", flat=True)[: options["count"]])
        for pk in reversed(newest):
            for request in kept.filter(pk=pk):  # it may have been pruned meanwhile
                understood = request.event_count + request.repeat_count
                is_sound = bool(understood) or not request.problem_count
                posting = (bytes(request.body), request.content_type, request.query, is_sound)
                yield [(0, Posting(*posting))]

    def _post(
        self, postings: Iterator[Posting], to: SplitResult, options: dict[str, Any]
    ) -> tuple[list[Answer], bool]:
        """Return the answers, and whether somebody did not want to wait for all of them."""
        line = Progress(self.stderr, options["count"], "posted")
        answers: list[Answer] = []
        interrupted = False
        try:
            for answer in post_all(
                postings, to, rate=options["rate"], connections=options["connections"]
            ):
                answers.append(answer)
                line(len(answers))
        except KeyboardInterrupt:
            interrupted = True
        line.end()
        return answers, interrupted


def summed_up(answers: list[Answer], seconds: float) -> dict[str, Any]:
    """Return what the answers come to; times are in seconds and milliseconds."""
    times = sorted(1000 * answer.seconds for answer in answers if answer.status) or [0.0]
    counted = ("accepted", "repeats", "problems")
    return {
        "requests": len(answers),
        "seconds": round(seconds, 3),
        "answers": dict(Counter(answer.name for answer in answers).most_common()),
        "rows": {name: sum(answer.count(name) for answer in answers) for name in counted},
        "milliseconds": {
            "median": round(statistics.median(times), 1),
            "p95": round(times[(len(times) * 95 - 1) // 100], 1),
            "slowest": round(times[-1], 1),
        },
        "unexpected": sum(not answer.is_expected for answer in answers),
    }


def in_words(summary: dict[str, Any]) -> str:
    rows, took = summary["rows"], summary["milliseconds"]
    rate = summary["requests"] / max(summary["seconds"], 0.001)
    lines = [f"{summary['requests']} requests in {summary['seconds']:.1f} s ({rate:.0f}/s)"]
    lines += [f"{count:>8}  {name}" for name, count in summary["answers"].items()]
    lines += [
        f"Rows: {rows['accepted']} new, {rows['repeats']} repeats, {rows['problems']} problems",
        f"Answered in {took['median']} ms (median), {took['p95']} ms (95 %), "
        f"{took['slowest']} ms (slowest)",
    ]
    return "\n".join(lines)
