"""Placing jobs: what no scheduler has of a run is submitted, each script exactly once."""

from __future__ import annotations

import os
import shlex
import time

from farmhand.asking import SILENT
from farmhand.gather import gather
from farmhand.handed import CHUNKED
from farmhand.queues import QUEUES, Placed, Queue, Script
from farmhand.select import latest_submission
from farmhand.submission_journal import Journal, Place, read_journal, write_line
from farmhand.talk import give, say, short_path, warn
from farmhand.unchanged import refuse_changes
from manifest.errors import Refusal, UserError
from manifest.layout import parse_ranges
from manifest.locking import submit_lock
from manifest.rows import head_of
from manifest.store import Manifest, read_manifest
from runners.sbatch import Submitted

_LATE_S = 60  # a slurmctld that was out of breath takes what waits for it when it answers again
_REMEMBERED_S = 240  # less than MinJobAge, for which SLURM remembers what ended: slurm.conf(5)


_BY_COMMAND = {"sbatch": QUEUES["slurm"], "condor_submit": QUEUES["htcondor"]}


def submit(folder: str, path: str, *, execute: bool, mode: str | None = None) -> None:
    """Submit what is not submitted yet, or show it.

    Raises:
        UserError: the run is not for a scheduler that takes jobs.
        Refusal: the scheduler is silent, refuses, or is full.
    """
    header = read_manifest(path).header
    if not any(submission.scheduler in QUEUES for submission in header.submissions):
        shown = shlex.quote(short_path(folder))
        how = f"farmhand run {shown}"
        if any(submission.scheduler in CHUNKED for submission in header.submissions):
            lsf = any(submission.scheduler == "lsf" for submission in header.submissions)
            batch = "bsub -q 1nh" if lsf else "nohup ./batchScript.sh &"
            how += f", or: farmhand submit {shown} -b '{batch}'"
        raise UserError(
            f"this run is for {header.scheduler}, where there is nothing to submit in one piece",
            where=short_path(folder),
            hint=f"start it by: {how}",
        )
    refuse_changes(folder)
    if not execute:
        show_jobs(folder, path, mode)
        return
    with submit_lock(folder) as lock:
        place_jobs(folder, path, mode, lock)


def place_jobs(folder: str, path: str, mode: str | None, lock: int) -> None:
    """Submit what is not submitted yet; the caller holds the lock on submitting."""
    _submit_all(folder, _left(folder, path, mode), lock)


def show_jobs(folder: str, path: str, mode: str | None) -> None:
    """Show what is not submitted yet."""
    scripts = _left(folder, path, mode)
    if not scripts:
        say("Nothing is left to submit.")
        return
    say("Nothing submitted. Type these, or the same verb with --execute:")
    for script in scripts:
        give(f"{script.command} {shlex.quote(script.path)}")


def _submit_all(folder: str, scripts: list[Script], lock: int) -> None:
    if not scripts:
        say("Nothing is left to submit.")
        return
    for number, script in enumerate(scripts):
        _make_logs(folder, script.place[0])
        write_line(folder, "about to", script.place)
        answer = _BY_COMMAND[script.command].submit(script.path, lock)
        if answer.outcome == "accepted":
            give(f"{answer.job}  {short_path(script.path)}")
            write_line(folder, "submitted", script.place, job=str(answer.job))
            if answer.text:
                warn(answer.text)
            continue
        told = "no answer" if answer.outcome == "unknown" else "not submitted"
        write_line(folder, told, script.place, why=answer.text)
        raise _stopped(answer, script, done=number, left=scripts[number:])
    count = _shards(scripts)
    say(f"{count} submitted. Later: farmhand collect --in-place {short_path(folder)}")


def _make_logs(folder: str, submission: int) -> None:
    """Make the directory of the scheduler's own output again: without it no job can begin."""
    path = os.path.join(folder, "logs", str(submission))
    try:
        os.makedirs(path, exist_ok=True)
    except OSError as error:
        raise UserError(f"it cannot be made: {error.strerror}", where=short_path(path)) from error


