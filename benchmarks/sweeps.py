"""A row for the summary of a sweep of many runs, beside reading their manifests."""

from __future__ import annotations

import glob
import os
import shutil
from typing import TYPE_CHECKING

from benchmarks.measure import baseline, cost_of, side_by_side
from benchmarks.runs import write_spec
from benchmarks.synthesise import synthesise
from benchmarks.table import Row

if TYPE_CHECKING:
    from collections.abc import Iterator

RUNS = 100


def sweep_rows(folder: str, shards: int, times: int) -> Iterator[Row]:
    """Measure a sweep whose runs have all been collected."""
    spec = write_spec(folder, shards, outputs=False)
    words = ["--shards", str(shards), "--repeats", str(RUNS), "--sweep-id", "sweep"]
    cost_of(["farmhand", "sweep", "render", spec, *words, "--out-dir", folder])
    file = os.path.join(folder, "sweep.sweep.json")
    manifests = sorted(glob.glob(os.path.join(folder, "sweep", "*", "manifest.json")))
    for manifest in manifests:
        synthesise(os.path.dirname(manifest), outputs=False)
    cost_of(["farmhand", "sweep", "collect", file])
    ours, theirs = side_by_side(
        times,
        lambda: cost_of(["farmhand", "sweep", "summarize", file]),
        lambda: baseline("read", *manifests),
    )
    what = f"sweep summarize, {len(manifests)} runs"
    yield Row(what, shards * len(manifests), ours, "reading the manifests", theirs)
    shutil.rmtree(os.path.join(folder, "sweep"))
    os.unlink(file)
