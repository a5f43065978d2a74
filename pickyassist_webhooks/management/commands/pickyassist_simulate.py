from __future__ import annotations

import itertools
import random
import statistics
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial
from typing import Any
from urllib.parse import SplitResult

from django.core.management.base import CommandError, CommandParser

from ...choices import EventKind, RequestOrigin
from ...conf import NAME
from ...conf.values import is_loopback
from ...models.requests import requests
from ...pushes import record_push
from ...testing import FakeVendor
from ...testing.traffic import Noise, Posting, Scenario, in_order, made_up, pushed
from ..addresses import address
from ..arguments import percent, positive
from ..base import AppCommand
from ..posting import Answer, post_all, require_server
from ..progress import Progress
from ..stopping import stopped_by_signals

#: The exit code of a command that Ctrl-C ended.
_INTERRUPTED = 130


class Command(AppCommand):
    help = (
        "Post simulated events to a server as Picky Assist does, or post stored requests again. "
        "The server stores them and calls its receivers."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "url",
            nargs="?",
            default="http://127.0.0.1:8000",
            help="a webhook URL, or a base URL for the path of this project (default: %(default)s)",
        )
        parser.add_argument(
            "--kind",
            action="append",
            choices=EventKind.values,
            help="only this kind; repeat for more",
        )
        parser.add_argument(
            "--count", type=positive, default=100, help="number of requests (default: %(default)s)"
        )
        parser.add_argument(
            "--rows", type=positive, default=1, help="rows in a batch of reports (default: 1)"
        )
        parser.add_argument("--rate", type=positive, help="requests per second (default: no limit)")
        parser.add_argument(
            "--connections", type=positive, default=1, help="parallel requests (default: 1)"
        )
        for name, effect in (
            ("repeats", "are sent twice"),
            ("disorder", "are sent late, after later ones"),
            ("garbage", "are followed by an invalid one"),
        ):
            parser.add_argument(
                f"--{name}", type=percent, default=0, help=f"percent of the requests that {effect}"
            )
        parser.add_argument(
            "--project-id", help="project of the events (default: one that the settings accept)"
        )
        parser.add_argument(
            "--recorded",
            action="store_true",
            help="post the newest stored requests again, in their order",
        )
        parser.add_argument(
            "--seed", type=int, help="seed of the random generator, for the same requests again"
        )
        parser.add_argument(
            "--yes-remote", action="store_true", help="allow a server that is not this machine"
        )
        parser.add_argument(
            "--lose",
            type=percent,
            help="percent of the delivery reports that never arrive; their pushes are recorded "
            "here, and a stand-in of the vendor's API knows them until Ctrl-C",
        )
        parser.add_argument(
            "--api-port",
            type=positive,
            default=8010,
            help="port of that stand-in (default: %(default)s)",
        )
        super().add_arguments(parser)

    def run(self, options: dict[str, Any]) -> None:
        to = address(options["url"])
        if not is_loopback(to.hostname or "") and not options["yes_remote"]:
            raise CommandError(
                f"{to.hostname} is not this machine, and it would store the simulated events; "
                "add --yes-remote if you want this."
            )
        if options["lose"] is not None and (options["kind"] or options["recorded"]):
            raise CommandError("--lose cannot be combined with --kind or --recorded.")
        require_server(to)
        chance = random.Random(options["seed"])  # noqa: S311
        noise = Noise(*(options[name] / 100 for name in ("repeats", "disorder", "garbage")))
        if options["lose"] is not None:
            self._lose(to, options, chance, noise)
            return
        if options["recorded"]:
            scenarios = self._recorded(options)
        else:
            kinds = options["kind"] or EventKind
            scenarios = made_up(kinds, options["rows"], chance, options["project_id"])
        postings = in_order(scenarios, noise, chance)
        self._simulate(itertools.islice(postings, options["count"]), to, options)

    def _lose(
        self, to: SplitResult, options: dict[str, Any], chance: random.Random, noise: Noise
    ) -> None:
        """Post the reports that are not lost, then answer for the others until Ctrl-C."""
        try:
            vendor = FakeVendor(
                project_id=options["project_id"],
                lost=options["lose"] / 100,
                seed=options["seed"],
                port=options["api_port"],
            )
        except (OSError, OverflowError) as err:
            raise CommandError(
                f"Cannot serve on port {options['api_port']} ({type(err).__name__}); choose "
                "another with --api-port."
            ) from err
        record = partial(record_push, project_id=vendor.project_id)
        with vendor:
            endless = pushed(vendor, options["rows"], chance, record)
            scenarios = itertools.islice(endless, options["count"])
            failure = None
            try:
                self._simulate(in_order(scenarios, noise, chance), to, options)
            except CommandError as err:
                if err.returncode == _INTERRUPTED:
                    raise
                failure = err  # those reports are lost, too, and can be fetched
            self.stderr.write(
                f"Lost {vendor.lost_reports} reports. To fetch them, set {vendor.settings} in "
                f"{NAME} and run pickyassist_reconcile: it asks when RECONCILE_AFTER has passed, "
                "or at once for a --push-id, which the admin shows. Serving until Ctrl-C."
            )
            with stopped_by_signals() as stopped:
                while not stopped():
                    stopped.wait(1)
        if failure:
            raise failure

    def _simulate(
        self, postings: Iterator[Posting], to: SplitResult, options: dict[str, Any]
    ) -> None:
        answers: list[Answer] = []
        interrupted = False
        began = time.monotonic()
        posted = post_all(postings, to, rate=options["rate"], connections=options["connections"])
        try:
            with Progress(self.stderr, options["count"], "posted") as line:
                for answer in posted:
                    answers.append(answer)
                    line(len(answers))
        except KeyboardInterrupt:
            interrupted = True
        summary = summarize(answers, time.monotonic() - began)
        self.say_result(options, summary, in_words(summary))
        if interrupted:
            message = "Interrupted; the responses until then are above."
            raise CommandError(message, returncode=_INTERRUPTED)
        if options["recorded"] and not answers:
            raise CommandError("The database has no such requests to post.")
        if summary["unexpected"]:
            raise CommandError(
                f"{summary['unexpected']} of {summary['requests']} requests failed. "
                'Expected HTTP 200 with "ok": true. Garbage can also get 400 or 415. '
                "See the server log and the quarantine in the admin."
            )

    def _recorded(self, options: dict[str, Any]) -> Iterator[Scenario]:
        kept = requests().filter(erased_at=None, origin=RequestOrigin.WEBHOOK)
        if options["kind"]:
            kept = kept.filter(kind__in=options["kind"])
        # Read all IDs first, because the server can use the same database.
        newest = list(kept.order_by("-pk").values_list("pk", flat=True)[: options["count"]])
        for pk in reversed(newest):
            for request in kept.filter(pk=pk):  # it can be pruned meanwhile
                accepted = request.event_count + request.repeat_count
                is_sound = bool(accepted) or not request.problem_count
                posting = (bytes(request.body), request.content_type, request.query, is_sound)
                yield [(0, Posting(*posting))]


def summarize(answers: list[Answer], seconds: float) -> dict[str, Any]:
    """Summarize the responses; times are in seconds and milliseconds."""
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
        f"Rows: new {rows['accepted']}, repeats {rows['repeats']}, problems {rows['problems']}",
        f"Response time: {took['median']} ms (median), {took['p95']} ms (95 %), "
        f"{took['slowest']} ms (slowest)",
    ]
    return "\n".join(lines)
