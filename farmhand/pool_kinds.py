"""The kind of a shard: what jobs that are alike have in common, for estimates and tables."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable

from collectors.run_facts import RunFacts


def kind_of(facts: RunFacts) -> Callable[[int], str]:
    """Return shard -> its component; a run without components is of one kind, its own name."""
    parts = [part for part in facts.parts.values() if part.shards]
    firsts = [part.first for part in parts]
    names = [part.name or facts.spec.name for part in parts]

    def kind(shard: int) -> str:
        return names[bisect_right(firsts, shard) - 1]

    return kind
