"""The picture of a timing: how long jobs took, and how many ran at once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from reports.amounts import time_unit
from reports.concurrency import Concurrency
from reports.picture import COLOURS, STYLE, picture
from reports.timing import Timing

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_BINS = 20
_MOST_MOMENTS = 4000
"""More cannot be seen in a picture of this width, and would make an SVG of many megabytes."""
_LINES = ("-", "--", "-.", ":")


def draw(found: Timing, title: str, kind: str) -> bytes:
    """Return the picture."""
    from matplotlib import rc_context  # noqa: PLC0415 (slow, and an extra)
    from matplotlib.figure import Figure  # noqa: PLC0415

    busy = found.concurrency
    with rc_context(STYLE):
        figure = Figure(figsize=(7.5, 3.4 if busy is None else 6.4), layout="constrained")
        axes = figure.subplots(1 if busy is None else 2, squeeze=False)[:, 0]
        figure.suptitle(title, fontsize=11)
        _histogram(axes[0], found)
        if busy is not None:
            _at_once(axes[1], busy)
        return picture(figure, kind)


def _histogram(axes: Axes, found: Timing) -> None:
    from matplotlib.lines import Line2D  # noqa: PLC0415 (as above)

    values = {name: _seconds(found, name) for name in found.phases}
    unit, scale = time_unit(max((max(some) for some in values.values() if some), default=0.0))
    edges = bin_edges([second / scale for some in values.values() for second in some])
    handles = []
    for number, (name, some) in enumerate(values.items()):
        look: Any = {
            "color": COLOURS[number % len(COLOURS)],
            "linestyle": _LINES[number // len(COLOURS) % len(_LINES)],
            "linewidth": 1.6,
        }
        axes.hist([second / scale for second in some], bins=edges, histtype="step", **look)
        handles.append(Line2D([], [], label=f"{name} ({len(some):,})", **look))
    axes.set_xlabel(f"wall clock time of a job ({unit})")
    axes.set_ylabel(f"jobs per {edges[1] - edges[0]:.3g} {unit}")
    axes.set_xlim(edges[0], edges[-1])
    _whole_numbers(axes)
    if len(handles) > 1:
        axes.legend(handles=handles, loc="best")


def bin_edges(values: Sequence[float]) -> list[float]:
    """Return edges at round numbers, for about 20 bins; from 0 unless all values lie far from it.

    >>> edges = bin_edges([1003.0, 1098.0])
    >>> edges[:3], edges[-1]
    ([1000.0, 1005.0, 1010.0], 1100.0)
    """
    low, high = min(values, default=0.0), max(values, default=1.0)
    low = 0.0 if low < high / 2 or low == high else low
    width = round_width(max(high - low, 1e-9) / _BINS)
    first, last = math.floor(low / width), math.floor(high / width) + 1
    return [number * width for number in range(first, last + 1)]


def round_width(least: float) -> float:
    """Return the first of 1, 2, 5, 10, 20 ... (or tenths of them) that is not below ``least``.

    >>> round_width(3.1), round_width(0.2), round_width(0.07)
    (5.0, 0.2, 0.1)
    """
    power = 10.0 ** math.floor(math.log10(least))
    return next(part * power for part in (1, 2, 5, 10) if part * power >= least * (1 - 1e-9))


def _seconds(found: Timing, phase: str) -> list[float]:
    return [value for job in found.jobs if (value := job.seconds(phase)) is not None]


def _at_once(axes: Axes, busy: Concurrency) -> None:
    unit, scale = time_unit(busy.moments[-1] - busy.moments[0])
    moments, running = thinned(busy)
    since = [(moment - busy.moments[0]) / scale for moment in moments]
    axes.step([0.0, *since], [0, *running], where="post", color=COLOURS[0], linewidth=1.2)
    axes.set_xlabel(f"time since the first start ({unit})")
    axes.set_ylabel("jobs at once")
    axes.set_xlim(0, since[-1])
    axes.set_ylim(0, busy.peak * 1.05)
    _whole_numbers(axes)


def _whole_numbers(axes: Axes) -> None:
    from matplotlib.ticker import MaxNLocator  # noqa: PLC0415 (slow, and an extra)

    axes.yaxis.set_major_locator(MaxNLocator(integer=True))


def thinned(busy: Concurrency) -> tuple[list[float], list[int]]:
    """Return the steps; of very many, the lowest and the highest of each small span of time."""
    moments, running = list(busy.moments), list(busy.running)
    if len(moments) <= _MOST_MOMENTS:
        return moments, running
    width = math.ceil(len(moments) / (_MOST_MOMENTS // 2))
    cuts = [*range(0, len(moments), width), len(moments)]
    kept: list[int] = []
    for first, last in pairwise(cuts):
        span = range(first, last)
        ends = (min(span, key=running.__getitem__), max(span, key=running.__getitem__))
        kept += sorted({*ends, last - 1})
    return [moments[at] for at in kept], [running[at] for at in kept]
