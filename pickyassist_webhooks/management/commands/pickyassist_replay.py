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
from ...models.ids import id_of
from ...models.requests import WebhookRequestQuerySet, requests
from ...parsing.characters import MAX_LABEL, printable
from ..arguments import moment, operator
from ..base import AppCommand
from ..progress import Progress, counted, in_words

#: Counted like a state: requests that cannot be replayed.
SKIPPED = "skipped"

#: The look-up of each option that selects requests.
_LOOK_UPS = {
    "kind": "kind__in",
    "state": "state__in",
    "secret_label": "secret_label__in",
    "since": "received_at__gte",
    "until": "received_at__lt",
}


class Command(AppCommand):
    help = (
        "Process stored webhook requests again, oldest first. Events are not duplicated; receivers "
        "are called with is_replay=True."
    )
    is_final = True

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("ids", nargs="*", help="IDs or tokens of requests")
        for name, of_these, more in (
            ("kind", "of this kind", {"choices": [*EventKind.values, "unknown"]}),
            ("state", "in this state", {"choices": RequestState.values}),
            ("secret-label", "with a secret of this label", {"metavar": "LABEL"}),
        ):
            help_text = f"only requests {of_these}; repeat for more"
            parser.add_argument(f"--{name}", action="append", help=help_text, **more)
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
        question = f"Process {counted(total, 'request')} again?"
        if total and self.confirm(question, options):
            outcomes = self._replay(chosen, total, options)
        result = {"chosen": counts, "dry_run": options["dry_run"], "states": dict(outcomes)}
        done = outcomes.total() - outcomes[SKIPPED]
        text = f"Processed {done} again{in_words(outcomes)}." if outcomes else ""
        if outcomes[SKIPPED]:
            text += " Skipped requests are in progress, erased or deleted."
        self.say_result(options, result, text)

    def _chosen(self, options: dict[str, Any]) -> WebhookRequestQuerySet:
        given = {look_up: options[name] for name, look_up in _LOOK_UPS.items() if options[name]}
        if not (given or options["ids"] or options["all"]):
            raise CommandError(
                "Select requests: give IDs, a filter such as --state dead, or --all."
            )
        if options["secret_label"]:  # as it is stored
            labels = [printable(label, MAX_LABEL) for label in options["secret_label"]]
            given["secret_label__in"] = labels
        if options["kind"]:
            given["kind__in"] = ["" if kind == "unknown" else kind for kind in options["kind"]]
        chosen = requests().filter(**given)
        for text in options["ids"]:
            if not requests().filter(_by_id([text])).exists():
                raise CommandError(f"No request has the ID or token {text!r}.")
        if options["ids"]:
            chosen = chosen.filter(_by_id(options["ids"]))
        if options["only_failed_receivers"]:
            callable_again = chosen.filter(ingest.may_call_receivers_again())
            chosen = requests().filter(pk__in=callable_again.values("pk"))
        return chosen.order_by("pk")

    def _replay(
        self, chosen: WebhookRequestQuerySet, total: int, options: dict[str, Any]
    ) -> Counter[str]:
        outcomes: Counter[str] = Counter()
        # Read all IDs first, because a replay can change which rows match.
        pks = list(chosen.values_list("pk", flat=True))
        with Progress(self.stderr, total, "processed again") as line:
            for done, pk in enumerate(pks, 1):
                try:
                    outcomes[_replayed(pk, options)] += 1
                except DatabaseFault as err:
                    raise CommandError(
                        f"The database failed after {done - 1} of {total} requests "
                        f"({type(err).__name__}). No data is lost; run this again."
                    ) from err
                line(done)
        return outcomes


def _replayed(pk: int, options: dict[str, Any]) -> str:
    """Process a request again, and return its state."""
    try:
        request = ingest.replay(pk, options["by"], options["only_failed_receivers"])
    except (RequestInWork, BodyErased, WebhookRequest.DoesNotExist):
        return SKIPPED
    # None: a worker has already claimed it and runs this replay.
    return RequestState(request.state if request else RequestState.RECEIVED).value


def _by_id(ids: list[str]) -> Q:
    pks, tokens = [], []
    for text in ids:
        if (pk := id_of(text)) is not None:
            pks.append(pk)
            continue
        try:
            tokens.append(UUID(text))
        except ValueError as err:
            raise CommandError(f"{text!r} is neither the ID nor the token of a request.") from err
    return Q(pk__in=pks) | Q(token__in=tokens)
