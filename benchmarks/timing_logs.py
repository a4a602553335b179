"""A row for the timing of logs, beside grep over the same files."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from benchmarks.measure import cost_of, side_by_side
from benchmarks.table import Row

if TYPE_CHECKING:
    from collections.abc import Iterator

EPOCH = 1_760_000_000
LINES = "".join(
    f"Fun4AllServer: event {number} of a simulation, all is well\n" for number in range(150)
)
CUT = 50
"""Every so many logs, one is of a job that was killed."""


def timing_rows(folder: str, logs: int, times: int) -> Iterator[Row]:
    """Measure logs of 10 KB with three pairs of tags each."""
    place = os.path.join(folder, "logs")
    os.makedirs(place)
    for number in range(logs):
        with open(os.path.join(place, f"dis_{number:07}.out"), "w", encoding="ascii") as file:
            file.write(log(number))
    verb = ["farmhand", "report", "timing", "--logs", os.path.join(place, "*.out")]
    # Into a pipe: what it cannot write anywhere (/dev/null), grep does not look for beyond a match.
    words = "grep -rE '(START|END)( DST| EVAL)? --' \"$0\" | wc -l"
    grep = ["sh", "-c", words, place]
    ours, theirs = side_by_side(times, lambda: cost_of(verb), lambda: cost_of(grep))
    yield Row("report timing, logs of 10 KB", logs, ours, "grep", theirs)
    shutil.rmtree(place)


def log(number: int) -> str:
    """Return what a job printed."""
    start = EPOCH + number
    long = 2000 + number * 7919 % 400
    text = f" START -- {start}\n START DST -- {start + 10}\n{LINES}"
    if number % CUT == 0:
        return text
    return (
        f"{text} END DST -- {start + long}\n START EVAL -- {start + long + 1}\n"
        f" END EVAL -- {start + long + 300}\n END -- {start + long + 310}\n"
    )
