"""``farmhand sweep submit``: the runs of a sweep, one after the other."""

from __future__ import annotations

import contextlib
import os
import shlex
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import typer

from farmhand import run as pool
from farmhand.gather import gather
from farmhand.hand_over import TIMEOUT, Batch, BatchOption, read_batch
from farmhand.handed import CHUNKED
from farmhand.place_jobs import submit
from farmhand.queues import QUEUES
from farmhand.scheduler_option import ModeOption, refuse_unknown
from farmhand.submit_chunks import submit_chunks
from farmhand.sweep_agree import tell_agreement
from farmhand.sweep_file import Opened, SweepArgument, open_sweep
from farmhand.sweep_harvest import collect_run, is_done, merge_fresh
from farmhand.sweep_wait import Patience, wait
from farmhand.talk import give, say, warn
from manifest.errors import Refusal, UserError
from manifest.layout import ranges
from manifest.locking import sweep_lock
from manifest.store import Manifest, read_manifest
from manifest.units import parse_duration

_STOPPED = 128
"""Exit codes above this say that a signal stopped the pool."""


@dataclass(frozen=True, slots=True)
class How:
    """How runs are started and waited for."""

    patience: Patience
    mode: str | None
    batch: Batch | None


def verb(
    file: SweepArgument,
    poll_s: Annotated[
        float, typer.Option("--poll-s", min=0.1, metavar="S", help="Seconds between two looks.")
    ] = 10.0,
    grace_s: Annotated[
        float,
        typer.Option(
            "--grace-s", min=0, metavar="S", help="So long a run is waited for that is held only."
        ),
    ] = 60.0,
    timeout: Annotated[
        str, typer.Option(metavar="TIME", help="The longest that one run is waited for.")
    ] = "24h",
    mode: ModeOption = None,
    batch: BatchOption = None,
) -> None:
    """Run a sweep: submit a run, wait for its end, collect and merge it, then the next.

    One after the other, so that they do not disturb each other. A run with failed or held shards is
    reported and left as it is, and the sweep goes on; the exit code is 1 in the end. What was done
    is known from the runs themselves: stopped in the middle, even with kill -9, it goes on when
    typed again, and nothing is submitted twice. On a local run the shards are run here.
    """
    opened = open_sweep(file)
    runs = list(opened.manifests())
    refuse_unknown(opened.sweep.scheduler, mode)
    how = How(
        Patience(poll_s, grace_s, _seconds(timeout)),
        mode or opened.sweep.mode,
        None if batch is None else read_batch(batch, TIMEOUT),
    )
    bad = []
    with sweep_lock(opened.folder):
        try:
            for number, (_, folder, path) in enumerate(runs, start=1):
                label = f"{os.path.basename(folder)} ({number} of {len(runs)})"
                if not _one(folder, path, label, how):
                    bad.append(os.path.basename(folder))
        except (KeyboardInterrupt, typer.Exit):
            say(f"Go on with: farmhand sweep submit {shlex.quote(opened.shown)}")
            raise
    _end(opened, len(runs), bad)


def _seconds(timeout: str) -> float:
    try:
        return parse_duration(timeout)
    except ValueError as error:
        raise UserError(f"--timeout: {error}") from error


def _one(folder: str, path: str, label: str, how: How) -> bool:
    """Bring one run to its end; say whether it is done, merged and passes.

    Raises:
        Refusal: it is not over when time is up, so that the next would be disturbed.
        Exit: a signal stopped the pool.
    """
    if not is_done(gather(folder, path)):
        say(f"{label}:")
        end = _start(read_manifest(path).header.submissions[-1].scheduler)(folder, path, label, how)
        if end == "late":
            collect_run(folder, path)
            raise Refusal(
                f"{label} is not over when time is up, and the next would be disturbed by it",
                where=folder,
                hint="wait or cancel its jobs, then type the same again; --timeout waits longer",
            )
        if end == "held":
            warn(f"{label}: what is left is held; the sweep goes on without it")
    gathered = collect_run(folder, path)
    return is_done(gathered) and merge_fresh(gathered)


Starter = Callable[[str, str, str, How], str]


def _start(scheduler: str) -> Starter:
    """Return what brings a run for this scheduler to its end."""
    if scheduler in QUEUES:
        return _in_queue
    return _by_command if scheduler in CHUNKED else _in_pool


def _in_queue(folder: str, path: str, label: str, how: How) -> str:
    submit(folder, path, execute=True, mode=how.mode)
    return wait(folder, path, label, how.patience)


def _by_command(folder: str, path: str, label: str, how: How) -> str:
    if how.batch is None:
        raise UserError(
            "this sweep is for a scheduler that gets each shard by a command of yours",
            where=folder,
            hint="say it with -b 'bsub -q 1nh', or -b 'nohup ./batchScript.sh &'",
        )
    submit_chunks(folder, path, how.batch)
    return wait(folder, path, label, how.patience)


def _in_pool(folder: str, path: str, label: str, how: How) -> str:
    """Run what has not come to an end of its own: not again what failed."""
    del label, how
    manifest = gather(folder, path).manifest
    due = [index for index in range(manifest.header.shards) if not _has_ended(manifest, index)]
    if due:
        try:
            with contextlib.redirect_stdout(sys.stderr):  # how the run stands is said by collect
                pool.verb(
                    folder, shards=None if len(due) == manifest.header.shards else ranges(due)
                )
        except typer.Exit as left:
            if left.exit_code > _STOPPED:
                raise
    return "ended"


def _has_ended(manifest: Manifest, index: int) -> bool:
    return manifest.results.head(index)[0] in ("succeeded", "failed")


def _end(opened: Opened, runs: int, bad: list[str]) -> None:
    agree = tell_agreement(opened)
    if bad:
        give(f"{runs - len(bad)} of {runs} runs done; not done: {', '.join(bad)}")
    else:
        give(f"{runs} runs done")
    say(f"Now type: farmhand sweep summarize {shlex.quote(opened.shown)}")
    if bad or not agree:
        raise typer.Exit(1)
