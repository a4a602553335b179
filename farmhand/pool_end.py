"""How a pool ended, for people: what became of the shards, and what to type next."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Iterable

from farmhand.gather import Gathered
from farmhand.pool_kinds import kind_of
from farmhand.talk import give, say, short_path, warn
from manifest.rows import parse_row
from manifest.units import format_duration
from reports.pool_table import outcome, outcome_lines
from reports.tally import tally
from runners.job import PoolResult


def say_how_it_went(result: PoolResult, seconds: float) -> None:
    """Say it before the manifest is written: a full disk must not hide it."""
    if result.why_stopped and result.stopped_by is None:
        warn(result.why_stopped)
    if result.journal_error:
        warn(f"the pool's journal could not be written: {result.journal_error}")
    if result.unended:
        warn(f"processes that do not end: {', '.join(map(str, result.unended))}")
    took = format_duration(seconds)
    say(f"{result.ok} ok, {result.failed} failed, {result.not_started} not started in {took}")


def give_outcome(gathered: Gathered, chosen: Iterable[int] | None) -> None:
    """Print the table by kind on stdout."""
    results, path = gathered.manifest.results, gathered.manifest.path
    if chosen is None:
        rows = (parse_row(line, path) for line in results)
    else:
        rows = (results.row(index) for index in sorted(chosen))
    outputs = gathered.facts.spec.outputs
    found = outcome(rows, kind_of(gathered.facts), outputs)
    least = {name: out.check.min_size if out.check else None for name, out in outputs.items()}
    width = shutil.get_terminal_size().columns
    for line in outcome_lines(found, least, width):
        give(line)


def summary(after: Gathered, stopped_by: int | None, chosen: set[int] | None) -> int:
    """Say how the run stands and what to type next; return the exit code."""
    manifest = after.manifest
    run = short_path(manifest.run)
    counted = tally(manifest)
    give_outcome(after, chosen)
    give(counted.text())
    if stopped_by is not None:
        name = signal.Signals(stopped_by).name
        left = "some may still run" if counted.states["running"] else "nothing is left running"
        say(f"stopped by {name}; {left}. Go on with: farmhand run {run}")
        return 128 + stopped_by
    wanted = tally(manifest, chosen)
    if wanted.bad:
        say(f"What is wrong: farmhand check {run}")
        if any(manifest.results.head(shard)[1] == "oom" for shard in wanted.bad):
            say(f"More memory for those that ran out of it: farmhand resubmit {run}")
    elif wanted.succeeded < wanted.shards:
        say(f"Go on with: farmhand run {run}")
    elif counted.succeeded == counted.shards and after.facts.spec.merge:
        say(f"Now type: farmhand merge {run}")
    return 0 if wanted.succeeded == wanted.shards else 1
