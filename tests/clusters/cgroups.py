"""Control groups of version 1: SLURM enforces memory and finds a job's processes by them."""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")


def can_be_made() -> bool:
    """Whether a cluster may have control groups here; version 2 is SLURM's with systemd only."""
    try:
        for controller in ("memory", "freezer"):
            os.rmdir(tempfile.mkdtemp(prefix="farmhand-", dir=ROOT / controller))
    except OSError:
        return False
    # Without it SLURM cannot limit swap, and a job that is too large is slow instead of killed.
    return (ROOT / "memory/memory.memsw.limit_in_bytes").exists()


def thaw(pid: int) -> None:
    """Let a process of a suspended job go on: while it is frozen no signal ends it."""
    with contextlib.suppress(OSError):
        text = Path(f"/proc/{pid}/cgroup").read_text(encoding="utf-8")
        found = re.search(r"^\d+:freezer:/(slurm\S*)$", text, re.MULTILINE)
        if found:
            (ROOT / "freezer" / found[1] / "freezer.state").write_text("THAWED", encoding="utf-8")


def remove(jobs: range) -> None:
    """Remove what is left of jobs whose slurmstepd was killed."""
    for job in ROOT.glob("*/slurm*/uid_*/job_*"):
        if int(job.name.removeprefix("job_")) in jobs:
            for folder, _, _ in os.walk(job, topdown=False):
                with contextlib.suppress(OSError):
                    os.rmdir(folder)
