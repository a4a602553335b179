"""Rows for merging ROOT files: what the proof costs on top of a bare hadd."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from benchmarks.measure import Cost, cost_of, side_by_side
from benchmarks.table import Row
from manifest.errors import UserError
from outputs.root import find_hadd

if TYPE_CHECKING:
    from collections.abc import Iterator

CHUNKS = 500
_BINS, _ENTRIES = 100, 1_000


def root_rows(folder: str, times: int) -> Iterator[Row]:
    """Measure a merge of 500 chunks (10 histograms and a tree each) beside one hadd of the same."""
    try:
        hadd = find_hadd()
        files = _write_files(os.path.join(folder, "root"))
    except (UserError, ImportError):
        yield Row("merge of ROOT files (no hadd or no uproot here)", None, Cost(0, 0))
        return
    ours, theirs = (os.path.join(folder, name) for name in ("ours.root", "theirs.root"))
    words = [word for file in files for word in ("--input", file)]
    merge = ["farmhand", "merge", "--kind", "root", "--out", ours, *words]
    cost, bare = side_by_side(
        times, lambda: cost_of(merge), lambda: cost_of([hadd, "-v", "0", "-ff", theirs, *files])
    )
    yield Row("merge of ROOT files, proved", len(files), cost, "one bare hadd", bare)
    shutil.rmtree(os.path.join(folder, "root"))


def _write_files(folder: str) -> list[str]:
    import numpy as np  # noqa: PLC0415 (comes with uproot, an extra)
    import uproot  # noqa: PLC0415

    os.makedirs(folder)
    random = np.random.default_rng(1)
    files = [os.path.join(folder, f"{number}.root") for number in range(CHUNKS)]
    for path in files:
        values = random.normal(size=_ENTRIES)
        with uproot.recreate(path) as file:
            file.mktree("events", {"x": np.float64, "y": np.float64})
            file["events"].extend({"x": values, "y": values})
            for number in range(10):
                file[f"h{number}"] = np.histogram(values, _BINS, (-5, 5))
    return files
