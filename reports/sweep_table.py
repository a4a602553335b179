"""A sweep for people and for programs: text for a terminal, Markdown, CSV and JSON."""

from __future__ import annotations

import csv
import io
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from manifest.sweep import Sweep
from reports.amounts import short_time
from reports.columns import Column, markdown, side_by_side
from reports.spread import Spread
from reports.sweep_points import Point, Row, Scaling

ABSENT = "-"
_LEFT = ("Run dir", "Mark")


@dataclass(frozen=True, slots=True)
class Summary:
    """A sweep, and all that is said about it."""

    sweep: Sweep
    found: Scaling
    toys: bool
    """Whether results are toy studies, which count fits that converged and errors."""
    notes: Sequence[str]
    """Agreement of the merged results, and what to make of it all."""


def _time(seconds: float | None) -> str:
    return ABSENT if seconds is None else short_time(seconds)


def _whole(number: int | None) -> str:
    return ABSENT if number is None else f"{number:,}"


def _factor(value: float | None) -> str:
    return ABSENT if value is None else f"{value:.2f}"


def _percent(value: float | None) -> str:
    return ABSENT if value is None else f"{100 * value:.0f} %"


def _rate(value: float | None, unit: str) -> str:
    return ABSENT if value is None else f"{value:.3f} {unit}s/s"


def run_columns(summary: Summary) -> tuple[list[Column], int]:
    """Return the table of runs, and how many columns say which run a line is about."""
    sweep, rows = summary.sweep, summary.found.rows
    show: dict[str, Callable[[Row], str]] = {"Shards": lambda row: str(row.shards)}
    if sweep.repeats > 1:
        show["Repeat"] = lambda row: str(row.repeat)
    keys = len(show)
    show["ok/total"] = lambda row: f"{row.measured.succeeded}/{row.shards}"
    show["Makespan"] = lambda row: _time(row.measured.longest_s)
    show["Throughput"] = lambda row: _rate(row.measured.throughput, sweep.unit)
    if summary.toys:
        show["n_converged"] = lambda row: _whole(row.converged)
        show["n_error"] = lambda row: _whole(row.errors)
    show |= {
        "Run dir": lambda row: row.run,
        "Wall clock": lambda row: _time(row.measured.wall_s),
        "Queue wait": lambda row: _time(row.measured.wait_s),
        "CPU": lambda row: _time(row.measured.cpu_s),
        "Imbalance": lambda row: _factor(row.measured.imbalance),
        "Speed-up": lambda row: _factor(row.speedup),
        "Efficiency": lambda row: _percent(row.efficiency),
        "Retries": lambda row: _whole(row.measured.retries),
        "At once": lambda row: _whole(row.measured.at_once),
        "Hosts": lambda row: _whole(len(row.measured.hosts) or None),
    }
    if any(row.marks for row in rows):
        show["Mark"] = lambda row: ", ".join(row.marks)
    return [[name, *map(cell, rows)] for name, cell in show.items()], keys


def point_columns(summary: Summary) -> list[Column]:
    """Return the table by number of shards: medians, and how far repeats lie apart."""
    unit, points = summary.sweep.unit, summary.found.points
    show: dict[str, Callable[[Point], str]] = {
        "Shards": lambda point: str(point.shards),
        "Runs": lambda point: str(point.runs),
        "Wall clock": lambda point: _time(point.wall.median if point.wall else None),
        "from - to": lambda point: _range(point.wall, short_time),
        "Throughput": lambda point: _rate(_median(point.throughput), unit),
        "Speed-up": lambda point: _factor(point.speedup),
        "Efficiency": lambda point: _percent(point.efficiency),
    }
    if any(point.marks for point in points):
        show["Mark"] = lambda point: ", ".join(point.marks)
    return [[name, *map(cell, points)] for name, cell in show.items()]


def _median(values: Spread | None) -> float | None:
    return values.median if values else None


def _range(values: Spread | None, show: Callable[[float], str]) -> str:
    if values is None:
        return ABSENT
    return f"{show(values.low)} - {show(values.high)}"


