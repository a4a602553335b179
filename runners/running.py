"""A payload while it runs: what is kept of it until it ends."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from runners.job import Ended, Job

if TYPE_CHECKING:
    import resource

    from runners.peak import PeakFloor

_BY_SIGNAL = 128


@dataclass(frozen=True, slots=True)
class Running:
    """A started job; ``started_at`` is seconds since the epoch, ``begun`` is monotonic."""

    job: Job
    pid_start: int
    started_at: float
    begun: float

    def ended(
        self,
        pid: int,
        status: int,
        usage: resource.struct_rusage,
        peaks: PeakFloor,
        sampled: int | None,
    ) -> Ended:
        """Return how it ended, from what wait4(2) said; `sampled`: the most it was seen to hold."""
        by_signal = os.WIFSIGNALED(status)
        waited = peaks.known(usage.ru_maxrss * 1024)
        together = sampled is not None and sampled > (waited or 0)
        return Ended(
            shard=self.job.shard,
            pid=pid,
            status=status,
            code=_BY_SIGNAL + os.WTERMSIG(status) if by_signal else os.WEXITSTATUS(status),
            wall_s=time.monotonic() - self.begun,
            cpu_s=usage.ru_utime + usage.ru_stime,
            peak_bytes=sampled if together else waited,
            peak_source="sampled" if together else "wait4" if waited else None,
            started_at=self.started_at,
        )