def _shards(scripts: list[Script]) -> str:
    count = sum(len(script.shards) for script in scripts)
    return f"{count} shard{'s' * (count != 1)}"


def _stopped(answer: Submitted, script: Script, *, done: int, left: list[Script]) -> Refusal:
    state = f"{done} script{'s' * (done != 1)} submitted now, {_shards(left)} left"
    what, hint = {
        "refused": (
            f"{script.command} refused",
            "mend the spec and render a new run, or mend the script and type the same again",
        ),
        "limit": (
            "no more jobs are taken now",
            "type the same again when some have ended",
        ),
        "unreachable": ("the scheduler cannot be reached", "type the same again when it answers"),
    }.get(
        answer.outcome,
        (
            f"{script.command} gave no answer, so the job may or may not be there",
            "type the same again: it looks for the job before it submits one",
        ),
    )
    return Refusal(f"{what}: {answer.text} ({state})", where=short_path(script.path), hint=hint)


def _left(folder: str, path: str, mode: str | None) -> list[Script]:
    """Return what nobody has submitted yet and is still wanted.

    Raises:
        Refusal: a scheduler does not say what it has.
    """
    header = read_manifest(path).header
    schedulers = {submission.scheduler for submission in header.submissions}
    # Asked before the records are read: a job is in the one or in the other.
    placed = {
        name: QUEUES[name].placed(folder, header) for name in sorted(schedulers & set(QUEUES))
    }
    gathered = gather(folder, path, asking=SILENT).manifest
    journal = read_journal(folder)
    wanted = _wanted(gathered)
    scripts = []
    for submission in gathered.header.submissions:
        if not any(wanted.get(s) == submission.id for s in parse_ranges(submission.shards)):
            continue
        queue = QUEUES.get(submission.scheduler)
        if queue is None:
            continue
        there = placed[submission.scheduler]
        for script in queue.scripts(folder, submission, mode):
            if script.place in there.places or script.place in journal.submitted:
                continue
            if not any(wanted.get(shard) == submission.id for shard in script.shards):
                continue
            _refuse_doubt(journal, script.place, there, folder)
            _refuse_moved(script, queue, folder)
            scripts.append(script)
    return scripts


def _refuse_moved(script: Script, queue: Queue, folder: str) -> None:
    """Refuse a script that would start the shards of another directory: of where it came from."""
    place = queue.written_for(script.path)
    if place is not None and os.path.realpath(place) != os.path.realpath(folder):
        raise Refusal(
            f"the run was moved or copied: its scripts were written for {place}",
            where=short_path(script.path),
            hint="submit it there, move it back, or render a new run",
        )


def _wanted(manifest: Manifest) -> dict[int, int]:
    """Return shard -> its latest submission, for shards that have not succeeded."""
    latest = latest_submission((s.id, s.shards) for s in manifest.header.submissions)
    return {
        index: latest[index]
        for index, row in enumerate(manifest.results)
        if head_of(row, manifest.path)[0] != "succeeded"
    }


def _refuse_doubt(journal: Journal, place: Place, placed: Placed, folder: str) -> None:
    """Refuse where an earlier sbatch may have been accepted, and nobody remembers that long."""
    late = _LATE_S - (time.time() - journal.unanswered.get(place, 0.0))
    if late > 0:
        raise Refusal(
            f"submission {place[0]} got no answer a moment ago; its job may yet come to light",
            where=short_path(folder),
            hint=f"type the same again in {late:.0f} seconds",
        )
    at = journal.doubtful.get(place)
    if at is None or placed.accounting or time.time() - at < _REMEMBERED_S:
        return
    raise Refusal(
        f"submission {place[0]} was about to be submitted when farmhand was ended, the queue no "
        "longer remembers that time, and there is no accounting",
        where=os.path.join(short_path(folder), "submissions", "journal.jsonl"),
        hint="if no job of it ever ran, submit its script by hand with sbatch",
    )
