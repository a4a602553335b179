"""What further events would take, judged from jobs that have done theirs.

Two models. A quantity in proportion to the events: a ratio of means. And, where jobs of different
sizes show it, a fixed part a job with a part an event on top: a straight line by least squares.
The line is taken only when its fixed part is more than twice its standard error; jobs of one size
cannot tell the two apart.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from reports.spread import rate

_ERRORS = 2
_FOR_A_LINE = 3


@dataclass(frozen=True, slots=True)
class Model:
    """Value of one job: ``fixed + per_event * events``."""

    fixed: float
    per_event: float
    size: float
    """Mean number of events of the jobs it comes from."""
    number: int
    """How many jobs it comes from."""
    scatter: float | None
    """Standard deviation of a job of that size around the model; None with too few jobs."""
    leverage: float
    """1 / (sum of squares of the sizes around their mean); 0 in the proportional model."""

    def job(self, events: float) -> float:
        """Return the value that one job is expected to have."""
        return self.fixed + self.per_event * events

    def error(self, jobs: int, events: float) -> float | None:
        """Return the standard error of the sum of so many jobs of so many events.

        Of two parts: that the model is known from some jobs only, which all share, and that each
        job scatters by itself.
        """
        if self.scatter is None:
            return None
        if self.leverage:
            shared = 1 / self.number + self.leverage * (events - self.size) ** 2
            own = 1.0
        else:
            shared = (events / self.size) ** 2 / self.number
            own = events / self.size
        return self.scatter * math.sqrt(jobs**2 * shared + jobs * own)


def model(pairs: Sequence[tuple[int, float]]) -> Model | None:
    """Return the model of (events, value) pairs of jobs, or None where there are none.

    >>> made = model([(10, 25.0), (20, 45.0), (30, 65.0), (40, 85.5)])
    >>> round(made.fixed, 2), round(made.per_event, 3)
    (4.75, 2.015)
    """
    whole = rate(pairs)
    if whole is None:
        return None
    size = whole.events / whole.number
    line = _line(pairs, size) if whole.number >= _FOR_A_LINE else None
    if line is not None:
        return line
    # Of the error of a ratio: error = scatter / (size * sqrt(number))
    scatter = None if whole.error is None else whole.error * size * math.sqrt(whole.number)
    return Model(0.0, whole.value, size, whole.number, scatter, 0.0)


def _line(pairs: Sequence[tuple[int, float]], size: float) -> Model | None:
    number = len(pairs)
    mean = math.fsum(value for _, value in pairs) / number
    squares = math.fsum((events - size) ** 2 for events, _ in pairs)
    if not squares:
        return None
    slope = math.fsum((events - size) * (value - mean) for events, value in pairs) / squares
    fixed = mean - slope * size
    rest = math.fsum((value - fixed - slope * events) ** 2 for events, value in pairs)
    scatter = math.sqrt(rest / (number - 2))
    doubt = scatter * math.sqrt(1 / number + size**2 / squares)
    if slope <= 0 or fixed <= _ERRORS * doubt:
        return None
    return Model(fixed, slope, size, number, scatter, 1 / squares)


@dataclass(frozen=True, slots=True)
class Amount:
    """A sum that is expected, and its standard error (None: not known)."""

    value: float
    error: float | None


@dataclass(frozen=True, slots=True)
class Estimate:
    """Time and disk of so many events on so many slots."""

    events: int
    slots: int
    jobs: int
    job_events: int
    rounds: int
    """How many jobs a slot runs one after the other."""
    slot_seconds: Amount
    seconds: Amount
    """From the first start to the last end, where no slot waits."""
    output: Amount | None
    """Bytes; None where no outputs are known."""
    time_model: Model
    output_model: Model | None


def estimate(
    times: Sequence[tuple[int, float]],
    outputs: Sequence[tuple[int, float]],
    events: int,
    slots: int,
    job_events: int | None = None,
) -> Estimate | None:
    """Estimate from (events, seconds) and (events, bytes) of jobs; of no jobs nothing is known."""
    time, output = model(times), model(outputs)
    if time is None:
        return None
    size = min(job_events or max(round(time.size), 1), events)
    jobs = -(-events // size)
    rounds = -(-jobs // slots)
    return Estimate(
        events=events,
        slots=slots,
        jobs=jobs,
        job_events=size,
        rounds=rounds,
        slot_seconds=_sum(time, jobs, events),
        seconds=Amount(rounds * time.job(size), time.error(rounds, size)),
        output=None if output is None else _sum(output, jobs, events),
        time_model=time,
        output_model=output,
    )


def _sum(made: Model, jobs: int, events: int) -> Amount:
    return Amount(jobs * made.fixed + events * made.per_event, made.error(jobs, events / jobs))
