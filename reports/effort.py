"""What a run has cost: attempts, hours, and how much of that came to nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

_NOT_BEGUN = ("planned", "pending")


@dataclass(slots=True)
class Effort:
    """Sums over all attempts of a run."""

    attempts: int = 0
    """Those that began."""
    repeated: int = 0
    """Shards that needed more than one."""
    good_s: float = 0.0
    """Wall clock time of the accepted attempts."""
    wasted_s: float = 0.0
    """That of all others which have ended."""
    cpu_s: float = 0.0
    unknown: int = 0
    """Attempts that have ended, and nobody knows after how long."""
    first: float | None = None
    last: float | None = None

    def add(self, row: dict[str, Any]) -> None:
        """Add a shard's result."""
        begun = [one for one in row["attempts"] if one["state"] not in _NOT_BEGUN]
        accepted = set(row["accepted_attempts"])
        self.attempts += len(begun)
        self.repeated += len(begun) > 1
        for attempt in begun:
            self._add_attempt(attempt, good=attempt["attempt"] in accepted)

    def _add_attempt(self, attempt: dict[str, Any], *, good: bool) -> None:
        observed = attempt.get("observed") or {}
        start = attempt.get("started") or observed.get("started")
        end = attempt.get("ended") or observed.get("ended")
        if start:
            self.first = min(start, start if self.first is None else self.first)
        if end:
            self.last = max(end, end if self.last is None else self.last)
        self.cpu_s += attempt.get("cpu_s") or 0.0
        wall = attempt.get("wall_s")
        if wall is None and start and end:
            wall = max(0.0, end - start)
        if wall is not None and good:
            self.good_s += wall
        elif wall is not None:
            self.wasted_s += wall
        elif attempt["state"] != "running":
            self.unknown += 1

    @property
    def makespan_s(self) -> float | None:
        """Return the time from the first start to the last end."""
        if self.first is None or self.last is None:
            return None
        return max(0.0, self.last - self.first)
