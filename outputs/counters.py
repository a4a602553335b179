"""Counters in nested maps (YAML, JSON): numbers are added, texts have to be the same everywhere."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from manifest.errors import Refusal
from outputs.counters_document import CountersError, read_counters, write_counters
from outputs.counters_recompute import pruned, recompute_counters
from outputs.job import MergeReport, added, finite, reading, refuse
from outputs.json_document import ABSENT, look_up
from outputs.non_additive import left_out, refuse_pooled
from outputs.read_back import check_result
from outputs.sidecar import publish_with_sidecar
from outputs.staged import StagedFile

if TYPE_CHECKING:
    from collections.abc import Sequence

    from outputs.counters_document import Tree
    from outputs.facts import Source
    from outputs.job import MergeJob


def merge(job: MergeJob) -> MergeReport:
    """Add the counters.

    Raises:
        Refusal: a file cannot be read, has other keys than the first, or another text.
        UserError: the result cannot be written.
    """
    trees, parts = [], []
    for source in job.sources:
        with reading(source), open(source.path, "rb") as file:
            data = file.read()
        try:
            trees.append(read_counters(data, source.path))
        except CountersError as error:
            raise refuse(source, str(error)) from error
        parts.append({"bytes": len(data)})
    base = os.path.basename(job.target)
    kept = _without(job, trees, base)
    name = job.sources[0].path
    total = _sum(kept, job.sources, "")
    with StagedFile(job.target) as result:
        result.write(write_counters(total, name).encode("utf-8", "surrogatepass"))
        path = result.finish()
        if job.spec.recompute is not None:
            total = recompute_counters(job, path, base, total, name)
        with open(path, "rb") as file:
            if read_counters(file.read(), name) != total:
                raise Refusal("not merged: the result does not read back as it was written")
        rows = _count(total)
        check_result(job, path, rows)
        outputs = [{"path": base, "bytes": os.stat(path).st_size, "rows": rows}]
        sidecar = publish_with_sidecar(job, result, parts, outputs)
    return MergeReport(
        "counters",
        (job.target,),
        len(job.sources),
        rows,
        [("counters", f"{rows:,}")],
        tuple(left_out(job)),
        sidecar=sidecar,
    )


def _without(job: MergeJob, trees: list[Tree], base: str) -> list[Tree]:
    """Return the trees without what does not add up, where the spec says what becomes of it."""
    spec = job.spec
    refuse_pooled(job, base, len(trees))
    for tree, source in zip(trees, job.sources, strict=True):
        for path in spec.non_additive:
            if look_up(tree, path) is ABSENT:
                raise refuse(source, f"has no {path}, which merge.non_additive names")
    if not (spec.drop or spec.recompute):
        return trees
    return [pruned(tree, spec.non_additive) for tree in trees]


def _sum(trees: Sequence[Tree], sources: Sequence[Source], at: str) -> Tree:
    """Add trees of one shape; ``at`` is the path to them, for messages."""
    first = trees[0]
    for tree, source in zip(trees, sources, strict=True):
        if _shape(tree) != _shape(first):
            raise refuse(
                source,
                f"{at or 'the top'} is {_named(tree)}; in {sources[0].label} {_named(first)}",
            )
    if isinstance(first, dict):
        for tree, source in zip(trees, sources, strict=True):
            _same_keys(tree, source, first, sources[0], at)
        return {key: _sum([t[key] for t in trees], sources, _path(at, key)) for key in first}
    if isinstance(first, list):
        lists = enumerate(zip(*trees, strict=True))
        return [_sum(same, sources, f"{at}[{number}]") for number, same in lists]
    if _is_number(first):
        return _total(trees, sources, at)
    for tree, source in zip(trees, sources, strict=True):
        if tree != first:
            raise refuse(source, f"{at} is {_named(tree)}; in {sources[0].label} {_named(first)}")
    return first


def _total(trees: Sequence[Tree], sources: Sequence[Source], at: str) -> int | float:
    for tree, source in zip(trees, sources, strict=True):
        if not finite(tree):
            raise refuse(source, f"{at} is {tree}, which cannot be added")
    total = added(trees)
    if not finite(total):
        raise Refusal(f"not merged: {at} adds up to more than a float holds")
    return total


def _same_keys(tree: Tree, source: Source, first: Tree, other: Source, at: str) -> None:
    for key in first:
        if key not in tree:
            raise refuse(source, f"has no {_path(at, key)}; {other.label} has it")
    for key in tree:
        if key not in first:
            raise refuse(source, f"has {_path(at, key)}; {other.label} has it not")


def _shape(tree: Tree) -> tuple[str, int]:
    if isinstance(tree, dict):
        return "map", 0
    if isinstance(tree, list):
        return "list", len(tree)
    return ("number", 0) if _is_number(tree) else (type(tree).__name__, 0)


def _named(tree: Tree) -> str:
    if isinstance(tree, dict):
        return "a map"
    return f"a list of {len(tree)}" if isinstance(tree, list) else repr(tree)[:60]


def _is_number(tree: Tree) -> bool:
    return isinstance(tree, int | float) and not isinstance(tree, bool)


def _path(at: str, key: object) -> str:
    return f"{at}.{key}" if at else f"{key}"


def _count(tree: Tree) -> int:
    if isinstance(tree, dict):
        return sum(map(_count, tree.values()))
    return sum(map(_count, tree)) if isinstance(tree, list) else int(_is_number(tree))
