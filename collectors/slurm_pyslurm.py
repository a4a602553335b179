"""The accounting database through pyslurm, an optional extra (pyslurm.db, release 25.11).

What it cannot tell: earlier executions of a requeued job (it keeps one job an id, and does not ask
for duplicates), and fractions of a second of CPU time.
"""

from __future__ import annotations

import importlib
import pwd
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from collectors.slurm_ids import Elements, parse_elements, parse_mask
from collectors.slurm_rows import Parsed, SlurmRow, script_of, told
from collectors.slurm_states import OOM_SIGNAL, read_outcome

_MEGABYTE = 1 << 20


def load(names: Iterable[str], since: float) -> Parsed | None:
    """Ask for the jobs of these names since a time; None when pyslurm is not there or is silent."""
    try:
        database = importlib.import_module("pyslurm").db
        wanted = database.JobFilter(names=list(names), start_time=int(since))
        return rows_from_pyslurm(database.Jobs.load(wanted))
    except Exception:  # noqa: BLE001 (a build for another SLURM fails in ways of its own)
        return None


def rows_from_pyslurm(jobs: Any) -> Parsed:  # noqa: ANN401 (no types without pyslurm)
    """Turn pyslurm.db.Jobs into rows; of a job that is not as expected only the number is kept."""
    rows = []
    unread = 0
    for job in jobs.values():
        try:
            rows.append(_row(job))
        except (AttributeError, TypeError, ValueError):
            unread += 1
    return Parsed(rows, unread)


def _row(job: Any) -> SlurmRow:  # noqa: ANN401
    outcome = read_outcome(job.state, job.exit_code, job.exit_code_signal)
    steps = list(job.steps.values())
    elements, truncated = _elements(job)
    workdir = told(job.working_directory)
    return SlurmRow(
        job=job.array_id or job.heterogeneous_id or job.id,
        elements=elements,
        truncated=truncated,
        source="pyslurm",
        state=outcome.base,
        flags=outcome.flags,
        by=_uid(job.cancelled_by) if outcome.base == "CANCELLED" else None,
        code=outcome.code,
        signal=outcome.signal,
        reason=told(job.state_reason),
        submit=_time(job.submit_time),
        start=_time(job.start_time),
        end=_time(job.end_time),
        # pyslurm says None for 0, which a short job may well have taken.
        elapsed_s=job.elapsed_time or (None if job.start_time is None else 0),
        # Minutes; a word when it is the partition's.
        limit_s=job.time_limit * 60 if isinstance(job.time_limit, int) else None,
        nodes=told(job.nodelist),
        name=job.name or "",
        workdir=workdir,
        script=script_of(job.submit_command or "", workdir),
        asked_memory=job.memory * _MEGABYTE if job.memory else None,
        peak=max((step.stats.max_resident_memory or 0 for step in steps), default=0) or None,
        cpus=_cpus(job),
        cpu_s=float(sum(step.stats.total_cpu_time or 0 for step in steps)) or None,
        oom=outcome.oom or any(map(_killed, steps)),
        restarts=job.requeue_count,
    )


def _elements(job: Any) -> tuple[Elements | None, bool]:  # noqa: ANN401
    if job.array_id is None:
        return None, False
    waiting = job.array_tasks_waiting
    if not waiting:
        index = job.array_task_id or 0  # pyslurm says None for index 0
        return (range(index, index + 1),), False
    mask = parse_mask(waiting)
    elements, truncated = (mask, False) if mask is not None else parse_elements(waiting)
    if elements is None:
        raise ValueError(waiting)
    return elements, truncated


def _killed(step: Any) -> bool:  # noqa: ANN401
    return bool(step.state == "OUT_OF_MEMORY" or step.exit_code_signal == OOM_SIGNAL)


def _cpus(job: Any) -> int | None:  # noqa: ANN401
    """Return the allocated number of processors; while there are none, what was asked for."""
    if job.cpus:
        return int(job.cpus)
    asked = job.requested_tres
    return int(asked.cpu.count) if asked is not None and asked.cpu is not None else None


def _time(seconds: int | None) -> float | None:
    return None if seconds is None else float(seconds)


@lru_cache(maxsize=64)
def _uid(user: str | None) -> int | None:
    if user is None or user.isdecimal():
        return None if user is None else int(user)
    try:
        return pwd.getpwnam(user).pw_uid
    except KeyError:
        return None
