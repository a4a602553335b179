"""What this host knows now: the clock, its processes, and what was asked for."""

from __future__ import annotations

import os
import time

from collectors.fold import here
from collectors.log_tail import first_error
from collectors.records import Attempt
from collectors.verdicts import Limits, World
from manifest.header import Header
from runners import processes


def make_world(run: str, header: Header) -> World:
    """Return the world for judging a run."""
    host = here()
    limits = {
        submission.id: Limits(
            walltime=submission.resources.get("walltime"),
            grace=submission.resources.get("grace"),
            memory=submission.resources.get("memory"),
        )
        for submission in header.submissions
    }

    def alive(attempt: Attempt) -> bool | None:
        if attempt["host"] != host or attempt["pid"] is None or attempt["pid_start"] is None:
            return None
        return processes.alive(attempt["pid"], attempt["pid_start"], attempt["boot"] or "")

    def tail(attempt: Attempt) -> str:
        folder = attempt["dir"]
        return first_error(os.path.join(run, folder, "stderr")) if folder else ""

    return World(time.time(), host, alive, limits, tail)
