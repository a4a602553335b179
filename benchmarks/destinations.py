"""Rows for destinations: stored files are listed and matched, beside a bare listing of them."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from benchmarks.measure import Cost, baseline, cost_of, side_by_side
from benchmarks.runs import Pristine, synthesised_stored
from benchmarks.table import Row

if TYPE_CHECKING:
    from collections.abc import Iterator


def destination_rows(folder: str, shards: int, times: int) -> Iterator[Row]:
    """Measure collect, first and again, of a run whose files are at a destination."""
    run, kept = synthesised_stored(folder, shards, "stored")
    pristine = Pristine(run)
    records = os.path.join(run, "records")
    verb = ["farmhand", "collect", "--in-place", run]

    def listed() -> Cost:
        return cost_of(["find", kept, "-type", "f", "-printf", "%s %P\\n"])

    def first() -> Cost:
        pristine.restore()
        return cost_of(verb)

    def raw() -> Cost:
        return Cost(baseline("read", records).wall + listed().wall, 0)

    cost, theirs = side_by_side(times, first, raw)
    yield Row("collect, first, with a destination", shards, cost, "reading records, find", theirs)
    cost, theirs = side_by_side(times, lambda: cost_of(verb), listed)
    yield Row("collect, a destination unchanged", shards, cost, "find -printf", theirs)
    cost, alone = side_by_side(
        times, lambda: cost_of(verb), lambda: cost_of([*verb, "--records-only"])
    )
    yield Row("the same", shards, cost, "collect --records-only", alone)
    shutil.rmtree(run)
    shutil.rmtree(kept)
