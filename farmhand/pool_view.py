"""What a person sees of the pool: a bar on a terminal, or the jobs' own output."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from collectors.run_facts import RunFacts
from farmhand.progress import Bar
from manifest.units import format_bytes
from runners.follow import Follower
from runners.pool import Ended, Job


class PoolView:
    """Listens to the pool."""

    def __init__(self, facts: RunFacts, total: int, *, foreground: bool) -> None:
        """``foreground`` shows what the jobs print instead of a bar."""
        self._run = facts.run
        self._bar = Bar("running", 0 if foreground else total, eta=True)
        self._follower = Follower(sys.stdout.buffer) if foreground else None
        self._following: str | None = None
        self._done = self._failed = 0
        self._begun = time.monotonic()

    def __enter__(self) -> Self:
        """Begin to show."""
        self._bar.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Take the bar away."""
        self._bar.__exit__(kind, value, trace)

    def elapsed(self) -> float:
        """Return the seconds since the view was made."""
        return time.monotonic() - self._begun

    def started(self, job: Job, pid: int) -> None:
        """Follow a job's output in the foreground."""
        del job
        if self._follower:
            self._following = str(pid)

    def ended(self, ended: Ended) -> None:
        """Count, and show the rest of a job's output."""
        self._done += 1
        self._failed += ended.code != 0
        self._follow()
        self._following = None

    def tick(self) -> None:
        """Draw."""
        self._follow()
        note = f"{self._failed} failed" if self._failed else ""
        self._bar.update(self._done, note=note)

    def _follow(self) -> None:
        if self._follower and self._following:
            self._follower.poll(_streams(self._run, self._following))


def _streams(run: str, native_id: str) -> list[str]:
    """Return stdout and stderr of the attempt of a payload (attempts begin with its pid)."""
    found = []
    for folder, names, _ in os.walk(os.path.join(run, "shards")):
        for name in names:
            if name.startswith(native_id + "."):
                found += [os.path.join(folder, name, stream) for stream in ("stdout", "stderr")]
        names[:] = [name for name in names if name.count(".") < 2]  # noqa: PLR2004 (no attempts)
    return found


def free_space_check(run: str, least: int) -> Callable[[], str | None]:
    """Return the pool's question whether there is still room."""

    def check() -> str | None:
        free = shutil.disk_usage(run).free
        if free >= least:
            return None
        return (
            f"only {format_bytes(free)} are free, less than --min-free {format_bytes(least)}: "
            "no more shards are started"
        )

    return check
