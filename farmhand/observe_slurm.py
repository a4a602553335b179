"""Asking SLURM about a run, as far as there is anything left to ask."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from collectors import slurm_pyslurm, slurm_sacct, slurm_squeue
from collectors.observation import Observed
from collectors.records import digest, list_block
from collectors.slurm import Attribution, Recorded, attribute, recorded_ids
from collectors.slurm_rows import SlurmRow
from farmhand.asking import Asking
from manifest.errors import Refusal, UserError
from manifest.header import Header
from manifest.layout import blocks
from runners import slurm

_OPEN = ("planned", "pending", "running", "held", "unknown")
_DAY = 86400
"""Clocks differ, and a run may be rendered on another day than its jobs are thought to begin."""


def observe_slurm(run: str, header: Header, asking: Asking) -> Observed | None:
    """Return what SLURM says about a run; None: it was not asked.

    Raises:
        UserError: the saved listing cannot be read.
    """
    if not asking.live and asking.sacct_file is None:
        return None
    names = [list_block(run, number) for number in range(blocks(header.shards))]
    if asking.sacct_file is None and not _questions_left(header, names):
        return None
    recorded = recorded_ids(run, (name for block in names for name in block))
    attribution = Attribution(run, header, recorded)
    now = time.time()
    if asking.sacct_file is not None:
        rows, now = _saved(asking.sacct_file)
        return attribute(rows, None, attribution, recorded, now)
    answers = _ask(run, header, recorded)
    observed = attribute(answers.history, answers.queue, attribution, recorded, now)
    return replace(observed, notes=tuple(answers.notes))


def placed_jobs(run: str, header: Header) -> tuple[frozenset[tuple[int, int]], bool]:
    """Return the (submission, part from 0) that SLURM has or has had, and whether sacct told.

    Raises:
        Refusal: the queue does not answer.
    """
    names = [list_block(run, number) for number in range(blocks(header.shards))]
    recorded = recorded_ids(run, (name for block in names for name in block))
    attribution = Attribution(run, header, recorded)
    answers = _ask(run, header, recorded)
    if answers.queue is None:
        raise Refusal(
            answers.notes[-1].partition(";")[0],
            where=run,
            hint="nothing was submitted; type the same again when SLURM answers (farmhand doctor)",
        )
    rows = [*answers.history, *answers.queue]
    places = {place for row in rows if (place := attribution.place(row)) is not None}
    vague = next((row for row in rows if attribution.is_vague(row)), None)
    if vague is not None:
        raise Refusal(
            f"job {vague.job} is of this run, but SLURM does not say which of its scripts it runs",
            where=run,
            hint="submit the missing scripts by hand with sbatch",
        )
    places |= attribution.recorded_places()
    return frozenset(places), answers.accounting


def _questions_left(header: Header, names: list[list[str]]) -> bool:
    """Say whether anything is open, or has ended without the scheduler having said how."""
    return any(
        not block.accounted
        or block.digest != digest(names[number])
        or any(block.states.get(state) for state in _OPEN)
        for number, block in enumerate(header.blocks)
    )


def _saved(path: str) -> tuple[list[SlurmRow], float]:
    """Return the rows of a saved listing, and when it was saved."""
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            parsed = slurm_sacct.read_sacct(stream.read())
            saved = os.fstat(stream.fileno()).st_mtime
    except OSError as error:
        raise UserError(f"--sacct-file: {error.strerror}", where=path) from error
    if not parsed.rows:
        raise UserError(
            "--sacct-file holds no job",
            where=path,
            hint="save one by: sacct -D --parsable2 --format="
            + ",".join(slurm_sacct.FIELDS)
            + " -j ID > FILE",
        )
    return parsed.rows, saved


@dataclass(frozen=True, slots=True)
class _Answers:
    history: list[SlurmRow]
    accounting: bool
    queue: list[SlurmRow] | None
    notes: list[str]


def _ask(run: str, header: Header, recorded: Recorded) -> _Answers:
    """Ask accounting first and the queue after it: what is alive is known from the queue."""
    user = os.stat(run).st_uid
    mine = [s for s in header.submissions if s.scheduler == "slurm"]
    titles = [f"{header.run_id}.{submission.id}" for submission in mine]
    ids = sorted(recorded.examples.keys() | set(_known_ids(header)))
    begun = datetime.strptime(header.created_at_utc, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    since = begun.timestamp() - _DAY
    notes: list[str] = []
    history, problem = _accounting(titles, since, user)
    if problem is None:
        others = sorted(set(ids) - {row.job for row in history})
        if others:
            more = slurm.sacct(slurm_sacct.FIELDS, jobs=others)
            history += slurm_sacct.read_sacct(more.text).rows if more.text is not None else []
    else:
        notes.append(f"{problem}; going on without accounting")
    # By id only what the names may not find: renamed when it was submitted, or not accounted.
    known = {row.job for row in history if row.name in titles}
    listed = slurm.squeue(slurm_squeue.FORMAT, names=titles, jobs=sorted(set(ids) - known))
    if listed.text is None:
        silent = "nobody says what still waits or runs"
        if problem is not None:
            notes, silent = [], f"{problem}: going by the records alone"
        notes.append(f"{listed.problem}; {silent}")
        return _Answers(history, problem is None, None, notes)
    queue = slurm_squeue.read_squeue(listed.text)
    if queue.unread:  # what is not understood may be what would be missed
        notes.append(f"{queue.unread} lines of squeue could not be read; it counts as silent")
        return _Answers(history, problem is None, None, notes)
    return _Answers(history, problem is None, queue.rows, notes)


def _accounting(titles: list[str], since: float, user: int) -> tuple[list[SlurmRow], str | None]:
    """Return the rows of jobs with these names, or why there are none to be had."""
    told = slurm_pyslurm.load(titles, since)
    if told is not None and not told.unread:
        return told.rows, None
    answer = slurm.sacct(slurm_sacct.FIELDS, names=titles, since=since, user=user)
    if answer.text is None:
        return [], answer.problem
    return slurm_sacct.read_sacct(answer.text).rows, None


def _known_ids(header: Header) -> Iterator[int]:
    for submission in header.submissions:
        for native_id in submission.native_ids:
            if native_id.isdigit():
                yield int(native_id)
