"""Sharing out equal units by weight. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction


def shares(count: int, weights: Sequence[float]) -> list[int]:
    """Return how many units each weight gets, by largest remainder; their sum is ``count``.

    Each gets its share rounded down; what is left goes, one each, to those that lost most by it,
    and of equals to the first.

    >>> shares(10, [1, 1, 1])
    [4, 3, 3]
    >>> shares(10, [3, 0, 1])
    [8, 0, 2]
    """
    exact = [Fraction(weight) for weight in weights]
    whole = sum(exact)
    quotas = [count * weight / whole for weight in exact]
    found = [int(quota) for quota in quotas]
    by_loss = sorted(range(len(found)), key=lambda i: (found[i] - quotas[i], i))
    for index in by_loss[: count - sum(found)]:
        found[index] += 1
    return found
