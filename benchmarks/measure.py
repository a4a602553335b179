"""Runs a command and says how long it took and how much memory it had at its peak.

The measuring process itself stays small, and everything big happens in a child: on Linux a child's
peak counts the memory of the process it was forked from.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
RSS_UNIT = 1 if sys.platform == "darwin" else 1024  # getrusage(2): bytes there, KiB on Linux


@dataclass(frozen=True, slots=True)
class Cost:
    """What one command, or the median of several, cost."""

    wall: float
    """Seconds."""
    peak: int
    """Bytes, of the largest single process among the command and the children it waited for."""


def cost_of(
    command: Sequence[str], *, cwd: str | None = None, stdin: str | None = None, code: int = 0
) -> Cost:
    """Run a command to its end and return its cost; its output is thrown away.

    Args:
        command: the argument list.
        cwd: where to run it.
        stdin: a file to read standard input from, else nothing.
        code: the exit code that it must end with.

    Raises:
        RuntimeError: it ended with another; the message has the end of what it said.
    """
    with open(stdin or os.devnull, "rb") as source, open(os.devnull, "wb") as sink:
        start = time.perf_counter()
        child = subprocess.Popen(
            command, cwd=cwd, stdin=source, stdout=sink, stderr=subprocess.PIPE, env=_environment()
        )
        assert child.stderr is not None
        said = child.stderr.read()
        _, status, usage = os.wait4(child.pid, 0)
        wall = time.perf_counter() - start
        child.returncode = os.waitstatus_to_exitcode(status)  # already waited for: tell Popen
    if child.returncode != code:
        message = f"{list(command)} ended with {child.returncode}: {said[-2000:].decode()}"
        raise RuntimeError(message)
    return Cost(wall, usage.ru_maxrss * RSS_UNIT)


def baseline(*arguments: str) -> Cost:
    """Run ``benchmarks.baseline`` with these arguments; the time is what it says of itself.

    So a raw read counts without the start of the interpreter that does it.
    """
    command = [sys.executable, "-m", "benchmarks.baseline", *arguments]
    done = subprocess.run(
        command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True, env=_environment()
    )
    return Cost(float(done.stdout), 0)


def median(costs: Iterable[Cost]) -> Cost:
    """Return the median time and the largest peak."""
    everything = list(costs)
    wall = statistics.median(cost.wall for cost in everything)
    return Cost(wall, max(cost.peak for cost in everything))


def side_by_side(times: int, *candidates: Callable[[], Cost]) -> list[Cost]:
    """Run the candidates in turn, ``times`` rounds, and return the median of each.

    In turn, so that a slow minute of the machine hits all of them.
    """
    rounds = [[candidate() for candidate in candidates] for _ in range(times)]
    return [median(one[i] for one in rounds) for i in range(len(candidates))]


def _environment() -> dict[str, str]:
    return {**os.environ, "NO_COLOR": "1", "LC_ALL": "C"}
