"""How a sweep scales: medians by number of shards, speed-up, efficiency, and what to make of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from reports.spread import Spread, spread
from reports.sweep_run import Measured

TOO_GOOD = 1.05
"""Above this efficiency something else is at work than more shards."""


@dataclass(frozen=True, slots=True)
class Row:
    """One run of a sweep, as a line of the table."""

    repeat: int
    run: str
    """Its directory, as a person would type it."""
    measured: Measured
    converged: int | None = None
    errors: int | None = None
    differs: bool = False
    """Whether its merged result is not that of the others."""
    speedup: float | None = None
    efficiency: float | None = None

    @property
    def shards(self) -> int:
        """Return the number of shards."""
        return self.measured.shards

    @property
    def marks(self) -> tuple[str, ...]:
        """Return what keeps this row from being taken at its word."""
        found = []
        if not self.measured.complete:
            found.append("incomplete")
        if self.efficiency is not None and self.efficiency > TOO_GOOD:
            found.append("above 105 %")
        if self.differs:
            found.append("differs")
        return tuple(found)


@dataclass(frozen=True, slots=True)
class Point:
    """All runs with one number of shards."""

    shards: int
    runs: int
    wall: Spread | None
    """Of the complete runs."""
    throughput: Spread | None
    at_once: int | None
    """The most that ran at one moment in any of them."""
    speedup: float | None = None
    efficiency: float | None = None

    @property
    def marks(self) -> tuple[str, ...]:
        """Return what keeps this point from being taken at its word."""
        found = []
        complete = self.wall.number if self.wall else 0
        if complete < self.runs:
            found.append("incomplete" if self.runs == 1 else f"{complete} of {self.runs} complete")
        if self.efficiency is not None and self.efficiency > TOO_GOOD:
            found.append("above 105 %")
        if self.at_once is not None and self.at_once < self.shards:
            found.append(f"{self.at_once} at once")
        return tuple(found)


@dataclass(frozen=True, slots=True)
class Scaling:
    """A sweep, worked out."""

    rows: tuple[Row, ...]
    points: tuple[Point, ...]
    base: Point | None
    """The smallest complete point, which speed-up and efficiency are relative to."""


def speedup(base_s: float, seconds: float) -> float:
    """Return how many times faster than the base.

    >>> speedup(12.0, 3.0)
    4.0
    """
    return base_s / seconds


def efficiency(gain: float, base_shards: int, shards: int) -> float:
    """Return the part of the ideal that a speed-up comes to.

    >>> efficiency(3.0, 2, 8)
    0.75
    """
    return gain * base_shards / shards


def scaling(rows: Iterable[Row]) -> Scaling:
    """Work out a sweep. Only complete runs count for medians, speed-up and efficiency."""
    ordered = sorted(rows, key=lambda row: (row.shards, row.repeat))
    by_shards: dict[int, list[Row]] = {}
    for row in ordered:
        by_shards.setdefault(row.shards, []).append(row)
    points = [_point(shards, some) for shards, some in by_shards.items()]
    base = next((point for point in points if point.wall), None)
    if base is None or base.wall is None:
        return Scaling(tuple(ordered), tuple(points), None)
    first, least = base.wall.median, base.shards
    return Scaling(
        tuple(_row(row, first, least) if row.measured.complete else row for row in ordered),
        tuple(_scaled(point, first, least) for point in points),
        _scaled(base, first, least),
    )


def _point(shards: int, rows: Sequence[Row]) -> Point:
    done = [row.measured for row in rows if row.measured.complete]
    peaks = [one.at_once for one in done if one.at_once is not None]
    return Point(
        shards=shards,
        runs=len(rows),
        wall=spread([one.wall_s for one in done if one.wall_s]),
        throughput=spread([one.throughput for one in done if one.throughput]),
        at_once=max(peaks, default=None),
    )


def _row(row: Row, base_s: float, base_shards: int) -> Row:
    gain = speedup(base_s, row.measured.wall_s or base_s)
    return replace(row, speedup=gain, efficiency=efficiency(gain, base_shards, row.shards))


def _scaled(point: Point, base_s: float, base_shards: int) -> Point:
    if point.wall is None:
        return point
    gain = speedup(base_s, point.wall.median)
    return replace(point, speedup=gain, efficiency=efficiency(gain, base_shards, point.shards))


def worth_it(points: Sequence[Point], least: float) -> tuple[Point | None, Point | None]:
    """Return the last point up to which efficiency holds, and the first that falls under it.

    Points of which nothing is known are passed over.
    """
    last = None
    for point in points:
        if point.efficiency is None:
            continue
        if point.efficiency < least:
            return last, point
        last = point
    return last, None


def advice(found: Scaling, least: float, cores: int | None) -> list[str]:
    """Return what to make of a sweep, in sentences.

    Args:
        found: the sweep.
        least: the efficiency below which more shards are not worth it.
        cores: of the one machine that everything ran on; None: there are several, or who knows.
    """
    if found.base is None or found.base.wall is None:
        return ["nothing can be said: no point is complete"]
    base, times = found.base, found.base.wall.number
    said = [
        f"speed-up is relative to {_shards(base.shards)} ({times} run{'s' * (times != 1)}, median)"
    ]
    complete = [point for point in found.points if point.efficiency is not None]
    within = [point for point in complete if cores is None or point.shards <= cores]
    said.append(_recommended(within, least))
    return [*said, *_limits(complete, cores)]


def _recommended(points: Sequence[Point], least: float) -> str:
    percent = f"{100 * least:g} %"
    if len(points) < 2:  # noqa: PLR2004 (a pair)
        return "fewer than two complete points say nothing about scaling"
    last, first = worth_it(points, least)
    if first is None:
        return f"efficiency stays at {percent} or more up to {_shards(points[-1].shards)}"
    lower = f"{100 * (first.efficiency or 0):.0f} %"
    if last is None:
        return f"efficiency is under {percent} from the first point on"
    kept = f"recommended: up to {_shards(last.shards)}"
    return f"{kept}; beyond, efficiency falls under {percent} ({lower} with {first.shards})"


def _limits(points: Sequence[Point], cores: int | None) -> list[str]:
    """Say where the machine ends, and not the work."""
    if cores is not None:
        beyond = [point.shards for point in points if point.shards > cores]
        machine = f"this machine has {cores} core{'s' * (cores != 1)}"
        said = f"points with more shards ({_list(beyond)}) say nothing about how the work scales"
        return [f"{machine}: {said}"] if beyond else []
    narrow = [point for point in points if point.at_once and point.at_once < point.shards]
    if not narrow:
        return []
    shown = ", ".join(f"{point.at_once} of {point.shards}" for point in narrow)
    said = "such points tell of the slots that were free, not of how the work scales"
    return [f"fewer shards ran at once than there are ({shown}): {said}"]


def _list(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers))


def _shards(count: int) -> str:
    return f"{count} shard{'s' * (count != 1)}"
