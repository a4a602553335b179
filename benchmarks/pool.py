"""Rows for what a job costs: the local pool, its payload, and plain ways to start many commands."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

from benchmarks.measure import Cost, cost_of, side_by_side
from benchmarks.runs import rendered
from benchmarks.table import Row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

JOBS = "2"


def pool_rows(folder: str, jobs: int, times: int) -> Iterator[Row]:
    """Measure ``jobs`` jobs of ``true``; every time shown is a job's share of the whole wall."""
    numbers = os.path.join(folder, "numbers")
    with open(numbers, "w", encoding="ascii") as file:
        file.writelines(f"{number}\n" for number in range(jobs))

    def fresh(verb: Callable[[str], Cost]) -> Cost:
        run = rendered(folder, jobs, "pool")
        cost = verb(run)
        shutil.rmtree(run)
        return cost

    def xargs_payload(run: str, parallel: str = JOBS) -> Cost:
        return cost_of(["xargs", "-P", parallel, "-n", "1", *payload(run)], stdin=numbers)

    pool, xargs, bare = side_by_side(
        times,
        lambda: fresh(lambda run: cost_of(["farmhand", "run", run, "--jobs", JOBS])),
        lambda: fresh(xargs_payload),
        lambda: cost_of(["xargs", "-P", JOBS, "-n", "1", "true"], stdin=numbers),
    )
    yield Row("run, a job, 2 at a time", jobs, pool, "xargs -P2, same payload", xargs, per=jobs)
    yield Row("payload by xargs -P2, a job", jobs, xargs, "xargs -P2 true", bare, per=jobs)
    gnu = gnu_parallel()
    if gnu is None:
        yield Row(
            "run, a job, 2 at a time", jobs, pool, "parallel -j2 true: not installed", per=jobs
        )
    else:
        (other,) = side_by_side(times, lambda: cost_of([*gnu, "true"], stdin=numbers))
        yield Row("run, a job, 2 at a time", jobs, pool, "parallel -j2 true", other, per=jobs)
    alone, nothing = side_by_side(
        times,
        lambda: fresh(lambda run: xargs_payload(run, "1")),
        lambda: cost_of(["xargs", "-n", "1", "true"], stdin=numbers),
    )
    yield Row("payload, a job, 1 at a time", jobs, alone, "xargs true", nothing, per=jobs)


def payload(run: str) -> list[str]:
    """Return the words that start a run's payload; a shard's number comes after them."""
    with open(os.path.join(run, "plan/id"), encoding="ascii") as file:
        plan_id = file.read().strip()
    return ["bash", os.path.join(run, "plan/shard.sh"), plan_id, "1", "local", "-", "0", "0"]


def gnu_parallel() -> list[str] | None:
    """Return the words that start GNU parallel, or None: other programs have the name too."""
    if shutil.which("parallel") is None:
        return None
    said = subprocess.run(["parallel", "--version"], capture_output=True, text=True, check=False)
    return ["parallel", "-j", JOBS, "-n", "1"] if said.stdout.startswith("GNU parallel") else None
