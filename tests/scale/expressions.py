"""SQL expressions for columns of several models. All depend on ``n``, the number of a row."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from zlib import crc32

from pickyassist_webhooks.choices import RequestState
from tests.scale.dialects import Dialect

DAYS = 400

#: A number with many old messages: one of a thousand rows, all in the oldest tenth.
BUSY = "4915100000000"

_CHANNELS = {"1": 500, "8": 300, "101": 195, "11": 5}

#: A prime, so that multiples of a number modulo it look random.
_PRIME = 2**31 - 1


def literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def case(*whens: tuple[str, object], default: object = "NULL") -> str:
    """Return the value of the first true condition."""
    clauses = " ".join(f"WHEN {when} THEN {then}" for when, then in whens)
    return f"(CASE {clauses} ELSE {default} END)"


def dice(number: str, name: str, sides: int) -> str:
    """Return a number from 0 to ``sides - 1`` that looks random, but never changes."""
    return f"(({number}) * {crc32(name.encode())} % {_PRIME} % {sides})"


class Expressions:
    """Expressions for ``rows`` rows of each model; the newest row is from now."""

    def __init__(self, sql: Dialect, rows: int) -> None:
        self.sql, self.rows = sql, rows
        self.now = datetime.now(timezone.utc)
        self.start = self.now - timedelta(days=DAYS)
        self.step = timedelta(days=DAYS) // rows // timedelta(microseconds=1)

    def moment(self, number: str = "n", seconds: str = "0") -> str:
        """Return the arrival time of this row, plus some seconds."""
        return self.sql.moment(self.start, f"({number}) * {self.step} + ({seconds}) * 1000000")

    def state(self, number: str) -> str:
        """Return the state of the request with this number."""
        dead = f"{number} <= {self.rows // 100} AND {number} % 100 = 7"
        shares = (
            (f"{number} > {self.rows - 5}", RequestState.RECEIVED),
            (f"{number} > {self.rows - 7}", RequestState.STORED),
            (f"{number} % 2000 = 1000", RequestState.FAILING),
            (dead, RequestState.DEAD),
            (f"{dice(number, 'quarantined', 100)} = 0", RequestState.QUARANTINED),
            (f"{dice(number, 'discarded', 10_000)} < 194", RequestState.DISCARDED),
        )
        return case(*((when, literal(state)) for when, state in shares), default="'done'")

    def message(self, number: str) -> dict[str, str]:
        """Return the columns of the message with this number; a thousand are sent at once."""
        campaign = self.sql.quotient(f"{number} - 1", 1000)
        order = self.sql.text(self.sql.quotient(number, 2))
        return {
            "project_id": self.project(number),
            "msg_id": self.sql.joined("'wamid.'", self.sql.padded(number, 12)),
            "push_id": self.sql.joined("'push-'", self.sql.text(campaign)),
            "number": self.number(number),
            "number_key": self.number_key(number),
            "reference_number": case(
                (f"{dice(number, 'without reference', 10)} = 0", "''"),
                default=self.sql.joined("'order-'", order),
            ),
        }

    def project(self, number: str = "n") -> str:
        project = f"{self.sql.quotient(f'{number} - 1', 1000)} % 3"
        return self.sql.joined("'project-'", self.sql.text(project))

    def number(self, number: str = "n") -> str:
        """Return a phone number; each has five rows on average."""
        busy = f"({number}) <= {self.rows // 10} AND ({number}) % 100 = 13"
        digits = self.sql.padded(dice(number, "number", self.rows // 5), 8)
        return case((busy, literal(BUSY)), default=self.sql.joined("'49152'", digits))

    def number_key(self, number: str = "n") -> str:
        """Return the 13 digits of a phone number in reverse order."""
        text = self.number(number)
        return self.sql.joined(*(f"substr({text}, {position}, 1)" for position in range(13, 0, -1)))

    def channel(self, number: str = "n") -> str:
        share, below, whens = dice(number, "channel", 1000), 0, []
        for channel, part in _CHANNELS.items():
            below += part
            whens.append((f"{share} < {below}", literal(channel)))
        return case(*whens)
