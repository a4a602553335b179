"""A row for reading SLURM's accounting, beside splitting the same listing into its columns.

    python -m benchmarks.slurm_accounting write ELEMENTS FILE   write a listing of an array
    python -m benchmarks.slurm_accounting read FILE             read it as collect does
    python -m benchmarks.slurm_accounting split FILE            split its lines, nothing more

The last two print the seconds that took, without the start of the interpreter and the reading of
the file, and the peak memory of the process in bytes.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from benchmarks.measure import ROOT, RSS_UNIT, Cost, side_by_side
from benchmarks.table import Row
from collectors.slurm_rows import DELIMITER
from collectors.slurm_sacct import FIELDS, read_sacct

if TYPE_CHECKING:
    from collections.abc import Iterator

ARRAY = 6_630_000
EPOCH = 1_760_000_000
RUN = "/home/farmer/studies/toys/runs/toys-20251009-085320"
OUTCOMES = (("COMPLETED", "0:0"),) * 17 + (
    ("FAILED", "1:0"),
    ("TIMEOUT", "0:0"),
    ("OUT_OF_MEMORY", "0:125"),
)


def slurm_accounting_rows(folder: str, elements: int, times: int) -> Iterator[Row]:
    """Measure an array whose elements have two steps each: three lines an element."""
    listing = os.path.join(folder, f"sacct-{elements}")
    helper = [sys.executable, "-m", "benchmarks.slurm_accounting"]
    subprocess.run([*helper, "write", str(elements), listing], cwd=ROOT, check=True)

    def child(verb: str) -> Cost:
        done = subprocess.run(
            [*helper, verb, listing], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True
        )
        seconds, peak = done.stdout.split()
        return Cost(float(seconds), int(peak))

    ours, theirs = side_by_side(times, lambda: child("read"), lambda: child("split"))
    os.remove(listing)
    yield Row("read sacct's listing", elements, ours, "split every line", theirs)


def listing_lines(elements: int) -> Iterator[str]:
    """Yield the lines that sacct prints for an array, ``.batch`` and ``.extern`` included."""
    yield DELIMITER.join(FIELDS)
    for index in range(elements):
        state, code = OUTCOMES[index * 7 % len(OUTCOMES)]
        start = EPOCH + 600 + index // 40
        took = 40 + index * 13 % 900
        said = {
            "JobID": f"{ARRAY}_{index}",
            "State": state,
            "ExitCode": code,
            "Start": str(start),
            "End": str(start + took),
            "ElapsedRaw": str(took),
            "TotalCPU": f"{took // 60:02}:{took % 60:02}.{index % 1000:03}",
            "NodeList": f"node{index % 400:04}",
            "Submit": str(EPOCH),
            "ReqCPUS": "1",
            "AllocCPUS": "1",
        }
        job = said | {
            "TimelimitRaw": "240",
            "ReqMem": "2000M",
            "Reason": "None",
            "JobName": "toys-20251009-085320.1",
            "WorkDir": RUN,
            "SubmitLine": f"sbatch {RUN}/slurm_array_job.sh",
        }
        yield DELIMITER.join(job.get(field, "") for field in FIELDS)
        for step, peak in ("batch", f"{90_000 + index * 37 % 80_000}K"), ("extern", "0"):
            line = said | {"JobID": f"{ARRAY}_{index}.{step}", "MaxRSS": peak, "JobName": step}
            yield DELIMITER.join(line.get(field, "") for field in FIELDS)


def main(arguments: list[str]) -> None:
    """Do one of the three."""
    verb, *rest = arguments
    if verb == "write":
        with open(rest[1], "w", encoding="ascii") as file:
            file.writelines(f"{line}\n" for line in listing_lines(int(rest[0])))
        return
    with open(rest[0], encoding="ascii") as file:
        text = file.read()
    start = time.perf_counter()
    result = (
        read_sacct(text) if verb == "read" else [line.split(DELIMITER) for line in text.split("\n")]
    )
    seconds = time.perf_counter() - start
    assert result
    print(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * RSS_UNIT)


if __name__ == "__main__":
    main(sys.argv[1:])
