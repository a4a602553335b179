"""How many jobs ran at each moment."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Concurrency:
    """The number of running jobs, from one moment to the next one at which it changed."""

    moments: tuple[float, ...]
    """Seconds since the epoch."""
    running: tuple[int, ...]
    """From each moment on; the last is 0."""
    mean: float
    """Over the time from the first start to the last end."""

    @property
    def peak(self) -> int:
        """Return how many ran at most."""
        return max(self.running)


def concurrency(spans: Iterable[tuple[float, float]]) -> Concurrency | None:
    """Count those that run, of (start, end) pairs; an end and a start at one moment cancel out.

    >>> concurrency([(0, 10), (5, 20), (10, 20)])
    Concurrency(moments=(0, 5, 20), running=(1, 2, 0), mean=1.75)
    """
    changes: dict[float, int] = {}
    for start, end in spans:
        changes[start] = changes.get(start, 0) + 1
        changes[end] = changes.get(end, 0) - 1
    moments, running = [], []
    now, busy, before = 0, 0.0, 0.0
    for moment in sorted(changes):
        if changes[moment]:
            busy += now * (moment - before)
            now, before = now + changes[moment], moment
            moments.append(moment)
            running.append(now)
    if not moments:
        return None
    return Concurrency(tuple(moments), tuple(running), busy / (moments[-1] - moments[0]))
