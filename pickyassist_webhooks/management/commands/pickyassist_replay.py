from __future__ import annotations

from collections import Counter
from typing import Any
from uuid import UUID

from django.core.management.base import CommandError, CommandParser
from django.db import Error as DatabaseFault
from django.db.models import Count, Q

from ... import ingest
from ...choices import EventKind, RequestState
from ...exceptions import BodyErased, RequestInWork
from ...models import WebhookRequest
from ...models.requests import WebhookRequestQuerySet, requests
from ..arguments import moment, operator
from ..base import AppCommand
from ..progress import Progress, in_words

#: Counted like a state: requests that cannot be replayed.
SKIPPED = "skipped"


class Command(AppCommand):
    help = (
        "Process stored webhook requests again, oldest first. Events are not duplicated; receivers "
        "are called with is_replay=True."
    )
    is_final = True

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("ids", nargs="*", help="IDs or tokens of requests")
        parser.add_argument("--kind", action="append", choices=[*EventKind.values, "unknown"])
        parser.add_argument("--state", action="append", choices=RequestState.values)
        parser.add_argument("--secret-label", action="append", metavar="LABEL")
        parser.add_argument("--since", type=moment, help="received at this time or later")
        parser.add_argument("--until", type=moment, help="received before this time")
        parser.add_argument("--all", action="store_true", help="all requests")
        parser.add_argument(
            "--only-failed-receivers",
            action="store_true",
            help="call only failed receivers, if all signals were sent",
        )
        parser.add_argument("--by", default=operator(), help="operator (default: %(default)s)")
        super().add_arguments(parser)

    def run(self, options: dict[str, Any]) -> None:
        chosen = self._chosen(options)
        counts = dict(chosen.order_by().values_list("state").annotate(Count("pk")))
        total = sum(counts.values())
        self.say(options, f"Selected {total}{in_words(counts)}.")
        outcomes: Counter[str] = Counter()
        question = f"Process {total} request{'s' if total > 1 else ''} again?"
        if total and self.confirm(question, options):
            outcomes = self._replay(chosen, total, options)
        result = {"chosen": counts, "dry_run": options["dry_run"], "states": dict(outcomes)}
        self.print_json(options, result)
        if outcomes:
            self.say(options, f"Processed {outcomes.total()} again{in_words(outcomes)}.")

    def _chosen(self, options: dict[str, Any]) -> WebhookRequestQuerySet:
        given = ("ids", "kind", "state", "secret_label", "since", "until", "all")
        if not any(options[name] for name in given):
            raise CommandError(
                "Select requests: give IDs, a filter such as --state dead, or --all."
            )
        chosen = requests()
        if options["ids"]:
            chosen = chosen.filter(_by_id(options["ids"]))
        if options["kind"]:
            kinds = ["" if kind == "unknown" else kind for kind in options["kind"]]
            chosen = chosen.filter(kind__in=kinds)
        if options["state"]:
            chosen = chosen.filter(state__in=options["state"])
        if options["secret_label"]:
            chosen = chosen.filter(secret_label__in=options["secret_label"])
        if options["since"]:
            chosen = chosen.filter(received_at__gte=options["since"])
        if options["until"]:
            chosen = chosen.filter(received_at__lt=options["until"])
        if options["only_failed_receivers"]:
            callable_again = chosen.filter(ingest.may_call_receivers_again())
            chosen = requests().filter(pk__in=callable_again.values("pk"))
        return chosen.order_by("pk")

    def _replay(
        self, chosen: WebhookRequestQuerySet, total: int, options: dict[str, Any]
    ) -> Counter[str]:
        outcomes: Counter[str] = Counter()
        line = Progress(self.stderr, total, "processed again")
        # Read all IDs first, because a replay can change which rows match.
        for done, pk in enumerate(list(chosen.values_list("pk", flat=True)), 1):
            try:
                request = ingest.replay(pk, options["by"], options["only_failed_receivers"])
            except (RequestInWork, BodyErased, WebhookRequest.DoesNotExist):
                outcomes[SKIPPED] += 1
            except DatabaseFault as err:
                raise CommandError(
                    f"The database failed after {done - 1} of {total} requests "
                    f"({type(err).__name__}). No data is lost; run this again."
                ) from err
            else:
                # None: a worker has already claimed it and runs this replay.
                state = request.state if request else RequestState.RECEIVED
                outcomes[RequestState(state).value] += 1
            line(done)
        line.end()
        return outcomes


def _by_id(ids: list[str]) -> Q:
    pks, tokens = [], []
    for text in ids:
        if text.isascii() and text.isdecimal() and len(text) < 19:
            pks.append(int(text))
            continue
        try:
            tokens.append(UUID(text))
        except ValueError as err:
            raise CommandError(f"{text!r} is neither the ID nor the token of a request.") from err
    return Q(pk__in=pks) | Q(token__in=tokens)
