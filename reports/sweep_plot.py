"""The picture of a sweep: speed-up and efficiency, measured and ideal; repeats as a spread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reports.picture import COLOURS, STYLE, picture
from reports.spread import Spread
from reports.sweep_points import Point, Scaling, efficiency, speedup

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_RUN, _MEDIAN, _IDEAL, _LIMIT = COLOURS[5], COLOURS[0], COLOURS[6], COLOURS[1]


@dataclass(frozen=True, slots=True)
class Drawn:
    """A complete point, as it is drawn."""

    shards: int
    speedup: float
    low: float
    high: float


def draw(found: Scaling, title: str, kind: str, *, least: float, cores: int | None) -> bytes:
    """Return the picture; of a sweep without any complete point an empty one that says so."""
    from matplotlib import rc_context  # noqa: PLC0415 (slow, and an extra)
    from matplotlib.figure import Figure  # noqa: PLC0415

    with rc_context(STYLE):
        figure = Figure(figsize=(7.5, 6.4), layout="constrained")
        upper, lower = figure.subplots(2, sharex=True, height_ratios=(3, 2))
        figure.suptitle(title, fontsize=11)
        points = drawn(found.points, found.base)
        if found.base is None or not points:
            upper.text(0.5, 0.5, "no point is complete", ha="center", transform=upper.transAxes)
            return picture(figure, kind)
        runs = [(row.shards, row.speedup, row.efficiency) for row in found.rows]
        base = found.base.shards
        _speedup(upper, points, [(n, s) for n, s, _ in runs if s is not None], base)
        _efficiency(lower, points, [(n, e) for n, _, e in runs if e is not None], base, least)
        _shared(upper, lower, points, cores)
        return picture(figure, kind)


def drawn(points: Sequence[Point], base: Point | None) -> list[Drawn]:
    """Return what is drawn of each complete point: its speed-up, and those of its extremes."""
    if base is None or base.wall is None:
        return []
    first = base.wall.median
    return [
        Drawn(point.shards, speedup(first, wall.median), *_ends(first, wall))
        for point in points
        if (wall := point.wall) is not None
    ]


def _ends(base_s: float, wall: Spread) -> tuple[float, float]:
    return speedup(base_s, wall.high), speedup(base_s, wall.low)


def _speedup(
    axes: Axes, points: Sequence[Drawn], runs: Sequence[tuple[int, float]], base: int
) -> None:
    counts = [one.shards for one in points]
    axes.plot(counts, [n / base for n in counts], "--", color=_IDEAL, linewidth=1, label="ideal")
    _measured(axes, points, [1.0] * len(points), "measured (median, min to max)")
    axes.plot(*_xy(runs), "x", color=_RUN, label="runs", zorder=3)
    axes.set_ylabel(f"speed-up over {base} shard{'s' * (base != 1)}")
    axes.set_yscale("log", base=2)
    axes.legend(loc="upper left")


def _efficiency(
    axes: Axes, points: Sequence[Drawn], runs: Sequence[tuple[int, float]], base: int, least: float
) -> None:
    axes.axhline(100, color=_IDEAL, linestyle="--", linewidth=1)
    axes.axhline(100 * least, color=_LIMIT, linestyle=":", label=f"limit {100 * least:g} %")
    _measured(axes, points, [100 * efficiency(1.0, base, one.shards) for one in points], None)
    axes.plot(*_xy([(n, 100 * value) for n, value in runs]), "x", color=_RUN, zorder=3)
    axes.set_ylim(bottom=0)
    axes.set_ylabel("efficiency (%)")
    axes.set_xlabel("shards")
    axes.legend(loc="lower left")


def _measured(
    axes: Axes, points: Sequence[Drawn], scales: Sequence[float], label: str | None
) -> None:
    """Draw medians with bars to their extremes, each times its scale."""
    pairs = list(zip(points, scales, strict=True))
    below = [(one.speedup - one.low) * scale for one, scale in pairs]
    above = [(one.high - one.speedup) * scale for one, scale in pairs]
    axes.errorbar(
        [one.shards for one in points],
        [one.speedup * scale for one, scale in pairs],
        yerr=[below, above],
        fmt="o-",
        color=_MEDIAN,
        capsize=4,
        linewidth=1.6,
        label=label,
    )


def _xy(pairs: Sequence[tuple[int, float]]) -> tuple[list[int], list[float]]:
    return [x for x, _ in pairs], [y for _, y in pairs]


def _shared(upper: Axes, lower: Axes, points: Sequence[Drawn], cores: int | None) -> None:
    """Set the axis of both, with ticks where points are, and mark the cores of the machine."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator  # noqa: PLC0415

    counts = [one.shards for one in points]
    lower.set_xscale("log", base=2)
    lower.xaxis.set_major_locator(FixedLocator(counts))
    lower.xaxis.set_minor_locator(NullLocator())
    plain = FuncFormatter(lambda value, _: f"{value:g}")
    lower.xaxis.set_major_formatter(plain)
    upper.yaxis.set_major_formatter(plain)
    if cores is not None and min(counts) <= cores < max(counts):
        for axes in (upper, lower):
            axes.axvspan(cores * 1.02, max(counts) * 1.1, color="0.93", zorder=0)
        upper.annotate(
            f"more shards than the {cores} core{'s' * (cores != 1)} of this machine",
            (max(counts), 0.02), xycoords=("data", "axes fraction"), ha="right", fontsize=8,
        )  # fmt: skip
        lower.set_xlim(min(counts) * 0.93, max(counts) * 1.1)
