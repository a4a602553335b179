"""Rows for reading HTCondor's event log, beside a bare loop of HTCondor's own reader.

    python -m benchmarks.condor_log write JOBS FILE   write the log of jobs with five events each
    python -m benchmarks.condor_log read FILE         read it as collect does, and keep the result
    python -m benchmarks.condor_log again FILE        take that up, and read one more job
    python -m benchmarks.condor_log loop FILE         loop over the events, nothing more

The last three print the seconds that took and the peak memory of the process in bytes.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import htcondor2

from benchmarks.measure import ROOT, RSS_UNIT, Cost, side_by_side
from benchmarks.table import Row
from collectors.condor import SubmissionLog

if TYPE_CHECKING:
    from collections.abc import Iterator

UUID = "9110a263-c9b0-47bc-a819-467653fbaa15"
HOST = "<127.0.0.1:22771?addrs=127.0.0.1-22771&alias=head.farm&noUDP&sock=schedd_6559_81c5>"
USAGE = "".join(
    f"\t\tUsr 0 00:00:00, Sys 0 00:00:00  -  {kind} Usage\n"
    for kind in ("Run Remote", "Run Local", "Total Remote", "Total Local")
)
BYTES = "".join(
    f"\t590  -  {kind} By Job\n"
    for kind in ("Run Bytes Sent", "Run Bytes Received", "Total Bytes Sent", "Total Bytes Received")
)


def condor_log_rows(folder: str, jobs: int, times: int) -> Iterator[Row]:
    """Measure a log of ``jobs`` jobs that have ended."""
    log = os.path.join(folder, f"condor-{jobs}.log")
    helper = [sys.executable, "-m", "benchmarks.condor_log"]
    subprocess.run([*helper, "write", str(jobs), log], cwd=ROOT, check=True)

    def child(verb: str) -> Cost:
        if verb == "read" and os.path.exists(f"{log}.read"):
            os.remove(f"{log}.read")
        done = subprocess.run(
            [*helper, verb, log], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True
        )
        seconds, peak = done.stdout.split()
        return Cost(float(seconds), int(peak))

    ours, theirs = side_by_side(times, lambda: child("read"), lambda: child("loop"))
    yield Row("read an event log", jobs, ours, "HTCondor's reader, bare", theirs)
    ours, theirs = side_by_side(times, lambda: child("again"), lambda: child("loop"))
    yield Row("event log, one job new", jobs, ours, "HTCondor's reader, bare", theirs)
    os.remove(log)


def events(job: int) -> str:
    """Return five events as HTCondor 23.9 writes them."""
    hour, minute, second = 10 + job // 36_000 % 10, job // 600 % 60, job // 10 % 60
    at = f"(012.{job:03}.000) 2026-11-23 {hour}:{minute:02}:{second:02}"
    code = 3 if job % 20 == 0 else 0
    return (
        f"000 {at} Job submitted from host: {HOST}\n    farmhand {UUID} 1 {job} shared\n...\n"
        f"001 {at} Job executing on host: {HOST}\n\tSlotName: slot1_1@n{job % 400}.farm\n"
        '\tCondorScratchDir = "/var/lib/condor/execute/dir_19226"\n'
        "\tCpus = 1\n\tDisk = 2048\n\tGPUs = 0\n\tMemory = 128\n...\n"
        f"006 {at} Image size of job updated: 2500\n\t3  -  MemoryUsage of job (MB)\n"
        "\t2500  -  ResidentSetSize of job (KB)\n...\n"
        f"006 {at} Image size of job updated: 90000\n\t88  -  MemoryUsage of job (MB)\n"
        "\t90000  -  ResidentSetSize of job (KB)\n...\n"
        f"005 {at} Job terminated.\n\t(1) Normal termination (return value {code})\n{USAGE}{BYTES}"
        "\tPartitionable Resources :    Usage  Request Allocated \n"
        "\t   Cpus                 :        0        1         1 \n"
        "\t   Memory (MB)          :       88      100       128 \n\n"
        f"\tJob terminated of its own accord at 2026-11-23T13:14:24Z with exit-code {code}.\n...\n"
    )


def main(arguments: list[str]) -> None:
    """Do one of the four."""
    verb, *rest = arguments
    if verb == "write":
        with open(rest[1], "w", encoding="ascii") as file:
            file.writelines(map(events, range(int(rest[0]))))
        return
    start = time.perf_counter()
    if verb == "loop":
        count = sum(1 for _ in htcondor2.JobEventLog(rest[0]).events(0))
    else:
        if verb == "again":
            with open(rest[0], "a", encoding="ascii") as file:
                file.write(events(999_999))
            start = time.perf_counter()
        log = SubmissionLog(rest[0])
        log.recall()
        log.read(UUID)
        log.keep()
        count = len(log.jobs)
    seconds = time.perf_counter() - start
    assert count
    print(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * RSS_UNIT)


if __name__ == "__main__":
    main(sys.argv[1:])
