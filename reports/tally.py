"""Counting a manifest's shards by state and cause, from the heads of its rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from manifest.states import STATES, is_bad
from manifest.store import Manifest, result_head, row_of


@dataclass(slots=True)
class Tally:
    """How a run stands."""

    shards: int
    states: Counter[str] = field(default_factory=Counter)
    bad: list[int] = field(default_factory=list)
    """Indices of the bad shards, in order."""
    open: int = 0
    """Shards that are neither succeeded nor bad."""

    @property
    def succeeded(self) -> int:
        """Return the number of succeeded shards."""
        return self.states["succeeded"]

    def text(self) -> str:
        """Return for example ``8 shards: 5 succeeded, 3 failed``."""
        parts = [f"{self.states[state]} {state}" for state in STATES if self.states[state]]
        return f"{self.shards} shard{'s' * (self.shards != 1)}: {', '.join(parts)}"


def tally(manifest: Manifest, only: Iterable[int] | None = None) -> Tally:
    """Count, of all shards or of those in ``only``."""
    chosen = range(manifest.header.shards) if only is None else only
    found = Tally(0)
    for index in chosen:
        state, cause = result_head(manifest.results[index], manifest.path)
        found.shards += 1
        found.states[state] += 1
        if is_bad(state, cause):
            found.bad.append(index)
        elif state != "succeeded":
            found.open += 1
    return found


def bad_rows(manifest: Manifest, indices: Iterable[int]) -> list[dict[str, Any]]:
    """Return what ``check --json`` lists of bad shards."""
    keys = ("shard_index", "name", "state", "cause", "evidence")
    rows = (row_of(manifest.results[index], manifest.path) for index in indices)
    return [{key: row[key] for key in keys} for row in rows]
