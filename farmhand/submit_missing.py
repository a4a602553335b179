"""``farmhand submit`` typed again and again: only what is missing and not alive."""

from __future__ import annotations

import os
import shlex

import typer

from farmhand.asking import STORES, Asking
from farmhand.at_stores import silences, tell_stores
from farmhand.gather import Gathered, gather, gathered_under_lock
from farmhand.observe import observe
from farmhand.place_jobs import place_jobs, show_jobs
from farmhand.queues import QUEUES
from farmhand.redo import Choice, select
from farmhand.redo_view import show_groups, show_left
from farmhand.resubmission import write_resubmission
from farmhand.run import Options, run_here
from farmhand.select import latest_submission, not_started
from farmhand.standing import Standing, standing
from farmhand.submissions import Way
from farmhand.talk import give, say, short_path
from farmhand.unchanged import refuse_changes
from manifest.errors import Refusal
from manifest.header import Header
from manifest.layout import ranges
from manifest.locking import submit_lock
from manifest.store import read_manifest


def is_repeated(folder: str, path: str) -> bool:
    """Say whether submit is how a run is brought to its end.

    That is so where a destination says what is missing, and in the local pool. Elsewhere jobs are
    submitted once, and redone by resubmit.
    """
    last = read_manifest(path).header.submissions[-1].scheduler
    stores = os.path.isdir(os.path.join(folder, "plan", "stores"))
    return last == "local" or (stores and last in QUEUES)


def submit_missing(folder: str, path: str, *, execute: bool, mode: str | None) -> None:
    """Submit, or run here, what is missing and not alive; say how the run stands then.

    Raises:
        Refusal: a store or a scheduler is silent, so that nobody knows what is missing.
        Exit: something stays missing, or the pool was stopped.
    """
    refuse_changes(folder)
    if not execute:
        _show(folder, path, mode)
        return
    header = read_manifest(path).header
    with submit_lock(folder) as lock:
        before = _redo(folder, path, mode)
        if any(submission.scheduler in QUEUES for submission in header.submissions):
            place_jobs(folder, path, mode, lock)
        fresh = read_manifest(path).header
        here = _due_here(before, fresh)
    stopped = 0
    if here:
        code = run_here(folder, path, ranges(here), Options())
        stopped = code if code > 1 else 0
        before = gather(folder, path)
        fresh = before.manifest.header
    _end(standing(before.manifest, fresh), stopped)


def _end(found: Standing, stopped: int) -> None:
    give(found.text())
    if not found.missing:
        alive = found.queued + found.running + found.held + found.unknown
        say(f"all set; {alive} still to end" if alive else "all set")
    if stopped or found.missing:
        raise typer.Exit(stopped or 1)


def _show(folder: str, path: str, mode: str | None) -> None:
    gathered = gather(folder, path, asking=Asking())
    header = gathered.manifest.header
    tell_stores(gathered.stores)
    groups, left = select(gathered, Choice())
    show_left(left)
    if groups:
        show_groups(groups)
    if any(submission.scheduler in QUEUES for submission in header.submissions):
        show_jobs(folder, path, mode)
    here = _due_here(gathered, header)
    if groups or here:
        say("Nothing submitted. To do it, the same verb with --execute:")
        give(f"farmhand submit --execute {shlex.quote(short_path(folder))}")
    say(standing(gathered.manifest, header).text())


def _redo(folder: str, path: str, mode: str | None) -> Gathered:
    """Render again what is bad, as resubmit would; return how the run stood before."""
    header = read_manifest(path).header
    answers = observe(folder, header, Asking())
    with gathered_under_lock(folder, path, asking=STORES, answers=answers) as gathered:
        _refuse_silence(folder, gathered)
        tell_stores(gathered.stores)
        groups, left = select(gathered, Choice())
        show_left(left)
        if groups:
            show_groups(groups)
            write_resubmission(gathered, groups, _way(gathered.manifest.header, mode))
    return gathered


def _way(header: Header, mode: str | None) -> Way:
    last = header.submissions[-1]
    return Way(last.scheduler, mode or last.mode)


def _refuse_silence(folder: str, gathered: Gathered) -> None:
    """Refuse where it is not known what is missing."""
    if gathered.stores is None:
        return
    silent = [one for one in silences(gathered.manifest, gathered.stores) if one.answers]
    if silent:
        raise Refusal(
            f"{silent[0].folder.url} does not say what it has: {silent[0].why}",
            where=short_path(folder),
            hint="nothing was submitted; type the same again when it answers. If its directory "
            "was removed on purpose, make it again",
        )


def _due_here(gathered: Gathered, header: Header) -> list[int]:
    """Return the shards that this machine's pool has to start."""
    local = {s.id for s in header.submissions if s.scheduler == "local"}
    if not local:
        return []
    latest = latest_submission((s.id, s.shards) for s in header.submissions)
    return [
        index
        for index in range(header.shards)
        if latest[index] in local and _is_due(gathered, index, latest[index])
    ]


def _is_due(gathered: Gathered, index: int, latest: int) -> bool:
    """Say whether a shard has not been started since it was last rendered."""
    state, _ = gathered.manifest.results.head(index)
    if state in ("succeeded", "running", "pending", "held"):
        return False
    return state == "planned" or not_started(gathered.manifest.results.row(index), latest)
