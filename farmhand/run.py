"""``farmhand run``: a pool of shards on this machine."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

import typer

from farmhand.asking import STORES
from farmhand.gather import Gathered, gather, gather_and_write
from farmhand.locate import ManifestOption, OutDirOption, RunArgument, find_run
from farmhand.pool_view import PoolView, free_space_check
from farmhand.progress import collecting
from farmhand.publish import publish
from farmhand.select import ShardsOption, chosen_shards, latest_submission, not_started
from farmhand.talk import give, say, short_path, warn
from farmhand.unchanged import refuse_changes
from manifest.errors import Refusal, UserError
from manifest.header import Submission
from manifest.layout import ranges
from manifest.resources import Resources
from manifest.store import Manifest
from manifest.units import format_duration, parse_bytes
from reports.tally import tally
from runners.ending import end_orphans
from runners.pool import Adopted, Job, PoolResult, run_pool
from runners.pool_lock import PoolLock
from runners.processes import live_payloads
from runners.slots import Slots, choose_slots

_LISTED = 5
_ORPHAN_GRACE_S = 5.0


@dataclass(frozen=True, slots=True)
class Options:
    """How the pool is to run."""

    jobs: int | None = None
    reserve_cores: int = 0
    foreground: bool = False
    min_free: int = 100 << 20


def verb(
    run: RunArgument = None,
    manifest: ManifestOption = None,
    out_dir: OutDirOption = "runs",
    jobs: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Shards at once. Default: by cores and memory."),
    ] = None,
    reserve_cores: Annotated[
        int, typer.Option(min=0, metavar="N", help="Cores left for others.")
    ] = 0,
    shards: ShardsOption = None,
    foreground: Annotated[
        bool, typer.Option("--foreground", help="One at a time, output on the terminal.")
    ] = False,
    min_free: Annotated[
        str, typer.Option(metavar="SIZE", help="Start nothing with less disk space than this.")
    ] = "100 MB",
) -> None:
    """Run a run's shards in a pool on this machine.

    Runs what has not succeeded and is not running; run it again to finish what was interrupted.
    Ctrl-C ends every job and leaves a manifest that says so.
    """
    folder, path = find_run(run, manifest, out_dir, writes=True)
    try:
        options = Options(jobs, reserve_cores, foreground, parse_bytes(min_free))
    except ValueError as error:
        raise UserError(f"--min-free: {error}") from error
    raise typer.Exit(run_here(folder, path, shards, options))


def run_here(folder: str, path: str, shards: str | None, options: Options) -> int:
    """Run shards in a pool, as the verb does; return its exit code."""
    with PoolLock(folder):
        return _run(folder, path, shards, options)


def _run(folder: str, path: str, shards: str | None, options: Options) -> int:
    refuse_changes(folder)
    # Commands whose payload was killed would run beside the new attempt of their shard.
    stuck = end_orphans(folder, _ORPHAN_GRACE_S)
    if stuck:
        warn(f"processes of earlier attempts that do not end: {', '.join(map(str, stuck))}")
    # Looked for before the records are read: what ends in between has its end record by then.
    adopted, others = _living(folder)
    before = gather(folder, path, asking=STORES)
    header = before.manifest.header
    chosen = chosen_shards(shards, header.shards)
    due, unknown = _due(before.manifest, chosen, {item.shard for item in adopted} | others)
    if unknown:
        warn(
            f"{len(unknown)} shard{'s' * (len(unknown) != 1)} may still run elsewhere, so not "
            f"started: {ranges(unknown[:_LISTED])}{',...' if len(unknown) > _LISTED else ''} "
            "(farmhand show says where; farmhand resubmit --shards insists)"
        )
    if not due and not adopted:
        done = gather_and_write(folder, path, asking=STORES)
        publish(done)
        give(tally(done.manifest).text())
        wanted = tally(done.manifest, chosen)
        say("nothing left to run" if wanted.succeeded == wanted.shards else "nothing to start")
        return 0 if wanted.succeeded == wanted.shards else 1
    resources = [_resources(s) for s in header.submissions]
    slots = _slots(resources, options)
    if adopted:
        still = ", ".join(str(item.shard) for item in adopted[:_LISTED])
        say(f"{len(adopted)} still running from before (shards {still}); not started again")
    no_room = free_space_check(folder, options.min_free)
    if why := no_room():
        raise Refusal(f"{why}", where=folder, hint="make room, or lower --min-free")
    say(f"{len(due)} to run, {slots.count} at a time ({slots.why})")
    view = PoolView(before.facts, len(due), foreground=options.foreground)
    with view:
        result = run_pool(
            _jobs(folder, before.manifest, due),
            len(due),
            slots.count,
            run_dir=folder,
            log_path=os.path.join(folder, "logs", "pool.log"),
            journal_path=os.path.join(folder, "logs", "pool.jsonl"),
            listener=view,
            check_space=no_room,
            adopted=adopted,
        )
    _say_how_it_went(result, view)  # before the manifest: a full disk must not hide it
    with collecting(header.shards) as bar:
        after = gather_and_write(folder, path, asking=STORES, progress=bar.update)
    publish(after)
    return _summary(after, result, chosen)


def _living(folder: str) -> tuple[list[Adopted], set[int]]:
    """Return what an earlier pool left running, and the shards that somebody else runs here."""
    payloads = live_payloads(folder)
    adopted = [
        Adopted(shard, payload.pid, payload.pid_start)
        for payload in payloads
        if payload.scheduler == "local"
        for shard in payload.shards
    ]
    return adopted, {s for p in payloads if p.scheduler != "local" for s in p.shards}


def _due(
    manifest: Manifest, chosen: set[int] | None, living: set[int]
) -> tuple[list[int], list[int]]:
    """Return the shards to start, and those of which nobody knows whether they run elsewhere."""
    due, unknown = [], []
    latest = latest_submission((s.id, s.shards) for s in manifest.header.submissions)
    for index in sorted(chosen) if chosen is not None else range(manifest.header.shards):
        state, cause = manifest.results.head(index)
        if state in ("succeeded", "running", "pending") or index in living:
            continue
        doubtful = state == "unknown" and cause is None
        if doubtful and not not_started(manifest.results.row(index), latest[index]):
            unknown.append(index)
        else:
            due.append(index)
    return due, unknown


def _resources(submission: Submission) -> Resources:
    return Resources.model_validate(submission.resources)


def _slots(resources: list[Resources], options: Options) -> Slots:
    if options.foreground:
        return Slots(1, "--foreground")
    slots = choose_slots(
        cpus=max((r.cpus or 1 for r in resources), default=1),
        memory=max((r.memory or 0 for r in resources), default=0) or None,
        jobs=options.jobs,
        reserve_cores=options.reserve_cores,
    )
    if slots.warning:
        warn(slots.warning)
    return slots


def _jobs(folder: str, manifest: Manifest, due: list[int]) -> Iterator[Job]:
    """Yield one call of the payload a shard, as its latest submission asked."""
    header = manifest.header
    latest = latest_submission((s.id, s.shards) for s in header.submissions)
    calls = {}
    for submission in header.submissions:
        walltime = _resources(submission).walltime or 0
        calls[submission.id] = (
            "/bin/bash",
            os.path.join(folder, "plan", "shard.sh"),
            header.plan_id,
            str(submission.id),
            "local",
            "-",
            "0",
            str(walltime),
        )
    for index in due:
        yield Job(index, (*calls[latest[index]], str(index)))


def _say_how_it_went(result: PoolResult, view: PoolView) -> None:
    if result.why_stopped and result.stopped_by is None:
        warn(result.why_stopped)
    if result.journal_error:
        warn(f"the pool's journal could not be written: {result.journal_error}")
    if result.unended:
        warn(f"processes that do not end: {', '.join(map(str, result.unended))}")
    took = format_duration(view.elapsed())
    say(f"{result.ok} ok, {result.failed} failed, {result.not_started} not started in {took}")


def _summary(after: Gathered, result: PoolResult, chosen: set[int] | None) -> int:
    manifest = after.manifest
    run = short_path(manifest.run)
    counted = tally(manifest)
    give(counted.text())
    if result.stopped_by is not None:
        name = signal.Signals(result.stopped_by).name
        say(f"stopped by {name}; nothing is left running. Go on with: farmhand run {run}")
        return 128 + result.stopped_by
    wanted = tally(manifest, chosen)
    if wanted.bad:
        say(f"What is wrong: farmhand check {run}")
    elif wanted.succeeded < wanted.shards:
        say(f"Go on with: farmhand run {run}")
    elif counted.succeeded == counted.shards and after.facts.spec.merge:
        say(f"Now type: farmhand merge {run}")
    return 0 if wanted.succeeded == wanted.shards else 1
