"""Ending processes politely: TERM, a grace, then KILL until nothing of them is left."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING

from runners.processes import alive, boot_id, orphans, processes

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from runners.processes import Process

_GIVE_UP_S = 5.0  # after KILL: a process still there hangs in the kernel (a dead NFS server)
_POLL_S = 0.05


def send(pid: int, pid_start: int, signum: int) -> None:
    """Send a signal to this very process, and wake it up where it is stopped; gone is fine."""
    if not alive(pid, pid_start, boot_id()):
        return
    try:
        os.kill(pid, signum)
        os.kill(pid, signal.SIGCONT)
    except (ProcessLookupError, PermissionError):
        return


class Ending:
    """The end of some processes, advanced by `poll` so that a caller can go on meanwhile.

    Args:
        select: returns the processes to end as they are now; asked again until it returns none,
            since a process may have started another while it was being ended.
        grace_s: seconds between TERM and KILL; 0 kills at once.
    """

    def __init__(self, select: Callable[[], Sequence[Process]], grace_s: float) -> None:
        """Send the first signal at once."""
        self._select = select
        self._kill_at = time.monotonic() + grace_s
        self._members = list(select())
        self.unended: tuple[int, ...] = ()
        self.done = not self._members
        self._signal()

    def kill(self) -> None:
        """End the grace now."""
        self._kill_at = time.monotonic()
        self._signal()

    def poll(self) -> bool:
        """Advance; return whether it is over. `unended` then holds ids that survived KILL."""
        if self.done:
            return True
        now = time.monotonic()
        self._members = [m for m in self._members if alive(m.pid, m.pid_start, boot_id())]
        if not self._members or now >= self._kill_at:
            known = {(m.pid, m.pid_start) for m in self._members}
            self._members = list(self._select())
            if now >= self._kill_at or any(
                (m.pid, m.pid_start) not in known for m in self._members
            ):
                self._signal()
        if self._members and now >= self._kill_at + _GIVE_UP_S:
            self.unended = tuple(m.pid for m in self._members)
        self.done = not self._members or bool(self.unended)
        return self.done

    def wait(self) -> tuple[int, ...]:
        """Advance to the end; return `unended`."""
        while not self.poll():
            time.sleep(_POLL_S)
        return self.unended

    def _signal(self) -> None:
        signum = signal.SIGKILL if time.monotonic() >= self._kill_at else signal.SIGTERM
        for member in self._members:
            send(member.pid, member.pid_start, signum)


def kill_commands(run_dir: str, shards: Collection[int]) -> None:
    """Kill the processes of these shards' attempts, but not payloads: they write how it ended."""
    for process in processes(run_dir):
        if process.attempt is not None and process.shard in shards:
            send(process.pid, process.pid_start, signal.SIGKILL)


def end_attempts(run_dir: str, attempts: Collection[str], grace_s: float) -> tuple[int, ...]:
    """End the processes of these attempt directories (absolute, as `attempt_processes` has them).

    Returns:
        Ids of processes that survived even KILL, normally none.
    """
    wanted = frozenset(attempts)
    return Ending(
        lambda: [p for p in processes(run_dir) if p.attempt in wanted and p.attempt], grace_s
    ).wait()


def end_orphans(run_dir: str, grace_s: float) -> tuple[int, ...]:
    """End the processes of attempts whose payload is gone; call it before shards start again.

    Returns:
        Ids of processes that survived even KILL, normally none.
    """
    return Ending(lambda: orphans(processes(run_dir)), grace_s).wait()
