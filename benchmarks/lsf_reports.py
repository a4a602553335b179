"""A row for reading LSF's job reports, beside reading the bytes of the same files.

    python -m benchmarks.lsf_reports write JOBS FOLDER   write the reports of jobs, a file each
    python -m benchmarks.lsf_reports read FOLDER         read them as collect does
    python -m benchmarks.lsf_reports again FOLDER        find that all of them have been read
    python -m benchmarks.lsf_reports bytes FOLDER        read the files, nothing more

The last three print the seconds that took and the peak memory of the process in bytes.
"""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from benchmarks.measure import ROOT, RSS_UNIT, Cost, side_by_side
from benchmarks.table import Row
from collectors.lsf_files import KEPT, Names, SubmissionReports
from manifest.arrays import array_sizes
from manifest.header import Submission

if TYPE_CHECKING:
    from collections.abc import Iterator

LARGEST = 1000
SCRIPT = "\n".join(f"echo a line of a script that has some {number}" for number in range(45))
KILLED = "TERM_{}: job killed after reaching LSF"
ENDS = (("Done", "Successfully completed."),) * 17 + (
    ("Exited", "Exited with exit code 3."),
    ("Exited", f"{KILLED} run time limit.\nExited with exit code 140.".format("RUNLIMIT")),
    ("Exited", f"{KILLED} memory usage limit.\nExited with exit code 137.".format("MEMLIMIT")),
)


def lsf_report_rows(folder: str, jobs: int, times: int) -> Iterator[Row]:
    """Measure the reports of arrays of ``jobs`` elements."""
    place = os.path.join(folder, f"lsf-{jobs}")
    helper = [sys.executable, "-m", "benchmarks.lsf_reports"]
    subprocess.run([*helper, "write", str(jobs), place], cwd=ROOT, check=True)

    def child(verb: str) -> Cost:
        done = subprocess.run(
            [*helper, verb, place], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True
        )
        seconds, peak = done.stdout.split()
        return Cost(float(seconds), int(peak))

    ours, theirs = side_by_side(times, lambda: child("read"), lambda: child("bytes"))
    yield Row("read LSF job reports", jobs, ours, "read their bytes", theirs)
    ours, theirs = side_by_side(times, lambda: child("again"), lambda: child("bytes"))
    yield Row("LSF job reports, none new", jobs, ours, "read their bytes", theirs)
    shutil.rmtree(place)


def report(job: int, index: int, size: int) -> str:
    """Return a report in the layout of LSF 10.1."""
    outcome, said = ENDS[index * 7 % len(ENDS)]
    begin, end = (f"Sun Nov 22 07:{minute:02}:{index % 60:02} 2026" for minute in (18, 41))
    name, inside = f"toys-20251009-085320.1.array{job}[1-{size}]", "in cluster <farm>"
    host = f"node{index % 400:04}"
    usage = {
        "CPU time": f"{index % 997}.00 sec.",
        "Max Memory": f"{index % 900 + 90} MB",
        "Average Memory": f"{index % 900 + 20}.17 MB",
        "Total Requested Memory": "2000.00 MB",
        "Delta Memory": "13.00 MB",
        "Max Swap": "-",
        "Max Processes": "4",
        "Max Threads": "8",
        "Run time": "1380 sec.",
        "Turnaround time": "1400 sec.",
    }
    dashes = "-" * 60
    lines = [
        "Sender: LSF System <lsfadmin@node0001>",
        f"Subject: Job {job}[{index}]: <{name}> {inside} {outcome}\n",
        f"Job <{name}> was submitted from host <login> by user <me> {inside} at {begin}",
        f"Job was executed on host(s) <{host}>, in queue <1nh>, as user <me> {inside} at {begin}",
        "</home/me> was used as the home directory.",
        "</home/me/studies/toys> was used as the working directory.",
        f"Started at {begin}\nTerminated at {end}\nResults reported at {end}\n",
        f"Your job looked like:\n\n{dashes}\n# LSBATCH: User input\n{SCRIPT}\n\n{dashes}\n",
        f"{said}\n\nResource usage summary:\n",
        *(f"    {f'{what} :':45}{amount}" for what, amount in usage.items()),
        "\nThe output (if any) follows:\n\n",
    ]
    return "\n".join(lines)


def submission(jobs: int) -> Submission:
    """Return the submission that those jobs are of."""
    return Submission(
        id=1,
        scheduler="lsf",
        shards=f"0-{jobs - 1}",
        shards_per_job=1,
        arrays=array_sizes(jobs, 1, LARGEST),
        resources={"memory": 2000 << 20, "walltime": 1380},
        created_at_utc="2026-11-22T07:00:00Z",
    )


def main(arguments: list[str]) -> None:
    """Do one of the four."""
    verb, *rest = arguments
    if verb == "write":
        for part, size in enumerate(submission(int(rest[0])).arrays, start=1):
            os.makedirs(os.path.join(rest[1], f"array{part}"))
            for index in range(1, size + 1):
                path = os.path.join(rest[1], f"array{part}", f"{part}.{index}.out")
                with open(path, "w", encoding="ascii") as file:
                    file.write(report(part, index, size))
        return
    folder = rest[0]
    paths = [
        os.path.join(entry.path, name)
        for entry in os.scandir(folder)
        if entry.is_dir()
        for name in os.listdir(entry.path)
    ]
    kept = os.path.join(folder, KEPT)
    if verb == "read" and os.path.exists(kept):
        os.remove(kept)
    start = time.perf_counter()
    if verb == "bytes":
        count = 0
        for path in paths:
            with open(path, "rb") as stream:
                count += bool(stream.read())
    else:
        reports = SubmissionReports(folder, submission(len(paths)))
        reports.recall()
        reports.read(Names(folder, len(paths)), lambda _: None)
        reports.keep()
        count = sum(told.settled for told in reports.told.values())
    seconds = time.perf_counter() - start
    assert count == len(paths)
    print(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * RSS_UNIT)


if __name__ == "__main__":
    main(sys.argv[1:])
