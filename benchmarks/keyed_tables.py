"""Rows for merging tables with a key, beside cat and sort."""

from __future__ import annotations

import glob
import os
import shutil
from functools import partial
from typing import TYPE_CHECKING

from benchmarks.measure import Cost, cost_of, side_by_side
from benchmarks.runs import synthesised_tables
from benchmarks.table import Row

if TYPE_CHECKING:
    from collections.abc import Iterator

ROWS = 1_000


def keyed_table_rows(folder: str, shards: int, times: int) -> Iterator[Row]:
    """Measure a merge of tables of 1,000 rows each, whose key is unique over all of them."""
    run = synthesised_tables(folder, shards, ROWS, "keyed")
    tables = glob.glob(os.path.join(run, "shards", "**", "rows.csv"), recursive=True)
    listed, joined = (os.path.join(folder, name) for name in ("tables", "joined"))
    with open(listed, "w", encoding="utf-8") as file:
        file.writelines(f"{path}\0" for path in tables)

    def merge() -> Cost:
        return cost_of(["farmhand", "merge", run])

    for beside, script in (
        ("cat", f"xargs -0 cat <{listed} >{joined}"),
        ("sort -u", f"LC_ALL=C sort -u --files0-from={listed} -o {joined}"),
    ):
        ours, theirs = side_by_side(times, merge, partial(cost_of, ["sh", "-c", script]))
        what = f"merge of tables of {ROWS:,} rows with a key"
        yield Row(what, shards, ours, beside, theirs)
    shutil.rmtree(run)
