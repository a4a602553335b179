"""One entry for all kinds of merge: the registry and what is asked of every merge."""

from __future__ import annotations

import os
from collections import Counter
from typing import TYPE_CHECKING, Any

from manifest.errors import Refusal, UserError
from outputs import (
    command,
    copy_first,
    counters,
    csv_table,
    cutflow,
    json_lines,
    proof,
    root,
    text,
    toys,
)
from outputs.job import MergeJob, Merger, MergeReport

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from manifest.checks import MergeSettings
    from outputs.command import RunCommand
    from outputs.facts import ShardFacts, Source

__all__ = ["KINDS", "MergeReport", "merge"]

KINDS: dict[str, Merger] = {
    "toys": toys,
    "csv": csv_table,
    "json-lines": json_lines,
    "text": text,
    "root": root,
    "cutflow": cutflow,
    "counters": counters,
    "copy-first": copy_first,
    "command": command,
}
"""Value of ``merge.kind`` -> the module that does it."""


def merge(  # noqa: PLR0913 (a merge is asked for in one call; all but three have names)
    spec: MergeSettings,
    sources: Sequence[Source],
    target: str,
    *,
    missing: Sequence[ShardFacts],
    planned_total: int | None,
    run: Mapping[str, Any],
    allow_partial: bool = False,
    run_command: RunCommand | None = None,
    sidecar: bool = True,
    expected: Iterable[str] | None = None,
) -> MergeReport:
    """Merge the accepted outputs into ``target``, which appears whole or not at all.

    Args:
        spec: the spec's ``merge:``.
        sources: the accepted outputs, in any order; files without a plan stay in this order.
        target: the result's path (a directory with ``group_by``).
        missing: planned shards without an accepted output; not empty only when the user allowed
            it, and the result says so.
        planned_total: number of planned shards, of which every one must be in ``sources`` or
            ``missing``; None for files without a plan.
        run: copied into the provenance (run_id, plan_id, …).
        allow_partial: files without a plan may leave gaps too.
        run_command: starts the command of kind ``command``, and hadd.
        sidecar: write the provenance beside the result.
        expected: the values of ``merge.key`` that have to be there, and no others (items), where it
            is one column; what is missing is named. None: nobody knows.

    Raises:
        Refusal: the answer is no; names the shards. Nothing was written.
        UserError: the result cannot be written; nothing is left behind.
    """
    if not sources:
        raise Refusal("not merged: no shard has an accepted output", where=target)
    _refuse_doubles(sources, target)
    planned = [source.facts for source in sources if source.facts.planned]
    if planned and len(planned) < len(sources):
        raise Refusal("not merged: planned shards and unplanned files together")
    if planned_total is not None and len(sources) + len(missing) != planned_total:
        raise Refusal(
            f"not merged: {len(sources)} shards with an output and {len(missing)} without, "
            f"but {planned_total} are planned",
            hint="farmhand collect, then merge again",
        )
    if planned:
        sources = sorted(sources, key=_by_start if spec.kind == "toys" else _by_index)
        _prove(spec, planned, missing)
    job = MergeJob(
        spec=spec,
        sources=sources,
        target=os.path.abspath(target),
        missing=missing,
        run=run,
        allow_partial=allow_partial or bool(missing),
        run_command=run_command,
        sidecar=sidecar,
        expected=None if expected is None or len(spec.key) != 1 else frozenset(expected),
    )
    return KINDS[spec.kind].merge(job)


def _by_start(source: Source) -> tuple[int, int]:
    return source.facts.start, source.facts.index


def _by_index(source: Source) -> int:
    return source.facts.index


def _prove(spec: MergeSettings, planned: list[ShardFacts], missing: Sequence[ShardFacts]) -> None:
    """Prove the shards, and for toys the ranges too, of what the caller says."""
    rows = [*planned, *missing]
    totals = {facts.component: facts.count for facts in rows} if spec.kind == "toys" else None
    accepted = (facts.index for facts in planned)
    proof.refuse_unless_complete(
        proof.prove(rows, accepted, totals=totals), allow_missing=bool(missing)
    )


def _refuse_doubles(sources: Sequence[Source], target: str) -> None:
    """Refuse a file that is merged twice, or that the result would overwrite."""
    files = [
        source.path if source.facts.planned else os.path.realpath(source.path) for source in sources
    ]
    for path, times in Counter(files).items():
        if times > 1:
            same = [s.label for s, file in zip(sources, files, strict=True) if file == path]
            raise Refusal(f"not merged: one file {times} times: {', '.join(same[:5])}", where=path)
    try:
        there = os.stat(target)
    except OSError:
        return
    for source in sources:
        try:
            overwritten = os.path.samestat(os.stat(source.path), there)
        except OSError:
            continue  # the reader says it better
        if overwritten:
            raise UserError(
                f"the result would overwrite {source.label}",
                where=target,
                hint="name another file with --out",
            )
