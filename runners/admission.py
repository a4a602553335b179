"""Which job starts next: requests stay within the room, and no job waits for ever.

Jobs start in order. One that does not fit waits, and smaller ones may pass it: at most as many as
ran when it became the first to wait. Then nothing else starts until it fits, so that a large job is
delayed by about one generation of small ones, and not by all of them.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from manifest.units import format_bytes
from runners.job import Ask

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from runners.job import Job
    from runners.room import Room

_WINDOW = 1000  # waiting jobs that are known; beyond them nobody looks for one that fits
_SLACK = 20  # what is free changes by a little all the time: this part of the room does not count


class Admission:
    """Hands out jobs, and knows what the running ones asked for."""

    def __init__(self, jobs: Iterator[Job], room: Room, passed_over: Collection[int] = ()) -> None:
        """Take no job yet; those of the shards `passed_over` are dropped."""
        self._jobs, self._room, self._passed_over = jobs, room, passed_over
        self._inside: dict[int, Ask] = {}
        self._cpus = self._memory = 0
        self._back: Job | None = None
        self._waiting: dict[Ask, deque[Job]] = {}
        self._waits = self._patience = 0
        self._drained = False
        self.dropped = 0
        self.spare: int | None = None
        """Bytes that nobody uses or will claim, as seen last; None: not looked at."""

    @property
    def over(self) -> bool:
        """Return whether there is no further job."""
        return self._drained and not self._waiting and self._back is None

    @property
    def inside(self) -> dict[int, Ask]:
        """Return what each running job asked for, by process id."""
        return self._inside

    @property
    def why_waiting(self) -> str | None:
        """Return what the first in the queue waits for when nothing else runs."""
        first = next(iter(self._waiting), None)
        if first is None or self._inside or first.memory is None or self.spare is None:
            return None
        return f"a job of {format_bytes(first.memory)} waits: {format_bytes(self.spare)} are free"

    def enter(self, pid: int, ask: Ask) -> None:
        """Count a job that runs now; one process counts once."""
        if pid in self._inside:
            return
        self._inside[pid] = ask
        self._cpus += ask.cpus
        self._memory += ask.memory or 0
        if self.spare is not None:
            self.spare -= ask.memory or 0

    def leave(self, pid: int) -> None:
        """Count it no longer."""
        ask = self._inside.pop(pid, None)
        if ask is not None:
            self._cpus -= ask.cpus
            self._memory -= ask.memory or 0

    def put_back(self, job: Job) -> None:
        """Keep a job that was taken and could not be started: it is the next."""
        self._back = job

    def take(self, others: int = 0) -> Job | None:
        """Return a job that may start now.

        Args:
            others: places taken by what is being ended.
        """
        if not self._fits(Ask(1), others):
            return None
        if self._back is not None:
            back, self._back = self._back, None
            return back
        job = self._waiting_one(others)
        if job is not None or (self._waiting and self._patience <= 0):
            return job
        return self._next_one(others)

    def _waiting_one(self, others: int) -> Job | None:
        for place, ask in enumerate(self._waiting):
            if self._fits(ask, others):
                if place:
                    self._patience -= 1
                return self._let_in(ask, first=place == 0)
            if place == 0 and self._patience <= 0:
                return None
        return None

    def _let_in(self, ask: Ask, *, first: bool) -> Job:
        queue = self._waiting.pop(ask)
        job = queue.popleft()
        self._waits -= 1
        if queue:
            self._waiting[ask] = queue  # behind the other sizes
        if first:
            self._patience = max(1, len(self._inside))
        return job

    def _next_one(self, others: int) -> Job | None:
        while self._waits < _WINDOW:
            job = next(self._jobs, None)
            if job is None:
                self._drained = True
                return None
            if job.shard in self._passed_over:
                self.dropped += 1
            elif self._fits(job.ask, others):
                self._patience -= bool(self._waiting)
                return job
            else:
                if not self._waiting:
                    self._patience = max(1, len(self._inside))
                self._waiting.setdefault(job.ask, deque()).append(job)
                self._waits += 1
        return None

    def _fits(self, ask: Ask, others: int) -> bool:
        room = self._room
        if room.jobs is not None and len(self._inside) + others >= room.jobs:
            return False
        if room.cores is not None and self._cpus + others + ask.cpus > room.cores:
            return False
        if not ask.memory or room.memory is None:
            return True
        if self._memory + ask.memory > room.memory:
            return False
        return self.spare is None or ask.memory <= self.spare + room.memory // _SLACK
