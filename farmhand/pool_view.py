"""What people see of the pool: a bar or the jobs' own output, the run log and the status file."""

from __future__ import annotations

import os
import shutil
import socket
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from types import TracebackType
from typing import Any, Self

from collectors.pool_journal import read_journal
from farmhand.pool_log import RunLog
from farmhand.pool_status import StatusFile, remaining_text
from farmhand.progress import Bar
from manifest.units import format_bytes, format_duration, format_time
from reports.remaining import Clock, Remaining
from runners.follow import Follower
from runners.job import Adopted, Ended, Job, PoolResult, Seen
from runners.room import Room

_EVERY_S = 1.0  # the estimate and the status file are made anew


@dataclass(frozen=True, slots=True)
class Known:
    """What a view knows of the run it shows."""

    run: str
    kind: Callable[[int], str]
    name: Callable[[int], str]
    room: Room


@dataclass(slots=True)
class _Live:
    shard: int
    kind: str
    name: str
    since: float
    request: int | None


class PoolView:
    """Listens to the pool."""

    def __init__(
        self, known: Known, due: Iterable[int], adopted: Sequence[Adopted], *, foreground: bool
    ) -> None:
        """``foreground`` shows what the jobs print instead of a bar."""
        self._known = known
        self._left = Counter(map(known.kind, due))
        self._due = self._left.total()
        self._bar = Bar("running", 0 if foreground else self._due, narrow=True)
        self._follower = Follower(sys.stdout.buffer) if foreground else None
        self._following: str | None = None
        self._live: dict[int, _Live] = {}
        for each in adopted:
            self._enter(each.pid, each.shard, each.ask.memory)
        self._adopted = frozenset(each.pid for each in adopted)
        self._done = self._failed = 0
        self._clock = _learned(known)
        self._remaining: Remaining | None = None
        self._log, self._status = RunLog(known.run), StatusFile(known.run)
        self._begun = time.monotonic()
        self._next = 0.0
        self._waited = False

    def __enter__(self) -> Self:
        """Begin to show."""
        self._log.add(f"pool begins: pid {os.getpid()} on {socket.gethostname()}, {self._due} due")
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
        self._status.write(self._facts(Seen({}, {}), "ended"))
        self._log.close()

    def elapsed(self) -> float:
        """Return the seconds since the view was made."""
        return time.monotonic() - self._begun

    def started(self, job: Job, pid: int) -> None:
        """Take note, and follow a job's output in the foreground."""
        live = self._enter(pid, job.shard, job.ask.memory)
        self._left[live.kind] -= 1
        self._log.add(f"started shard {job.shard} ({live.name}): pid {pid}")
        if self._follower:
            self._following = str(pid)

    def ended(self, ended: Ended) -> None:
        """Count, learn, and show the rest of a job's output."""
        live = self._live.pop(ended.pid)
        self._clock.ended(live.kind, ended.wall_s)
        self._done += 1
        self._failed += ended.code != 0
        how = f"failed with {ended.code}" if ended.code else "ended well"
        peak = f", peak {format_bytes(ended.peak_bytes)}" if ended.peak_bytes else ""
        self._log.add(
            f"{how}: shard {ended.shard} ({live.name}), {format_duration(ended.wall_s)}{peak}; "
            f"{self._done} of {self._due} done, {self._failed} failed{self._rest()}"
        )
        self._follow()
        self._following = None

    def told(self, text: str) -> None:
        """Log what the pool did of its own accord."""
        self._log.add(text)

    def tick(self, seen: Seen) -> None:
        """Draw, and write what is to be watched."""
        self._follow()
        for pid in self._adopted - seen.adopted:
            live = self._live.pop(pid)
            self._log.add(f"ended: shard {live.shard} ({live.name}), of an earlier pool")
        self._adopted &= seen.adopted
        now = time.monotonic()
        if now >= self._next:
            self._next = now + _EVERY_S
            self._remaining = self._estimate()
            if seen.waiting and not self._waited:
                self._log.add(seen.waiting)
            self._waited = bool(seen.waiting)
            self._status.write(self._facts(seen, "stopping" if seen.stopping else "running"))
        failed = f", {self._failed} failed" if self._failed else ""
        self._bar.update(
            self._done, note=(seen.waiting or remaining_text(self._remaining)) + failed
        )
        self._log.flush()

    def over(self, result: PoolResult) -> None:
        """Log how it ended."""
        why = f" ({result.why_stopped})" if result.why_stopped else ""
        self._log.add(
            f"pool ends{why}: {result.ok} ok, {result.failed} failed, {result.not_started} not "
            f"started in {format_duration(self.elapsed())}"
        )

    def _enter(self, pid: int, shard: int, request: int | None) -> _Live:
        kind, name = self._known.kind(shard), self._known.name(shard)
        self._live[pid] = live = _Live(shard, kind, name, time.time(), request)
        return live

    def _rest(self) -> str:
        return f", {remaining_text(self._remaining)}" if self._live or +self._left else ""

    def _estimate(self) -> Remaining | None:
        now = time.time()
        running = [(live.kind, max(0.0, now - live.since)) for live in self._live.values()]
        return self._clock.remaining(+self._left, running, max(1, len(running)))

    def _facts(self, seen: Seen, state: str) -> dict[str, Any]:
        running = sorted(self._live.items(), key=lambda item: item[1].shard)
        return {
            "state": state,
            "due": self._due,
            "done": self._done,
            "ok": self._done - self._failed,
            "failed": self._failed,
            "left": self._left.total(),
            "remaining_s": asdict(self._remaining) if self._remaining and running else None,
            "waiting": seen.waiting,
            "at_once": {"jobs": self._known.room.jobs, "cores": self._known.room.cores},
            "memory": {
                "may_use": self._known.room.memory,
                "asked": sum(live.request or 0 for _, live in running),
                "in_use": sum(seen.in_use.values()),
            },
            "running": [
                {
                    "shard": live.shard,
                    "name": live.name,
                    "pid": pid,
                    "since": format_time(live.since),
                    "memory": seen.in_use.get(pid),
                    "peak": seen.peaks.get(pid),
                    "request": live.request,
                }
                for pid, live in running
            ],
        }

    def _follow(self) -> None:
        if self._follower and self._following:
            self._follower.poll(_streams(self._known.run, self._following))


def _learned(known: Known) -> Clock:
    """Return a clock that knows how long good jobs of earlier pools took."""
    clock = Clock()
    for shard, ends in read_journal(known.run, 0)[0].items():
        for end in ends:
            if end.get("code") == 0 and isinstance(end.get("wall_s"), float):
                clock.ended(known.kind(shard), end["wall_s"])
    return clock


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