def _head(summary: Summary) -> list[str]:
    sweep = summary.sweep
    seed = "" if sweep.seed is None else f", seed {sweep.seed}"
    mode = f" ({sweep.mode})" if sweep.mode else ""
    work = f"{sweep.work:,} {sweep.unit}{'s' * (sweep.work != 1)}"
    return [f"{sweep.sweep_id}: {work} a run{seed}, on {sweep.scheduler}{mode}"]


def sweep_text(summary: Summary, width: int) -> list[str]:
    """Return the lines for a terminal; none is wider where names allow it."""
    lines = _head(summary)
    columns, keys = run_columns(summary)
    for table in side_by_side(columns, width, keys, _LEFT):
        lines += ["", *table]
    lines += ["", "medians:"]
    for table in side_by_side(point_columns(summary), width, left=_LEFT):
        lines += [*table, ""]
    for note in summary.notes:
        lines += textwrap.wrap(note, max(width, 40), subsequent_indent="  ")
    return lines


def sweep_markdown(summary: Summary) -> str:
    """Return a page."""
    columns, _ = run_columns(summary)
    lines = [f"# Sweep {summary.sweep.sweep_id}", "", f"{_head(summary)[0]}.", ""]
    lines += [*markdown(columns, _LEFT), "", "## By number of shards", ""]
    lines += ["Medians over complete runs.", "", *markdown(point_columns(summary), _LEFT), ""]
    lines += [f"- {note}" for note in summary.notes]
    return "\n".join(lines) + "\n"


def sweep_csv(summary: Summary) -> str:
    """Return one line a run, seconds and fractions as they are; absent is empty."""
    sink = io.StringIO()
    rows = [_row_json(row) for row in summary.found.rows]
    names = list(rows[0])
    writer = csv.DictWriter(sink, names, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        for name in ("marks", "hosts"):
            row[name] = ";".join(row[name])
        writer.writerow(row)
    return sink.getvalue()


def sweep_json(summary: Summary) -> dict[str, Any]:
    """Return all of it as data."""
    sweep, base = summary.sweep, summary.found.base
    return {
        "sweep_id": sweep.sweep_id,
        "scheduler": sweep.scheduler,
        "mode": sweep.mode,
        "work": sweep.work,
        "unit": sweep.unit,
        "seed": sweep.seed,
        "base_shards": base.shards if base else None,
        "runs": [_row_json(row) for row in summary.found.rows],
        "points": [_point_json(point) for point in summary.found.points],
        "notes": list(summary.notes),
    }


def _row_json(row: Row) -> dict[str, Any]:
    seen = row.measured
    return {
        "shards": row.shards,
        "repeat": row.repeat,
        "run": row.run,
        "succeeded": seen.succeeded,
        "work_done": seen.work,
        "makespan_s": seen.longest_s,
        "throughput": seen.throughput,
        "n_converged": row.converged,
        "n_error": row.errors,
        "wall_s": seen.wall_s,
        "queue_wait_s": seen.wait_s,
        "cpu_s": seen.cpu_s,
        "imbalance": seen.imbalance,
        "speedup": row.speedup,
        "efficiency": row.efficiency,
        "retries": seen.retries,
        "at_once": seen.at_once,
        "hosts": list(seen.hosts),
        "marks": list(row.marks),
    }


def _point_json(point: Point) -> dict[str, Any]:
    return {
        "shards": point.shards,
        "runs": point.runs,
        "complete": point.wall.number if point.wall else 0,
        "wall_s": _spread_json(point.wall),
        "throughput": _spread_json(point.throughput),
        "speedup": point.speedup,
        "efficiency": point.efficiency,
        "at_once": point.at_once,
        "marks": list(point.marks),
    }


def _spread_json(values: Spread | None) -> dict[str, float] | None:
    if values is None:
        return None
    return {
        "median": values.median,
        "mean": values.mean,
        "min": values.low,
        "max": values.high,
        "sd": values.deviation,
    }
