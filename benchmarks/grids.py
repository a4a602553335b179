"""Rows for grids: a dry run beside visiting the points, render beside writing the same bytes."""

from __future__ import annotations

import json
import os
import shutil
import sys
from typing import TYPE_CHECKING

from benchmarks.measure import Cost, baseline, cost_of, side_by_side
from benchmarks.runs import render
from benchmarks.table import Row

if TYPE_CHECKING:
    from collections.abc import Iterator

_VISIT = "from itertools import product\nfor point in product(*[range({0})] * 3): pass"


def grid_rows(folder: str, side: int, times: int) -> Iterator[Row]:
    """Measure a grid of three axes: a dry run of side^3 points, and a render of a tenth of them."""
    spec = _spec(folder, side, side)
    dry = ["farmhand", "render", spec, "--dry-run"]
    visit = [sys.executable, "-c", _VISIT.format(side)]
    cost, theirs = side_by_side(times, lambda: cost_of(dry), lambda: cost_of(visit))
    yield Row("grid, dry run", side**3, cost, "visiting each point in Python", theirs)

    spec = _spec(folder, side, side // 10)
    rendered, copy = os.path.join(folder, "grid"), os.path.join(folder, "copy")

    def ours() -> Cost:
        shutil.rmtree(rendered, ignore_errors=True)
        return render(spec, folder, "grid")

    def raw() -> Cost:
        shutil.rmtree(copy, ignore_errors=True)
        return baseline("write", rendered, copy)

    cost, theirs = side_by_side(times, ours, raw)
    shutil.rmtree(rendered)
    shutil.rmtree(copy)
    yield Row("grid, render", side**2 * (side // 10), cost, "writing the same bytes", theirs)


def _spec(folder: str, side: int, last: int) -> str:
    """Write a spec with names, seeds, an exclusion that is looked at everywhere, and its reason."""
    grid = {
        name: {"from": "0.01", "to": f"{count / 100}", "step": "0.01"}
        for name, count in (("a", side), ("b", side), ("c", last))
    }
    spec = {
        "name": "bench",
        "work": {
            "grid": grid,
            "exclude": [{"when": {"a": "0.01", "b": "0.01", "c": "0.01"}, "reason": "one less"}],
            "seed": {"spawn": 1},
        },
        "shard_name": "n_{{ point.a | p }}_{{ point.b | p }}_{{ point.c | p }}",
        "command": ["true", "{{ point.a }}", "{{ point.b }}", "{{ point.c }}", "{{ shard.seed }}"],
    }
    path = os.path.join(folder, f"grid-{side}-{last}.json")
    with open(path, "w", encoding="utf-8") as file:
        json.dump(spec, file)
    return path
