"""Job arrays: which shards an element of a submission's arrays runs.

A submission's shards, in order, are packed ``shards_per_job`` to an element; the elements are cut
into as few arrays ("parts") as the scheduler's largest array allows, each counted from 0.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from manifest.layout import parse_ranges


def array_sizes(shards: int, per_job: int, largest: int) -> tuple[int, ...]:
    """Return the number of elements of each part; they differ by one at most.

    Args:
        shards: in the submission.
        per_job: shards to an element.
        largest: number of elements that one array may have.
    """
    elements = -(-shards // per_job)
    parts = -(-elements // largest)
    whole, more = divmod(elements, parts)
    return tuple(whole + (part < more) for part in range(parts))


@dataclass(frozen=True)
class Arrays:
    """The arrays of one submission."""

    shards: str
    """Ranges, as in the manifest."""
    per_job: int
    sizes: Sequence[int]

    @cached_property
    def members(self) -> list[int]:
        """Return the submission's shards in order."""
        return list(parse_ranges(self.shards))

    def first_element(self, part: int) -> int:
        """Return how many elements the parts before ``part`` (from 0) have."""
        return sum(self.sizes[:part])

    def element(self, part: int, index: int) -> list[int]:
        """Return the shards of element ``index`` of ``part``; there is none: []."""
        if not (0 <= part < len(self.sizes) and 0 <= index < self.sizes[part]):
            return []
        first = (self.first_element(part) + index) * self.per_job
        return self.members[first : first + self.per_job]

    def elements(self, part: int) -> Iterator[list[int]]:
        """Yield the shards of each element of ``part``."""
        for index in range(self.sizes[part]):
            yield self.element(part, index)

    def contiguous(self, part: int) -> int | None:
        """Return the first shard of ``part`` when its shards follow one another, else None."""
        first = self.first_element(part) * self.per_job
        mine = self.members[first : first + self.sizes[part] * self.per_job]
        return mine[0] if mine[-1] - mine[0] == len(mine) - 1 else None
