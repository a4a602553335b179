"""``farmhand run``: a pool of shards on this machine."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

import typer

from farmhand.asking import STORES
from farmhand.gather import Gathered, gather, gather_and_write
from farmhand.locate import ManifestOption, OutDirOption, RunArgument, find_run
from farmhand.pool_end import say_how_it_went, summary
from farmhand.pool_jobs import Asks, due_shards, jobs_of, living
from farmhand.pool_kinds import kind_of
from farmhand.pool_view import Known, PoolView, free_space_check
from farmhand.progress import collecting
from farmhand.publish import publish
from farmhand.run_hosts import run_there
from farmhand.select import ShardsOption, chosen_shards
from farmhand.talk import give, say, warn
from farmhand.unchanged import refuse_changes
from manifest.errors import Refusal, UserError
from manifest.layout import ranges
from manifest.site import read_site
from manifest.store import Manifest, read_manifest
from manifest.units import parse_bytes
from reports.tally import tally
from runners.ending import end_orphans
from runners.job import NOTHING_SAID, Adopted, PoolResult
from runners.memory_use import memory_use
from runners.pool import run_pool
from runners.pool_lock import PoolLock
from runners.room import Room, refuse_unfit, room_here

_LISTED = 5
_ORPHAN_GRACE_S = 5.0


@dataclass(frozen=True, slots=True)
class Options:
    """How the pool is to run."""

    jobs: int | None = None
    reserve_cores: int = 0
    foreground: bool = False
    min_free: int = 100 << 20
    memory: int | None = None


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
    memory: Annotated[
        str | None,
        typer.Option(metavar="SIZE", help="For all shards together. Default: what is free."),
    ] = None,
    shards: ShardsOption = None,
    foreground: Annotated[
        bool, typer.Option("--foreground", help="One at a time, output on the terminal.")
    ] = False,
    min_free: Annotated[
        str, typer.Option(metavar="SIZE", help="Start nothing with less disk space than this.")
    ] = "100 MB",
    hosts: Annotated[
        str | None,
        typer.Option("--hosts", metavar="FILE", help="Hosts instead of those it was rendered for."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Hosts: show who would do what, and start nothing.")
    ] = False,
) -> None:
    """Run a run's shards in a pool on this machine, or on the hosts it was rendered for.

    Runs what has not succeeded and is not running; run it again to finish what was interrupted.
    Ctrl-C ends every job and leaves a manifest that says so.
    """
    folder, path = find_run(run, manifest, out_dir, writes=True)
    if read_manifest(path).header.submissions[-1].scheduler == "ssh":
        raise typer.Exit(run_there(folder, path, shards, hosts, dry_run=dry_run))
    options = Options(
        jobs,
        reserve_cores,
        foreground,
        _amount("--min-free", min_free),
        None if memory is None else _amount("--memory", memory),
    )
    raise typer.Exit(run_here(folder, path, shards, options))


def _amount(option: str, text: str) -> int:
    try:
        return parse_bytes(text)
    except ValueError as error:
        raise UserError(f"{option}: {error}") from error


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
    asks = Asks(read_manifest(path).header)
    adopted, others = living(folder, asks)
    before = gather(folder, path, asking=STORES)
    header = before.manifest.header
    chosen = chosen_shards(shards, header.shards)
    alive = {item.shard for item in adopted} | others
    wanted = sorted(chosen) if chosen is not None else range(header.shards)
    due, unknown = due_shards(before.manifest, wanted, asks.latest, alive)
    if unknown:
        warn(
            f"{len(unknown)} shard{'s' * (len(unknown) != 1)} may still run elsewhere, so not "
            f"started: {ranges(unknown[:_LISTED])}{',...' if len(unknown) > _LISTED else ''} "
            "(farmhand show says where; farmhand resubmit --shards insists)"
        )
    if not due and not adopted:
        return _nothing_due(folder, path, chosen)
    work = _Work(folder, before, asks, due, adopted)
    result, seconds = _pool(work, options)
    say_how_it_went(result, seconds)
    with collecting(header.shards) as bar:
        after = gather_and_write(folder, path, asking=STORES, progress=bar.update)
    publish(after)
    return summary(after, result.stopped_by, chosen)


@dataclass(frozen=True, slots=True)
class _Work:
    folder: str
    before: Gathered
    asks: Asks
    due: list[int]
    adopted: list[Adopted]


def _pool(work: _Work, options: Options) -> tuple[PoolResult, float]:
    """Run what is due; return how that went, and the seconds it took."""
    folder, due, adopted = work.folder, work.due, work.adopted
    room = _room(options, adopted)
    each = {shard: work.asks.of(shard) for shard in due}
    names = _Names(work.before.manifest)
    refuse_unfit(each, room, names)
    if adopted:
        still = ", ".join(str(item.shard) for item in adopted[:_LISTED])
        say(f"{len(adopted)} still running from before (shards {still}); not started again")
    no_room = free_space_check(folder, options.min_free)
    if why := no_room():
        raise Refusal(f"{why}", where=folder, hint="make room, or lower --min-free")
    say(f"{len(due)} to run, {room.text(set(each.values()) or {NOTHING_SAID})}")
    known = Known(folder, kind_of(work.before.facts), names.__getitem__, room)
    view = PoolView(known, due, adopted, foreground=options.foreground)
    with view:
        result = run_pool(
            jobs_of(work.before, work.asks, due),
            len(due),
            room,
            run_dir=folder,
            log_path=os.path.join(folder, "logs", "pool.log"),
            journal_path=os.path.join(folder, "logs", "pool.jsonl"),
            listener=view,
            check_space=no_room,
            adopted=adopted,
        )
        view.over(result)
    return result, view.elapsed()


def _nothing_due(folder: str, path: str, chosen: set[int] | None) -> int:
    done = gather_and_write(folder, path, asking=STORES)
    publish(done)
    give(tally(done.manifest).text())
    wanted = tally(done.manifest, chosen)
    say("nothing left to run" if wanted.succeeded == wanted.shards else "nothing to start")
    return 0 if wanted.succeeded == wanted.shards else 1


def _room(options: Options, adopted: Sequence[Adopted]) -> Room:
    """Return what the jobs may use: by option, by the site's profile, or by this machine."""
    site = read_site().local
    memory, by = options.memory, "by --memory"
    if memory is None and site.memory is not None:
        memory, by = site.memory, "by the site profile"
    jobs, jobs_by = (1, "--foreground:") if options.foreground else (options.jobs, "--jobs")
    if jobs is None and site.jobs is not None:
        jobs, jobs_by = site.jobs, "the site profile's jobs:"
    leaders: dict[int, int | None] = {each.pid: None for each in adopted}
    held = sum(use.bytes for use in memory_use(leaders).values()) if leaders else 0
    return room_here(
        jobs=jobs,
        jobs_by=jobs_by,
        memory=memory,
        memory_by=by,
        reserve_cores=options.reserve_cores,
        in_use=held,
    )


class _Names(Mapping[int, str]):
    """Shard -> its name, read when asked for."""

    def __init__(self, manifest: Manifest) -> None:
        self._results = manifest.results
        self._shards = manifest.header.shards

    def __getitem__(self, shard: int) -> str:
        return str(self._results.row(shard)["name"])

    def __iter__(self) -> Iterator[int]:
        return iter(range(self._shards))

    def __len__(self) -> int:
        return self._shards
