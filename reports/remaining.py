"""How long the rest of a pool's jobs will take, judged from those that have ended and still run.

A job that still runs says that it takes at least so long: without that, the first to end (the
short ones, and those that fail at once) would make the rest look short. The mean is that of the
product-limit estimate (Kaplan and Meier, J. Am. Stat. Assoc. 53, 1958, p. 457); where the longest
known time is of a job that still runs, it counts as ended there, so a mean is too small rather than
unknown.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

_KEPT = 1000
"""Times of a kind that count: the latest."""
_SPREADS = 2


@dataclass(frozen=True, slots=True)
class Remaining:
    """Seconds until all is done, with a range of two standard errors to each side."""

    likely: float
    low: float
    high: float


class Clock:
    """Learns from each job that ends; kinds are told apart as soon as one of theirs has ended."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self._kinds: dict[str, deque[float]] = {}

    def ended(self, kind: str, seconds: float) -> None:
        """Learn how long a job took, however it ended."""
        self._kinds.setdefault(kind, deque(maxlen=_KEPT)).append(seconds)

    def remaining(
        self,
        left: Mapping[str, int],
        running: Sequence[tuple[str, float]],
        at_once: int,
    ) -> Remaining | None:
        """Return what is left; None: nothing has ended yet, so nobody can know.

        Args:
            left: jobs not yet started, by kind.
            running: kind and seconds so far of each that runs.
            at_once: how many run at a time.
        """
        pooled = [seconds for times in self._kinds.values() for seconds in times]
        if not pooled:
            return None
        so_far: dict[str, list[float]] = {}
        for kind, seconds in running:
            so_far.setdefault(kind, []).append(seconds)
        whole = _Kind.of(pooled, [seconds for _, seconds in running])
        strange = replace(whole, number=1)  # of a kind of its own no time is known
        work = variance = last = dephased = 0.0
        for kind in {**left, **so_far}:
            times = self._kinds.get(kind)
            made = _Kind.of(times, so_far.get(kind, ())) if times else strange
            number = left.get(kind, 0)
            work += number * made.mean
            rest = [made.rest(seconds) for seconds in so_far.get(kind, ())]
            work += math.fsum(rest)
            jobs = number + len(rest)
            variance += made.variance * (jobs + jobs**2 / made.number)
            dephased = max(dephased, made.dephased(jobs / at_once)) if number else dephased
            last = max(last, made.mean if number else 0.0, *rest, 0.0)
        places = max(1, min(at_once, sum(left.values()) + len(running)))
        # In the end some places are idle while the last job still runs.
        idle = dephased * (places - 1) / (places + 1)
        likely = max(work / places + idle, last)
        error = _SPREADS * math.sqrt(variance) / places + idle
        low = max(likely - error, 0.0)
        return Remaining(likely, low, likely + error)


@dataclass(frozen=True, slots=True)
class _Kind:
    """What is known of one kind of jobs."""

    mean: float
    variance: float
    number: int
    ended: list[float]

    @classmethod
    def of(cls, ended: Iterable[float], so_far: Sequence[float]) -> _Kind:
        """Weigh the times that ended against those that have not."""
        ordered = sorted(ended)
        points = sorted([(t, 0) for t in ordered] + [(t, 1) for t in so_far])
        weights: list[tuple[float, float]] = []
        survival, at_risk = 1.0, len(points)
        for seconds, runs in points:
            if not runs or at_risk == 1:
                share = survival / at_risk
                weights.append((seconds, share))
                survival -= share
            at_risk -= 1
        mean = math.fsum(seconds * share for seconds, share in weights)
        square = math.fsum((seconds - mean) ** 2 * share for seconds, share in weights)
        number = len(ordered)
        # One time says nothing about the spread: as much as the time itself.
        variance = mean**2 if number == 1 else square * number / (number - 1)
        return cls(mean, variance, number, ordered)

    def dephased(self, rounds: float) -> float:
        """Return by how much places that began together are apart after so many jobs each."""
        return min(self.mean / 2, math.sqrt(self.variance * rounds))

    def rest(self, seconds: float) -> float:
        """Return what a job that has run so long still needs, by those that took longer."""
        longer = self.ended[bisect_right(self.ended, seconds) :]
        if longer:
            return math.fsum(longer) / len(longer) - seconds
        return seconds / (self.number + 1)
