"""Keeps one job that eats all memory from taking the others with it.

While memory runs short, the job that is furthest over what it asked for is killed; where nothing
was asked for, over an equal share. What the kernel kills meanwhile is told apart from other KILLs.
"""

from __future__ import annotations

import signal
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from manifest.units import format_bytes
from runners.ending import kill_commands, send
from runners.host_limits import host_limits
from runners.memory_use import Use, memory_use
from runners.oom_kills import oom_kills

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runners.admission import Admission
    from runners.job import Ask
    from runners.room import Room

_PERIOD_S = 0.25
_COST = 40  # looking takes at most one part in so many of the time
_MARGIN = 1.1  # over its request by less is nobody's fault
_SHORT = 20  # less than one part in so many free is short,
_SHORT_BYTES = 1 << 30  # or less than this on large machines
_KILLED = 137
_ADJUSTED = b"300"  # oom_score_adj: before the pool and the shell it was typed in
_AGAIN_S = 2.0  # what is still there then had hidden from the first kill


@dataclass(frozen=True, slots=True)
class Struck:
    """A job that was killed for its memory; ``by`` is the pool or the kernel."""

    by: str
    bytes: int | None
    request: int | None
    why: str


class MemoryGuard:
    """Looks at the memory of the payloads of one run."""

    def __init__(self, run_dir: str, room: Room) -> None:
        """Look at nothing yet."""
        self._run_dir, self._room = run_dir, room
        self._next = 0.0
        self._uses: dict[int, Use] = {}
        self.peaks: dict[int, int] = {}
        self._free: int | None = None
        self._struck: dict[int, float] = {}
        self._kernel = oom_kills()
        self._kernel_at: dict[int, int | None] = {}

    @property
    def in_use(self) -> dict[int, int]:
        """Return the bytes of each payload, as seen last."""
        return {pid: use.bytes for pid, use in self._uses.items()}

    def begins(self, pid: int) -> None:
        """Take note of a new payload, and let the kernel prefer it as a victim."""
        self._kernel_at[pid] = self._kernel
        try:
            with open(f"/proc/{pid}/oom_score_adj", "r+b", buffering=0) as file:
                if int(file.read()) < int(_ADJUSTED):
                    file.write(_ADJUSTED)
        except (OSError, ValueError):
            return  # it is gone, or this is not allowed here

    def watch(self, admission: Admission) -> tuple[int, Struck] | None:
        """Look, say what may be given away, and return who must go for the others to live."""
        asks = admission.inside
        if not self._look(asks):
            return None
        admission.spare = self._spare(asks)
        return self._victim(asks)

    def _look(self, asks: Mapping[int, Ask]) -> bool:
        """Look at the memory, when it is time; return whether it was."""
        begun = time.monotonic()
        if begun < self._next:
            return False
        self._kernel = oom_kills()
        self._uses = memory_use({pid: self._fair(ask, len(asks)) for pid, ask in asks.items()})
        for pid, use in self._uses.items():
            self.peaks[pid] = max(self.peaks.get(pid, 0), use.bytes)
        self._free = host_limits().free_bytes if self._room.watched else None
        now = time.monotonic()
        self._next = now + max(_PERIOD_S, _COST * (now - begun))
        return True

    def _spare(self, asks: Mapping[int, Ask]) -> int | None:
        """Return what is free less what running jobs may still claim; None: not known."""
        if self._free is None:
            return None
        used = self.in_use
        claims = (max(0, (ask.memory or 0) - used.get(pid, 0)) for pid, ask in asks.items())
        return self._free - sum(claims)

    def _victim(self, asks: Mapping[int, Ask]) -> tuple[int, Struck] | None:
        """Return who must go for the others to live, as seen last."""
        why = self._short()
        now = time.monotonic()
        if why is None or any(
            pid in self._uses and now < at + _AGAIN_S for pid, at in self._struck.items()
        ):
            return None
        over = {
            pid: use.bytes - fair
            for pid, use in self._uses.items()
            if pid in asks
            and (fair := self._fair(asks[pid], len(asks))) is not None
            and use.bytes > _MARGIN * fair
        }
        if not over:
            return None
        pid = max(over, key=lambda each: (over[each], each))
        return pid, Struck("pool", self._uses[pid].bytes, asks[pid].memory, why)

    def strike(self, pid: int, shard: int) -> None:
        """Kill a payload's command; the payload lives on to write how it ended."""
        if pid in self._struck:
            for member, started in self._uses[pid].members:
                send(member, started, signal.SIGKILL)
        self._struck[pid] = time.monotonic()
        kill_commands(self._run_dir, {shard})

    def ends(self, pid: int, code: int, ask: Ask) -> Struck | None:
        """Forget a payload; return what the kernel did to it, where there is evidence."""
        before = self._kernel_at.pop(pid, None)
        self._uses.pop(pid, None)
        struck = self._struck.pop(pid, None) is not None
        if code != _KILLED or struck or before is None:
            return None
        now = oom_kills()
        if now is None or now <= before:
            return None
        why = f"oom_kill went from {before} to {now} while it ran"
        return Struck("kernel", self.peaks.get(pid), ask.memory, why)

    def _fair(self, ask: Ask, jobs: int) -> int | None:
        if ask.memory:
            return ask.memory
        return self._room.memory // max(1, jobs) if self._room.memory is not None else None

    def _short(self) -> str | None:
        memory = self._room.memory
        if memory is None:
            return None
        used = sum(use.bytes for use in self._uses.values())
        if used > memory:
            return f"the jobs held {format_bytes(used)} of {format_bytes(memory)}"
        if self._free is not None and self._free < min(_SHORT_BYTES, memory // _SHORT):
            return f"only {format_bytes(self._free)} were free"
        return None
