"""Measures farmhand beside the plainest programs that move the same bytes; `make bench` runs this.

    python -m benchmarks.run [--shards 1000,10000,100000] [--quick] [--work-dir DIR]

Prints one Markdown table; what it is doing goes to standard error. Everything is measured with a
warm page cache: the files were written just before.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import sys
import tempfile
from typing import TYPE_CHECKING

from benchmarks.condor_log import condor_log_rows
from benchmarks.destinations import destination_rows
from benchmarks.grids import grid_rows
from benchmarks.hosts import host_rows
from benchmarks.items import item_rows
from benchmarks.keyed_tables import keyed_table_rows
from benchmarks.lsf_reports import lsf_report_rows
from benchmarks.measure import RSS_UNIT
from benchmarks.pool import pool_rows
from benchmarks.productions import cache_rows, range_rows
from benchmarks.root_files import root_rows
from benchmarks.slurm_accounting import slurm_accounting_rows
from benchmarks.software import software_rows
from benchmarks.startup import startup_rows
from benchmarks.sweeps import sweep_rows
from benchmarks.table import Row, markdown
from benchmarks.timing_logs import timing_rows
from benchmarks.verbs import chunk_rows, collect_rows, merge_rows, render_rows

if TYPE_CHECKING:
    from collections.abc import Iterator


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="make bench BENCH=…", description="Measure farmhand.")
    parser.add_argument(
        "--shards",
        type=lambda text: [int(number) for number in text.split(",")],
        default=[1_000, 10_000, 100_000],
        metavar="N,N,…",
        help="sizes of the runs (default: 1000,10000,100000)",
    )
    parser.add_argument("--jobs", type=int, default=2_000, help="jobs of `true` (default: 2000)")
    parser.add_argument("--quick", action="store_true", help="1,000 shards, 200 jobs, each once")
    parser.add_argument("--work-dir", help="where to write (default: the temporary directory)")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.shards, arguments.jobs = [1_000], 200
    return arguments


def all_rows(folder: str, arguments: argparse.Namespace) -> Iterator[Row]:
    """Measure everything that was asked for, cheap things first."""
    times = 1 if arguments.quick else 3
    yield from startup_rows(5 * times)
    yield from pool_rows(folder, arguments.jobs, times)
    yield from cache_rows(folder, arguments.jobs // 4, times)
    yield from software_rows(folder, arguments.jobs, times)
    yield from root_rows(folder, times)
    few = arguments.quick
    yield from item_rows(folder, *((10_000, 1_000) if few else (1_000_000, 10_000)), times)
    yield from timing_rows(folder, 1_000 if arguments.quick else 10_000, times)
    yield from grid_rows(folder, 20 if arguments.quick else 100, times)
    yield from keyed_table_rows(folder, 1_000, times)
    yield from host_rows(folder, quick=arguments.quick, times=times)
    yield from sweep_rows(folder, 1_000, times)
    for shards in arguments.shards:
        for scheduler in ("local", "slurm", "htcondor", "lsf"):
            yield from render_rows(folder, shards, times, scheduler)
        yield from range_rows(folder, shards, times)
        yield from collect_rows(folder, shards, times)
        yield from chunk_rows(folder, shards, times)
        yield from merge_rows(folder, shards, times)
        yield from destination_rows(folder, shards, times)
        yield from slurm_accounting_rows(folder, shards, times)
        yield from condor_log_rows(folder, shards, times)
        yield from lsf_report_rows(folder, shards, times)


def own_peak() -> float:
    """Return the peak memory of this process in MB: a child's peak begins there."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak * RSS_UNIT / (1 << 20)


def main() -> None:
    """Measure, saying what; print the table at the end."""
    arguments = parse_arguments()
    rows = []
    with tempfile.TemporaryDirectory(prefix="farmhand-bench-", dir=arguments.work_dir) as folder:
        for row in all_rows(folder, arguments):
            print("measured:", *filter(None, row.cells()), file=sys.stderr, flush=True)
            rows.append(row)
    print(
        f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.system()} "
        f"{platform.machine()}; median of {1 if arguments.quick else 3}, warm page cache. "
        f"Peaks below {own_peak():.0f} MB, those of the measuring process, cannot be told.\n"
    )
    print(markdown(rows))


if __name__ == "__main__":
    main()
