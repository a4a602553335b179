"""Processes of a pool: its daemons, and those of jobs, which outlive daemons that are killed."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

from tests.clusters.condor_conf import NODES
from tests.clusters.daemons import poll, start_time

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


def of_pool(home: Path) -> list[int]:
    """Everything that runs for a pool: daemons, jobs, and what those have started."""
    configs = {f"CONDOR_CONFIG={path}" for path in home.glob("*.conf")}
    return find(lambda words: bool(configs & words) or is_job(words, f"{home}/execute."))


def of_node(home: Path, node: str) -> list[int]:
    """A node's startd, its starters, and their jobs."""
    config = f"CONDOR_CONFIG={home}/{node}.conf"
    return find(lambda words: config in words or is_job(words, f"{home}/execute.{node}/"))


def of_daemon(home: Path, name: str) -> int | None:
    """`schedd`, `negotiator`, `collector`, or the startd of a node."""
    node = name in NODES
    config = f"CONDOR_CONFIG={home}/{name if node else 'head'}.conf"
    comm = f"condor_{'startd' if node else name}"[:15]  # proc(5)
    for pid in map(int, filter(str.isdigit, os.listdir("/proc"))):
        with contextlib.suppress(OSError):
            text = Path(f"/proc/{pid}/comm").read_text(encoding="utf-8", errors="replace")
            if text.strip() == comm and config in environment_of(pid):
                return pid
    return None


def is_job(words: set[str], scratch: str) -> bool:
    """Whether an environment is that of a job whose scratch directory is there."""
    return any(word.startswith(f"_CONDOR_SCRATCH_DIR={scratch}") for word in words)


def find(wanted: Callable[[set[str]], bool]) -> list[int]:
    """Processes by their environment, and all their descendants."""
    parents = {pid: parent_of(pid) for pid in map(int, filter(str.isdigit, os.listdir("/proc")))}
    found = {pid for pid in parents if wanted(environment_of(pid))}
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return sorted(found)


def parent_of(pid: int) -> int | None:
    """Field 4 of proc(5) stat; None for a process that is gone or a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in {"Z", "X"} else int(fields[1])


def environment_of(pid: int) -> set[str]:
    try:
        return set(map(os.fsdecode, Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")))
    except OSError:
        return set()


def freeze(pids: Iterable[int]) -> None:
    """Let processes stand still: one that dies alone is reported by the others."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP)


def kill(pids: Iterable[int]) -> None:
    """End processes at once, and wait until they are gone."""
    started = {pid: start_time(pid) for pid in pids}
    for pid in started:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)

    def gone() -> bool:
        now = {pid: start_time(pid) for pid in started}
        return all(now[pid] is None or now[pid] != was for pid, was in started.items())

    poll(gone, f"processes to end: {sorted(started)}", 10.0)
