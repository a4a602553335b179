"""Rows for work of items: a long list dealt out, and the ledgers of running shards counted."""

from __future__ import annotations

import json
import os
import shutil
from typing import TYPE_CHECKING, Any

from benchmarks.measure import Cost, baseline, cost_of, side_by_side
from benchmarks.runs import render
from benchmarks.table import Row

if TYPE_CHECKING:
    from collections.abc import Iterator

_PER_SHARD = 100


def item_rows(folder: str, items: int, shards: int, times: int) -> Iterator[Row]:
    """Measure the render of so many items, and status of so many shards that run."""
    listed = os.path.join(folder, "items.txt")
    with open(listed, "w", encoding="utf-8") as file:
        file.writelines(f"user{number:08}\n" for number in range(items))
    spec = _write_spec(folder, "items", {"items": f"@{listed}"}, shards=items // 1_000)
    rendered, copy = os.path.join(folder, "dealt"), os.path.join(folder, "copy")

    def ours() -> Cost:
        shutil.rmtree(rendered, ignore_errors=True)
        return render(spec, folder, "dealt")

    def raw() -> Cost:
        shutil.rmtree(copy, ignore_errors=True)
        walls = baseline("read", listed).wall, baseline("write", rendered, copy).wall
        return Cost(sum(walls), 0)

    cost, theirs = side_by_side(times, ours, raw)
    yield Row("render, items", items, cost, "reading the list, writing the same bytes", theirs)
    shutil.rmtree(rendered)
    shutil.rmtree(copy)
    yield _status_row(folder, shards, times)


def _status_row(folder: str, shards: int, times: int) -> Row:
    words = {"items": {"command": ["seq", str(shards * _PER_SHARD)]}, "split": "contiguous"}
    outputs = {"t": {"path": "t.csv", "item": "user"}}
    spec = _write_spec(folder, "ledgers", words, shards=shards, outputs=outputs)
    render(spec, folder, "ledgers")
    run = os.path.join(folder, "ledgers")
    _begin(run, shards)
    places = [os.path.join(run, name) for name in ("records", "shards", "manifest.json")]
    cost, theirs = side_by_side(
        times, lambda: cost_of(["farmhand", "status", run]), lambda: baseline("read", *places)
    )
    shutil.rmtree(run)
    return Row("status, ledgers", shards, cost, "reading records, ledgers, manifest", theirs)


def _write_spec(folder: str, name: str, work: dict[str, Any], **more: Any) -> str:  # noqa: ANN401
    path = os.path.join(folder, f"{name}.json")
    with open(path, "w", encoding="utf-8") as file:
        json.dump({"name": "bench", "work": work, "command": ["true"], **more}, file)
    return path


def _begin(run: str, shards: int) -> None:
    """Write what shards leave behind that are half done, on some other host."""
    with open(os.path.join(run, "plan", "id"), encoding="ascii") as file:
        plan = file.read().strip()
    width, nested = len(str(shards - 1)), shards > 1_000
    for shard in range(shards):
        block, name = shard // 1_000, f"s{shard:0{width}}"
        place = f"shards/{block}/{name}/7.1" if nested else f"shards/{name}/7.1"
        start = {"event": "start", "plan": plan, "submission": 1, "native_id": "7", "host": "n1"}
        start |= {"scheduler": "local", "restarts": 0, "pid": 7, "pid_start": 7, "boot": "b"}
        line = json.dumps(start | {"time": 1.7e9, "dir": place})
        with open(f"{run}/records/{block}/{shard}.7.1.jsonl", "w", encoding="utf-8") as file:
            file.write(f"{line}\n")
        os.makedirs(f"{run}/{place}")
        first = shard * _PER_SHARD + 1
        with open(f"{run}/{place}/ledger", "w", encoding="utf-8") as file:
            file.writelines(f"{first + number}\n" for number in range(_PER_SHARD // 2))
