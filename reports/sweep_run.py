"""What one run of a sweep came to: counted from its manifest, a shard at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from reports.concurrency import concurrency
from reports.effort import Effort
from reports.hosts import host_of
from reports.spread import spread


@dataclass(frozen=True, slots=True)
class Measured:
    """One run. What is not known is None, never 0."""

    shards: int
    succeeded: int = 0
    work: int = 0
    """Units that succeeded shards have done."""
    longest_s: float | None = None
    """Of the accepted attempts: Makespan, as farm scripts have always shown it."""
    mean_s: float | None = None
    wall_s: float | None = None
    """From the first start to the last end of all attempts."""
    wait_s: float | None = None
    """Median time from submission to start, of shards that farmhand submitted."""
    cpu_s: float | None = None
    """Of the accepted attempts, where all of them know."""
    retries: int = 0
    """Attempts beyond the first of each shard."""
    at_once: int | None = None
    """The most that ran at one moment."""
    hosts: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether all shards have succeeded, and it is known how long it took."""
        return self.succeeded == self.shards and bool(self.wall_s)

    @property
    def throughput(self) -> float | None:
        """Units done a second; what was only planned does not count."""
        return self.work / self.wall_s if self.wall_s and self.succeeded else None

    @property
    def imbalance(self) -> float | None:
        """The longest shard over the mean: 1 when all take the same time."""
        return self.longest_s / self.mean_s if self.longest_s and self.mean_s else None


@dataclass(slots=True)
class RunCount:
    """Counts a run; one ``add`` a shard."""

    submitted: Mapping[int, float]
    """Submission -> when farmhand submitted it, in seconds since the epoch."""
    effort: Effort = field(default_factory=Effort)
    shards: int = 0
    succeeded: int = 0
    work: int = 0
    begun: int = 0
    walls: list[float] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    cpu: list[float | None] = field(default_factory=list)
    spans: list[tuple[float, float]] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)

    def add(self, size: int, row: dict[str, Any]) -> None:
        """Add a shard: the units it has to do, and its result."""
        self.shards += 1
        self.effort.add(row)
        starts = []
        accepted = set(row["accepted_attempts"]) if row["state"] == "succeeded" else set()
        if accepted:
            self.succeeded += 1
            self.work += size
        for attempt in row["attempts"]:
            start, end = _span(attempt)
            if start is None:
                continue
            starts.append((start, attempt["submission"]))
            host = host_of(attempt)
            if host:
                self.hosts.add(host)
            if end is not None and end > start:
                self.spans.append((start, end))
            if attempt["attempt"] in accepted:
                self._add_good(attempt, start, end)
        self.begun += bool(starts)
        if starts:
            first, submission = min(starts, key=lambda one: one[0])
            if submission in self.submitted:
                # Clocks of two hosts: what began before it was submitted has not waited.
                self.waits.append(max(0.0, first - self.submitted[submission]))

    def _add_good(self, attempt: dict[str, Any], start: float, end: float | None) -> None:
        wall = attempt.get("wall_s")
        if wall is None and end is not None:
            wall = max(0.0, end - start)
        if wall is not None:
            self.walls.append(wall)
        cpu = attempt.get("cpu_s")
        self.cpu.append((attempt.get("observed") or {}).get("cpu_s") if cpu is None else cpu)

    def measured(self) -> Measured:
        """Return what it came to."""
        busy = concurrency(self.spans)
        walls, waits = spread(self.walls), spread(self.waits)
        known = [one for one in self.cpu if one is not None]
        return Measured(
            shards=self.shards,
            succeeded=self.succeeded,
            work=self.work,
            longest_s=walls.high if walls else None,
            mean_s=walls.mean if walls else None,
            wall_s=self.effort.makespan_s or None,
            wait_s=waits.median if waits else None,
            cpu_s=sum(known) if known and len(known) == len(self.cpu) else None,
            retries=max(0, self.effort.attempts - self.begun),
            at_once=busy.peak if busy else None,
            hosts=tuple(sorted(self.hosts)),
        )


def _span(attempt: dict[str, Any]) -> tuple[float | None, float | None]:
    observed = attempt.get("observed") or {}
    start = attempt.get("started") or observed.get("started")
    end = attempt.get("ended") or observed.get("ended")
    return start or None, end or None
