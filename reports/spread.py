"""How values spread, and how much comes on one event."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Spread:
    """Mean, median and spread of some values."""

    number: int
    mean: float
    median: float
    low: float
    high: float
    deviation: float
    """Standard deviation of these values (divided by their number)."""
    quartiles: float
    """Distance between the quartiles: half of the values lie in a range as wide."""


def spread(values: Sequence[float]) -> Spread | None:
    """Return how values spread; of none nothing is known.

    >>> made = spread([1.0, 2.0, 3.0, 6.0])
    >>> made.mean, made.median, round(made.deviation, 3), made.quartiles
    (3.0, 2.5, 1.871, 2.0)
    """
    if not values:
        return None
    ordered = sorted(values)
    mean = math.fsum(ordered) / len(ordered)
    variance = math.fsum((value - mean) ** 2 for value in ordered) / len(ordered)
    return Spread(
        number=len(ordered),
        mean=mean,
        median=quantile(ordered, 0.5),
        low=ordered[0],
        high=ordered[-1],
        deviation=math.sqrt(variance),
        quartiles=quantile(ordered, 0.75) - quantile(ordered, 0.25),
    )


def quantile(ordered: Sequence[float], part: float) -> float:
    """Return the value below which a part of sorted values lies; straight between neighbours.

    >>> quantile([1.0, 2.0, 4.0], 0.75)
    3.0
    """
    place = (len(ordered) - 1) * part
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


@dataclass(frozen=True, slots=True)
class Rate:
    """What comes on one event: the sum of a quantity over the sum of events."""

    value: float
    error: float | None
    """Its standard error, from how jobs scatter; None with fewer than two jobs."""
    number: int
    events: int


def rate(pairs: Sequence[tuple[int, float]]) -> Rate | None:
    """Return the rate of (events, quantity) pairs, or None where there are no events.

    The error is that of a ratio of means (Cochran, Sampling Techniques, 1977, chapter 6).

    >>> rate([(10, 20.0), (10, 24.0)])
    Rate(value=2.2, error=0.2, number=2, events=20)
    """
    events = sum(size for size, _ in pairs)
    if not events:
        return None
    number = len(pairs)
    value = math.fsum(amount for _, amount in pairs) / events
    error = None
    if number > 1:
        squares = math.fsum((amount - value * size) ** 2 for size, amount in pairs)
        error = math.sqrt(squares * number / (number - 1)) / events
    return Rate(value, error, number, events)
