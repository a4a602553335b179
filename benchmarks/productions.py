"""Rows for event productions: a plan of ranges of events, and a job that finds its file cached."""

from __future__ import annotations

import json
import os
import shutil
from typing import TYPE_CHECKING, Any

from benchmarks.measure import Cost, baseline, cost_of, side_by_side
from benchmarks.pool import payload
from benchmarks.runs import render
from benchmarks.table import Row

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

RANGES = 100
"""Shards of a file."""
EVENTS = 1_000
"""Events of a shard."""
BYTES = 10_000_000
"""Of the file that is copied."""


def range_rows(folder: str, shards: int, times: int) -> Iterator[Row]:
    """Measure render of a list of files in ranges of events, beside writing the same bytes."""
    files = (f"root://host//gen/ep_{n}.hepmc" for n in range(shards // RANGES))
    spec = _spec(folder, "ranges", files, RANGES)
    rendered, copy = os.path.join(folder, "rendered"), os.path.join(folder, "copy")

    def ours() -> Cost:
        shutil.rmtree(rendered, ignore_errors=True)
        return render(spec, folder, "rendered", "local")

    def raw() -> Cost:
        shutil.rmtree(copy, ignore_errors=True)
        return baseline("write", rendered, copy)

    cost, theirs = side_by_side(times, ours, raw)
    shutil.rmtree(rendered)
    shutil.rmtree(copy)
    yield Row("render, ranges of events", shards, cost, "writing the same bytes", theirs)


def cache_rows(folder: str, jobs: int, times: int) -> Iterator[Row]:
    """Measure jobs whose file is in the node's cache; times are a job's share of the wall."""
    source, numbers = os.path.join(folder, "source"), os.path.join(folder, "numbers")
    with open(source, "wb") as content:
        content.write(os.urandom(BYTES))
    with open(numbers, "w", encoding="ascii") as file:
        file.writelines(f"{number}\n" for number in range(jobs))
    cache = os.path.join(folder, "cache")
    staged = _spec(folder, "staged", [f"file://{source}"], jobs, cache)
    plain = _spec(folder, "plain", [source], jobs)

    def ran(spec: str, name: str) -> Cost:
        render(spec, folder, name, "local")
        run = os.path.join(folder, name)
        words = payload(run)
        cost_of([*words, "0"])  # which copies it
        cost = cost_of(["xargs", "-n", "1", *words], stdin=numbers)
        shutil.rmtree(run)
        return cost

    hit, without, copied = side_by_side(
        times,
        lambda: ran(staged, "staged"),
        lambda: ran(plain, "plain"),
        lambda: cost_of(
            ["xargs", "-I{}", "cp", source, os.path.join(folder, "bare")], stdin=numbers
        ),
    )
    what = "payload, its file in the cache, a job"
    yield Row(what, jobs, hit, "the same, nothing staged", without, per=jobs)
    yield Row(what, jobs, hit, "cp of the 10 MB", copied, per=jobs)


def _spec(
    folder: str, name: str, files: Iterable[str], ranges: int, cache: str | None = None
) -> str:
    listed = os.path.join(folder, f"{name}.list")
    with open(listed, "w", encoding="ascii") as file:
        file.writelines(f"{one} {ranges * EVENTS}\n" for one in files)
    spec: dict[str, Any] = {
        "name": name,
        "work": {"events": listed, "events_per_job": EVENTS},
        "shard_name": "{{ dataset }}_%03d_%07d_%05d",
        "command": ["true", "{{ chunk.files }}", "{{ shard.first_event }}", "{{ shard.size }}"],
    }
    if cache is not None:
        spec["staging"] = {"cache": cache}
    path = os.path.join(folder, f"{name}.json")
    with open(path, "w", encoding="ascii") as file:
        json.dump(spec, file)
    return path
