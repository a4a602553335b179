"""Counting a manifest's shards by state: from the head's account where that is enough."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from manifest.layout import BLOCK
from manifest.states import SEVERAL_GOOD, STATES, is_bad
from manifest.store import Manifest


@dataclass(slots=True)
class Tally:
    """How a run stands."""

    shards: int = 0
    states: Counter[str] = field(default_factory=Counter)
    bad: list[int] = field(default_factory=list)
    """Indices of the bad shards, in order."""

    @property
    def succeeded(self) -> int:
        """Return the number of succeeded shards."""
        return self.states["succeeded"]

    @property
    def open(self) -> int:
        """Return the number of shards that are neither succeeded nor bad."""
        return self.shards - self.succeeded - len(self.bad)

    def text(self) -> str:
        """Return for example ``8 shards: 5 succeeded, 3 failed``."""
        parts = [f"{self.states[state]} {state}" for state in STATES if self.states[state]]
        return f"{self.shards} shard{'s' * (self.shards != 1)}: {', '.join(parts)}"


def tally(manifest: Manifest, only: Iterable[int] | None = None) -> Tally:
    """Count, of all shards or of those in ``only``."""
    found = Tally()
    if only is not None:
        for index in only:
            _add(found, manifest, index)
        return found
    for number, block in enumerate(manifest.header.blocks):
        if block.states.get("bad"):
            first = number * BLOCK
            for index in range(first, first + len(manifest.results.block(number))):
                _add(found, manifest, index)
        else:
            found.states.update(block.states)
            found.shards += sum(block.states.values())
    return found


def _add(found: Tally, manifest: Manifest, index: int) -> None:
    state, cause = manifest.results.head(index)
    found.shards += 1
    found.states[state] += 1
    if is_bad(state, cause):
        found.bad.append(index)


def several_good(manifest: Manifest, only: Iterable[int] | None = None) -> int:
    """Count the shards that succeeded more than once, of all or of those in ``only``."""
    words = f'{SEVERAL_GOOD}","accepted_attempts":'.encode()  # as text of a log it has no quotes
    if only is not None:
        return sum(words in manifest.results.raw(index) for index in only)
    return sum(bytes(block).count(words) for block in manifest.results.blocks)


def bad_rows(manifest: Manifest, indices: Iterable[int]) -> list[dict[str, Any]]:
    """Return what ``check --json`` lists of bad shards."""
    keys = ("shard_index", "name", "state", "cause", "evidence")
    return [{key: row[key] for key in keys} for row in map(manifest.results.row, indices)]
