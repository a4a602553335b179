"""The kind of a shard: what jobs that are alike have in common, for estimates and tables."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence

from collectors.run_facts import RunFacts
from manifest.splitting import Part


def kind_of(facts: RunFacts) -> Callable[[int], str]:
    """Return shard -> its component, with the first parameter of its point where that is a grid's.

    A run without components is of one kind, its own name, unless it is a grid.
    """
    parts = [part for part in facts.parts.values() if part.shards]
    firsts = [part.first for part in parts]
    names = [part.name or facts.spec.name for part in parts]
    points = [_by_point(part) for part in parts]

    def kind(shard: int) -> str:
        at = bisect_right(firsts, shard) - 1
        return points[at][shard - firsts[at]] if points[at] else names[at]

    return kind


def _by_point(part: Part) -> Sequence[str]:
    """Return the kinds of a grid's shards, in order; of other work there are none."""
    if part.points is None:
        return ()
    first = part.points.names[0]
    texts: dict[str, str] = {}  # one text a value, however many shards have it
    before = f"{part.name} " if part.name else ""
    return [
        texts.setdefault(cut.point[0], f"{before}{first}={cut.point[0]}") for cut in part.cuts()
    ]
