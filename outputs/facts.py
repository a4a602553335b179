"""What a validator or a merge must know of a shard, and where its accepted output lies."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

UNPLANNED = -1
"""``ShardFacts.start`` of a file that farmhand did not plan (``merge --input FILE``)."""


@dataclass(frozen=True, slots=True)
class ShardFacts:
    """One planned shard, as far as outputs are concerned."""

    index: int
    name: str
    component: str | None
    start: int
    """First element of the shard's range; ``UNPLANNED`` when there is no plan."""
    size: int
    """Number of elements in the shard."""
    seed: int | None
    total: int
    """Number of shards of the component (of the run, when it has no components)."""
    count: int
    """``work.count`` of the component (of the run, when it has no components)."""
    base_seed: int | None
    attempt: str
    """Id of the accepted attempt; empty when there is none."""
    params: Mapping[str, str] = field(default_factory=dict, compare=False)
    """Parameters of the component."""
    point: Mapping[str, str] = field(default_factory=dict, compare=False)
    """Parameters of the grid's point."""

    @property
    def planned(self) -> bool:
        """Whether a plan says what this shard had to do."""
        return self.start != UNPLANNED


@dataclass(frozen=True, slots=True)
class Source:
    """The accepted output of one shard."""

    facts: ShardFacts
    path: str
    """Absolute path of the accepted attempt's file."""
    shown: str
    """The same path relative to the run, for messages and provenance."""

    @property
    def label(self) -> str:
        """Return how messages name this source: the shard, or the file when nobody planned it.

        >>> facts = ShardFacts(3, "s3", None, 30, 10, 72, 4, 40, 42, "1.1.a")
        >>> Source(facts, "/r/shards/s3/1.1.a/o.json", "shards/s3/1.1.a/o.json").label
        'shard 3 (s3)'
        """
        facts = self.facts
        return f"shard {facts.index} ({facts.name})" if facts.planned else self.shown
