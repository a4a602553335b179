"""Processes of jobs that outlive their slurmd: when it stops, slurmstepd and the jobs go on, to be
found again by the next one. A cluster that is taken down has no next one.
"""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

from tests.clusters import cgroups
from tests.clusters.daemons import poll, start_time

if TYPE_CHECKING:
    from collections.abc import Mapping


def end_jobs(conf: Path, node_logs: Mapping[str, Path]) -> list[int]:
    """Kill the processes of jobs on some nodes of the cluster with this slurm.conf; says which.

    slurmstepd dies first, so that nobody reports how the others ended: as in a power cut.
    """
    parents = {pid: parent_of(pid) for pid in map(int, filter(str.isdigit, os.listdir("/proc")))}
    stepds = [pid for pid in parents if is_stepd(pid, set(node_logs.values()))]
    doomed = {pid for pid in parents if pid in stepds or is_job(pid, conf, set(node_logs))}
    while more := {pid for pid, parent in parents.items() if parent in doomed} - doomed:
        doomed |= more
    started = {pid: start_time(pid) for pid in [*stepds, *doomed]}
    for pid in started:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        cgroups.thaw(pid)

    def gone() -> bool:
        return all(
            start_time(pid) is None or start_time(pid) != was for pid, was in started.items()
        )

    poll(gone, f"processes of jobs to end: {sorted(doomed)}", 10.0)
    return sorted(doomed)


def parent_of(pid: int) -> int | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    return int(stat.rpartition(")")[2].split()[1])


def is_stepd(pid: int, logs: set[Path]) -> bool:
    """A slurmstepd writes into the log of its slurmd; its environment is partly overwritten."""
    try:
        comm = Path(f"/proc/{pid}/comm").read_text(encoding="utf-8", errors="replace")
        if not comm.startswith("slurmstepd"):
            return False
        links = [os.readlink(entry.path) for entry in os.scandir(f"/proc/{pid}/fd")]
    except OSError:
        return False
    return bool(logs & set(map(Path, links)))


def is_job(pid: int, conf: Path, nodes: set[str]) -> bool:
    """A process of a job: not a shell in which somebody has set SLURM_CONF."""
    try:
        environ = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return False
    if os.fsencode(f"SLURM_CONF={conf}") not in environ:
        return False
    return any(f"SLURMD_NODENAME={node}".encode() in environ for node in nodes)
