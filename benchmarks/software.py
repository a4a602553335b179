"""Rows for what provenance and bundles add to a job: the payload with them beside it without."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

from benchmarks.measure import Cost, cost_of, side_by_side
from benchmarks.pool import payload
from benchmarks.runs import render
from benchmarks.table import Row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FILES = 50
"""Files of the bundle and of the checkout, 4 KB each."""


def software_rows(folder: str, jobs: int, times: int) -> Iterator[Row]:
    """Measure ``jobs`` jobs of ``true``, one at a time; every time shown is a job's share."""
    numbers = os.path.join(folder, "software-numbers")
    with open(numbers, "w", encoding="ascii") as file:
        file.writelines(f"{number}\n" for number in range(jobs))
    code = os.path.join(folder, "code")
    _write_checkout(code)
    cache = os.path.join(folder, "bundles")
    asked: dict[str, dict[str, Any]] = {
        "nothing": {},
        "10 variables": {"provenance": {"environment": "BENCH_*"}},
        "a version (echo)": {"provenance": {"versions": {"a": "echo 1"}}},
        "a checkout": {"provenance": {"checkouts": {"code": code}}},
        "a bundle in a cache": {"bundle": {"directory": code, "cache": cache}},
        "a bundle": {"bundle": {"directory": code}},
    }
    os.environ.update({f"BENCH_{number}": f"/opt/{number}" for number in range(10)})

    def job(more: dict[str, Any]) -> Callable[[], Cost]:
        return lambda: _jobs(folder, numbers, jobs, more)

    nothing, *others = side_by_side(times, *map(job, asked.values()))
    for what, cost in zip(list(asked)[1:], others, strict=True):
        yield Row(f"payload with {what}, a job", jobs, cost, "asked for nothing", nothing, per=jobs)


def _jobs(folder: str, numbers: str, jobs: int, more: dict[str, Any]) -> Cost:
    spec = {"name": "bench", "work": {"count": jobs}, "shards": jobs, "command": ["true"], **more}
    path = os.path.join(folder, "software.json")
    with open(path, "w", encoding="utf-8") as file:
        json.dump(spec, file)
    render(path, folder, "software")
    run = os.path.join(folder, "software")
    cost = cost_of(["xargs", "-n", "1", *payload(run)], stdin=numbers)
    shutil.rmtree(run)
    return cost


def _write_checkout(code: str) -> None:
    os.mkdir(code)
    for number in range(FILES):
        with open(os.path.join(code, f"{number}.py"), "w", encoding="ascii") as file:
            file.write(f"# {number}\n" * 700)
    as_me = ("-c", "user.name=me", "-c", "user.email=me@example.org")
    for words in (("init", "-q"), ("add", "."), (*as_me, "commit", "-qm", "first")):
        subprocess.run(["git", *words], cwd=code, check=True)
