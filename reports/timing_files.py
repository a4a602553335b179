"""The timing of a run for programs: the summary as JSON and CSV, and a row for each job."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any

from reports.estimate import Estimate, Model
from reports.timing import OUTPUT, Quantity, TimedJob, Timing

_NAMED = 10
_SPREAD = ("number", "mean", "median", "min", "max", "sd", "iqr")
_RATE = ("per_event", "per_event_error")


def timing_json(found: Timing, guess: Estimate | None) -> dict[str, Any]:
    """Return the summary; what is not known is null."""
    busy = found.concurrency
    return {
        "jobs": len(found.jobs),
        "counted": found.counted,
        "total_from": None if "total" not in found.phases else _source(found),
        "quantities": {one.name: _quantity(one) for one in found.quantities},
        "not_counted": [
            {
                "phase": group.phase,
                "reason": group.reason,
                "number": len(group.names),
                "names": group.names[:_NAMED],
            }
            for group in found.left_out
        ],
        "started_again": len(found.again),
        "concurrency": None
        if busy is None
        else {
            "peak": busy.peak,
            "mean": busy.mean,
            "first_start": busy.moments[0],
            "last_end": busy.moments[-1],
        },
        "estimate": None if guess is None else _estimate(guess),
    }


def _source(found: Timing) -> str:
    return "records" if found.recorded else "logs"


def _quantity(one: Quantity) -> dict[str, Any]:
    values: list[float | None] = [0, *[None] * (len(_SPREAD) - 1)]
    if one.spread is not None:
        values = list(asdict(one.spread).values())
    return {
        "unit": "bytes" if one.name == OUTPUT else "s",
        **dict(zip(_SPREAD, values, strict=True)),
        "per_event": None if one.rate is None else one.rate.value,
        "per_event_error": None if one.rate is None else one.rate.error,
    }


def _estimate(guess: Estimate) -> dict[str, Any]:
    return {
        "events": guess.events,
        "slots": guess.slots,
        "jobs": guess.jobs,
        "events_per_job": guess.job_events,
        "rounds": guess.rounds,
        "seconds": asdict(guess.seconds),
        "slot_seconds": asdict(guess.slot_seconds),
        "output_bytes": None if guess.output is None else asdict(guess.output),
        "time_model": _model(guess.time_model),
        "output_model": None if guess.output_model is None else _model(guess.output_model),
        "error": "one standard error: of the means, and of how jobs scatter around them",
    }


def _model(made: Model) -> dict[str, Any]:
    return {"fixed": made.fixed, "per_event": made.per_event, "jobs": made.number}


def timing_csv(found: Timing) -> str:
    """Return the summary as a table, a line a quantity."""
    lines = []
    for one in found.quantities:
        row = _quantity(one)
        lines.append([one.name, row["unit"], *(row[key] for key in (*_SPREAD, *_RATE))])
    return _csv(["quantity", "unit", *_SPREAD, *_RATE], lines)


def job_rows(found: Timing) -> list[dict[str, Any]]:
    """Return a row for each job, counted or not."""
    return [
        {
            "name": job.name,
            "shard_index": job.shard,
            "component": job.component,
            "attempt": job.attempt,
            "log": job.log,
            "events": job.events,
            "output_bytes": job.output,
            "reason": job.reason,
            "phases": {name: _phase(job, name) for name in found.phases},
        }
        for job in found.jobs
    ]


def _phase(job: TimedJob, name: str) -> dict[str, Any]:
    pair = job.pairs.get(name)
    seconds = job.seconds(name)
    return {
        "start": None if pair is None else pair.start,
        "end": None if pair is None else pair.end,
        "seconds": seconds,
        "seconds_per_event": seconds / job.events if seconds is not None and job.events else None,
        "reason": None if pair is None else pair.problem,
    }


def jobs_csv(found: Timing) -> str:
    """Return the rows of the jobs as a table."""
    fixed = [
        "name",
        "shard_index",
        "component",
        "attempt",
        "log",
        "events",
        "output_bytes",
        "reason",
    ]
    keys = ["start", "end", "seconds", "seconds_per_event", "reason"]
    head = fixed + [f"{name}_{key}" for name in found.phases for key in keys]
    return _csv(head, (_job_line(row, fixed, keys) for row in job_rows(found)))


def _job_line(row: dict[str, Any], fixed: list[str], keys: list[str]) -> list[Any]:
    return [row[key] for key in fixed] + [p[key] for p in row["phases"].values() for key in keys]


def _csv(head: list[str], lines: Iterable[list[Any]]) -> str:
    """Return a table; a cell that is not known is empty."""
    sink = io.StringIO()
    table = csv.writer(sink, lineterminator="\n")
    table.writerow(head)
    table.writerows(_plain(lines))
    return sink.getvalue()


def _plain(lines: Iterable[list[Any]]) -> Iterator[list[Any]]:
    for line in lines:
        # 1700000000.0 as people expect a time that was written without a fraction
        yield [int(x) if isinstance(x, float) and x.is_integer() else x for x in line]
