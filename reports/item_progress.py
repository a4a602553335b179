"""How far shards of items are: counted from the ledgers that their commands write."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from manifest.store import Manifest
from manifest.units import format_duration
from outputs.item_rows import ledger_bytes, ledger_lines

_SHOWN = 20
"""Shards that get a line each."""


@dataclass(frozen=True, slots=True)
class ShardItems:
    """One shard."""

    index: int
    name: str
    done: int
    total: int
    rate: float | None
    """Items a second of the attempt that runs; None: none runs, or it has finished none yet."""

    @property
    def left_s(self) -> float | None:
        """Return how many seconds are left at this rate; None: not known."""
        return (self.total - self.done) / self.rate if self.rate else None

    def as_json(self) -> dict[str, Any]:
        """Return what ``status --json`` says of it."""
        named = {"shard_index": self.index, "name": self.name}
        return {**named, **_numbers(self.done, self.total, self.rate, self.left_s)}


@dataclass(frozen=True, slots=True)
class ItemProgress:
    """A run."""

    shards: list[ShardItems] = field(default_factory=list)

    @property
    def done(self) -> int:
        """Return the number of finished items."""
        return sum(shard.done for shard in self.shards)

    @property
    def total(self) -> int:
        """Return the number of items."""
        return sum(shard.total for shard in self.shards)

    @property
    def rate(self) -> float | None:
        """Return the items a second of all that runs."""
        return sum(shard.rate or 0.0 for shard in self.shards) or None

    @property
    def left_s(self) -> float | None:
        """Return the seconds that are left: of the slowest shard, and of all work that waits."""
        if self.rate is None:
            return None
        slowest = max(shard.left_s or 0.0 for shard in self.shards)
        return max(slowest, (self.total - self.done) / self.rate)

    def as_json(self) -> dict[str, Any]:
        """Return what ``status --json`` says."""
        return {
            **_numbers(self.done, self.total, self.rate, self.left_s),
            "shards": [shard.as_json() for shard in self.shards],
        }

    def lines(self) -> Iterator[str]:
        """Yield a line for all, and one for each of the first shards that are on their way."""
        yield f"items: {self.done} of {self.total} done{_pace(self.rate, self.left_s)}"
        begun = [one for one in self.shards if one.done < one.total and (one.done or one.rate)]
        width = max((len(one.name) for one in begun[:_SHOWN]), default=0)
        for one in begun[:_SHOWN]:
            yield f"  {one.name:<{width}}  {one.done} of {one.total}{_pace(one.rate, one.left_s)}"
        if len(begun) > _SHOWN:
            yield f"  ... and {len(begun) - _SHOWN} shards more (--json has all)"


def item_progress(manifest: Manifest, now: float) -> ItemProgress:
    """Count the items of each shard; only ledgers that may have grown are read."""
    found = ItemProgress()
    for index in range(manifest.header.shards):
        plan = manifest.plans.row(index)
        name, total = plan["name"], plan["size"]
        if manifest.results.head(index)[0] == "succeeded":
            found.shards.append(ShardItems(index, name, total, total, None))
            continue
        attempts = [one for one in manifest.results.row(index)["attempts"] if one["dir"]]
        counts = [_count(manifest.run, one) for one in attempts]
        done = sum(counts)
        if len(attempts) > 1:  # what two have finished counts once
            done = len(
                {item for one in attempts for item in ledger_lines(_ledger(manifest.run, one))}
            )
        rate = None
        for attempt, count in zip(attempts, counts, strict=True):
            if attempt["state"] == "running" and count and now > attempt["started"]:
                rate = count / (now - attempt["started"])
        found.shards.append(ShardItems(index, name, min(done, total), total, rate))
    return found


def _count(run: str, attempt: dict[str, Any]) -> int:
    if "ledger" in attempt:  # over, and read by collect
        return int(attempt["ledger"]["items"])
    return sum(map(bool, _ledger(run, attempt).split(b"\n")[:-1]))


def _ledger(run: str, attempt: dict[str, Any]) -> bytes:
    try:
        return ledger_bytes(f"{run}/{attempt['dir']}")
    except OSError:
        return b""


def _numbers(done: int, total: int, rate: float | None, left_s: float | None) -> dict[str, Any]:
    return {"done": done, "total": total, "items_per_s": rate, "left_s": left_s}


def _pace(rate: float | None, left_s: float | None) -> str:
    if rate is None or left_s is None:
        return ""
    units = (("second", 1), ("minute", 60), ("hour", 3600))
    unit, number = next(((u, rate * s) for u, s in units if rate * s >= 1), ("day", rate * 86400))
    return f", {number:.3g} a {unit}, about {format_duration(left_s)} left"
