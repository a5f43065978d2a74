"""A search for a number in a body of 10 MiB costs at most a second and 300 MiB."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

from pickyassist_webhooks.privacy.texts import texts_of
from pickyassist_webhooks.privacy.traces import Trace
from tests.hostile.measuring import memory
from tests.machine import fastest, seconds_of

ROOM = 300 * 2**20
SIZE = 10 * 2**20
SECONDS = 1

#: Bodies in a run of the search; each repeats up to four of the atoms.
BODIES = 20
ATOMS = [
    *rb"\ \u \u0031 \\u0031 \u0661 \/ % %% %3 %31 %2B (0) 0 1 11 . 1. + - e5 E+10 1e6, x =".split(),
    *rb"15550001111 15550001111x1 15550001111.5, 1.5550001111E+9".split(),
    *[b" ", b"1 ", b"\n", b"\0", b"\xff", b"\0\xd8", b"\xc2\xa0", b"\xd9\xa1", b"\xf0\x9f\x98\x80"],
]
NUMBERS = ["15550001111", "11111", "111111111111112", "12121212121", "100000", "493000000000"]
#: Texts similar to each number, so that no body is quickly known to have none.
NEARLY = b"155500011110 111111111111112e5 1111111 121212121211 1000000 4930000000000 "


def cost(body: bytes, number: str) -> float:
    return fastest(
        lambda: seconds_of(lambda: any(map(Trace(number).is_in, texts_of(body)))), SECONDS
    )


def search(seed: int) -> None:
    """Print the highest cost of a body, and the highest memory of this process."""
    chance = random.Random(seed)
    slowest = (0.0, "")
    for _ in range(BODIES):
        atoms = chance.choices(ATOMS, k=chance.randint(1, 4))
        piece, number = b"".join(atoms), chance.choice(NUMBERS)
        body = (NEARLY + piece * (SIZE // len(piece)))[:SIZE]
        slowest = max(slowest, (cost(body, number), f"{piece!r} for {number}"))
    # Not ru_maxrss, which begins with the memory of the process that started this one.
    print(json.dumps([*slowest, memory("VmHWM")]))


@pytest.mark.parametrize("round_", range(5))
def test_no_body_is_expensive_to_search(round_):
    seed = random.randrange(2**32)
    done = subprocess.run(
        [sys.executable, "-m", "tests.hostile.test_numbers", str(seed)],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    seconds, piece, peak = json.loads(done.stdout)
    assert seconds < SECONDS, f"{piece}, seed {seed}"
    assert peak < ROOM, f"seed {seed}"


if __name__ == "__main__":
    search(int(sys.argv[1]))
