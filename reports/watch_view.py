"""What is shown while a run is watched: lines for a terminal, and one line where there is none."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from manifest.units import format_duration
from reports.bad_table import bad_table
from reports.by_component import Standing
from reports.tally import Tally

_WINDOW_S = 900.0
"""The rate is that of the last quarter of an hour: farms change during the day."""
_COMPONENTS = 12
_MORE = 16
_BAD_LINES = 12


@dataclass(slots=True)
class Pace:
    """How fast shards succeed, from what was seen while watching."""

    seen: deque[tuple[float, int]] = field(default_factory=deque)

    def add(self, now: float, succeeded: int) -> None:
        """Note how many had succeeded at a time."""
        self.seen.append((now, succeeded))
        while len(self.seen) > 2 and self.seen[1][0] < now - _WINDOW_S:  # noqa: PLR2004 (two ends)
            self.seen.popleft()

    def per_second(self) -> float | None:
        """Return the rate; None while nothing has succeeded since."""
        if len(self.seen) < 2:  # noqa: PLR2004 (as above)
            return None
        (start, few), (end, many) = self.seen[0], self.seen[-1]
        return (many - few) / (end - start) if many > few and end > start else None

    def text(self, left: int) -> str:
        """Return for example ``41 a minute; 320 more in about 8m``; empty while nothing is known.

        >>> pace = Pace()
        >>> pace.add(0.0, 10); pace.add(60.0, 51)
        >>> pace.text(320)
        '41 a minute; 320 more at this rate in about 7m48s'
        """
        rate = self.per_second()
        if rate is None:
            return ""
        for unit, seconds in (("second", 1), ("minute", 60), ("hour", 3600)):
            if rate * seconds >= 10 or unit == "hour":  # noqa: PLR2004 (two digits)
                shown = f"{rate * seconds:,.3g} a {unit}"
                break
        if not left:
            return shown
        return f"{shown}; {left:,} more at this rate in about {format_duration(left / rate)}"


@dataclass(frozen=True, slots=True)
class Seen:
    """How a run stands at one look."""

    run_id: str
    counted: Tally
    standings: Sequence[Standing]
    bad: Sequence[dict[str, Any]]
    more: Sequence[str]
    """What the pool or the ledgers of items tell."""
    notes: Sequence[str]
    """What could not be found out, and what else there is to say."""


def watch_lines(seen: Seen, pace: Pace, width: int) -> list[str]:
    """Return the lines below the bar, none wider than ``width`` where names allow it."""
    counted = seen.counted
    lines = [counted.text()]
    rate = pace.text(counted.open)
    lines += [rate] if rate else []
    lines += [line[:width] for line in seen.more[:_MORE]]
    if seen.standings:
        lines.append("")
        column = min(24, max(len(one.name) for one in seen.standings))
        open_first = sorted(seen.standings, key=lambda one: (not one.tally.open, -one.tally.open))
        for one in open_first[:_COMPONENTS]:
            lines.append(f"{one.name:<{column}}  {one.text()}"[:width])
        if len(seen.standings) > _COMPONENTS:
            lines.append(f"and {len(seen.standings) - _COMPONENTS} more components")
    if seen.bad:
        table = bad_table(list(seen.bad), width)
        lines += ["", *table[:_BAD_LINES]]
        if len(table) > _BAD_LINES:
            lines.append("   ...  (farmhand check)")
    lines += ["", *seen.notes] if seen.notes else []
    return lines
