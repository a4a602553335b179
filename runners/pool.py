"""The local pool: runs payloads in a number of slots, and leaves nothing alive behind it.

One process, no thread: SIGCHLD and the stopping signals are blocked and waited for, children are
started by posix_spawn(3) and reaped by wait4(2). While a pool runs, nothing else in its process may
start children: it reaps whatever ends.
"""

from __future__ import annotations

import errno
import os
import signal
import time
from typing import TYPE_CHECKING

from runners.ending import Ending, kill_commands, send
from runners.job import Adopted, Ended, Job, Listener, PoolResult
from runners.peak import PeakFloor
from runners.pool_journal import PoolJournal
from runners.processes import Process, alive, boot_id, doomed, processes, start_ticks
from runners.running import Running
from runners.signal_gate import SignalGate
from runners.spawner import Spawner, become_subreaper

if TYPE_CHECKING:
    import resource
    from collections.abc import Callable, Collection, Iterator, Sequence

__all__ = ["Adopted", "Ended", "Job", "Listener", "PoolResult", "run_pool"]

_TICK_S = 0.25
_FAST_TICK_S = 0.05  # while something is being ended
_LAST_WORD_S = 2.0  # for a payload whose command was killed to write its end record


def run_pool(  # noqa: PLR0913 (all by name; an options object would only rename them)
    jobs: Iterator[Job],
    total: int,
    slots: int,
    *,
    run_dir: str,
    log_path: str,
    journal_path: str,
    listener: Listener,
    check_space: Callable[[], str | None],
    adopted: Sequence[Adopted] = (),
    stop_grace_s: float = 10.0,
) -> PoolResult:
    """Run the jobs, `slots` at a time, and return when nothing of the run lives on this host.

    The first INT, TERM or HUP starts nothing more and sends TERM to every payload; after the grace
    commands are killed, and 2 s later payloads too. The second signal kills all at once. Call it
    from the main thread; threads that exist before delay signals.

    Args:
        jobs: taken one at a time, when a slot is free; shards of `adopted` are passed over.
        total: how many jobs that iterator has.
        slots: how many run at once, adopted ones included.
        run_dir: the run directory: processes of its attempts are what must not be left over.
        log_path: gets what the payloads themselves print, appended.
        journal_path: gets one line an ended job, see `runners.pool_journal`.
        listener: is told what happens.
        check_space: asked about four times a second; a message starts no more jobs.
        adopted: payloads that an earlier pool left behind.
        stop_grace_s: seconds between TERM and KILL of the commands.

    Raises:
        UserError: the log or the journal cannot be opened.
    """
    journal = PoolJournal(journal_path)
    try:
        with SignalGate() as gate, Spawner(log_path) as spawner:
            become_subreaper()  # where it fails, orphans are still found by their environment
            pool = _Pool(jobs, slots, run_dir, adopted, stop_grace_s, gate, spawner, journal)
            pool.listener, pool.check_space = listener, check_space
            try:
                pool.loop()
            finally:
                pool.abandon()
            if pool.stopped_by is not None:
                gate.drain()
    finally:
        journal.close()
    return pool.result(total, journal.error)


class _Pool:
    listener: Listener
    check_space: Callable[[], str | None]

    def __init__(  # noqa: PLR0913, PLR0917 (private, called once)
        self,
        jobs: Iterator[Job],
        slots: int,
        run_dir: str,
        adopted: Sequence[Adopted],
        grace_s: float,
        gate: SignalGate,
        spawner: Spawner,
        journal: PoolJournal,
    ) -> None:
        self._jobs, self._slots, self._run_dir, self._grace_s = jobs, slots, run_dir, grace_s
        self._gate, self._spawner, self._journal = gate, spawner, journal
        self._adopted = list(adopted)
        self._passed_over = frozenset(a.shard for a in adopted)
        self._running: dict[int, Running] = {}
        self._endings: list[Ending] = []
        self._held: Job | None = None  # taken, but the system had no process for it
        self._exhausted = False
        self._next_tick = 0.0
        self._kill_at: float | None = None
        self._commands_killed = self._killed = False
        self._peaks = PeakFloor()
        self._started = self._dropped = self._ok = self._failed = 0
        self._adopted_ended: list[int] = []
        self._unended: list[int] = []
        self.stopped_by: int | None = None
        self._why: str | None = None

    def loop(self) -> None:
        """Run until all is over and nothing of the run lives."""
        while True:
            self._tick_if_due()
            self._refill()
            if not (self._running or self._adopted or self._endings):
                self._end(set())  # what commands left behind
                self._poll_endings()
                if not self._endings:
                    return
            signum = self._gate.wait(self._next_tick - time.monotonic())
            if signum is not None and signum != signal.SIGCHLD:
                self._stop(signum)
            for ended in self._reap():  # whatever woke us: a flood of others would hide SIGCHLD
                self.listener.ended(ended)

    def abandon(self) -> None:
        """Kill what still runs when an error (a bug, a closed terminal) ends the loop early."""
        if self._running or self._adopted or self._endings:
            self._kill()
            for ending in self._endings:
                self._unended += ending.wait()

    def result(self, total: int, journal_error: str | None) -> PoolResult:
        """Sum up."""
        return PoolResult(
            done=self._ok + self._failed,
            ok=self._ok,
            failed=self._failed,
            not_started=max(0, total - self._started - self._dropped),
            stopped_by=self.stopped_by,
            why_stopped=self._why,
            adopted_ended=tuple(self._adopted_ended),
            unended=tuple(self._unended),
            journal_error=journal_error,
        )

    def _refill(self) -> None:
        while self._why is None and not self._exhausted and self._busy() < self._slots:
            job, self._held = self._held or next(self._jobs, None), None
            if job is None:
                self._exhausted = True
            elif job.shard in self._passed_over:
                self._dropped += 1
            elif not self._start(job):
                return

    def _busy(self) -> int:
        adopted = {each.pid for each in self._adopted}  # one payload may run several shards
        return len(self._running) + len(adopted) + len(self._endings)

    def _start(self, job: Job) -> bool:
        now, begun = time.time(), time.monotonic()
        try:
            pid = self._spawner.start(job.argv)
        except OSError as error:
            if error.errno in {errno.EAGAIN, errno.ENOMEM} and self._busy():
                self._held = job
            else:
                self._why = f"'{job.argv[0]}' cannot be started: {error.strerror}"
            return False
        # Until it is reaped the id cannot be used again, so this is the start time of ours.
        self._running[pid] = Running(job, start_ticks(pid) or 0, now, begun)
        self._started += 1
        self.listener.started(job, pid)
        return True

    def _reap(self) -> list[Ended]:
        """Take in all that ended: one SIGCHLD may stand for several."""
        ended: list[Ended] = []
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return ended
            if pid == 0:
                return ended
            running = self._running.pop(pid, None)
            if running is not None:  # else an orphan, ours as its subreaper
                ended.append(self._take_in(pid, status, usage, running))

    def _take_in(
        self, pid: int, status: int, usage: resource.struct_rusage, running: Running
    ) -> Ended:
        ended = running.ended(pid, status, usage, self._peaks)
        self._ok += ended.code == 0
        self._failed += ended.code != 0
        self._journal.add(ended, running.pid_start, time.time())
        if os.WIFSIGNALED(status) and self.stopped_by is None:
            self._end({(pid, running.pid_start)})  # killed by another hand: its command may live on
        return ended

    def _give_up(self, pids: Sequence[int]) -> None:
        """Wait no longer for processes that not even KILL ended."""
        self._unended += pids
        for pid in pids:
            self._running.pop(pid, None)
        self._adopted = [adopted for adopted in self._adopted if adopted.pid not in pids]

    def _end(self, ends: Collection[tuple[int, int]]) -> None:
        """Begin to end what is left of the payloads `ends`, and every orphan of the run."""

        def select() -> list[Process]:
            return self._still_to_end(ends, self._shards_alive())

        self._endings.append(Ending(select, 0.0 if self._killed else self._grace_s))
        self._next_tick = 0.0

    def _shards_alive(self) -> set[int]:
        shards = {running.job.shard for running in self._running.values()}
        return shards | {adopted.shard for adopted in self._adopted}

    def _kill_commands_then_all(self, now: float) -> None:
        if self._commands_killed:
            self._kill()
        else:
            self._commands_killed = True
            self._kill_at = now + _LAST_WORD_S
            kill_commands(self._run_dir, self._shards_alive())

    def _kill(self) -> None:
        """Kill the sessions of all payloads and every process of the run."""
        self._killed, self._kill_at = True, None
        ends = {(pid, running.pid_start) for pid, running in self._running.items()}
        ends.update((adopted.pid, adopted.pid_start) for adopted in self._adopted)
        for ending in self._endings:
            ending.kill()
        self._endings.append(Ending(lambda: self._still_to_end(ends, ()), 0.0))

    def _still_to_end(
        self, ends: Collection[tuple[int, int]], spared: Collection[int]
    ) -> list[Process]:
        found = doomed(processes(self._run_dir), ends, spared)
        return [process for process in found if process.pid not in self._unended]

    def _stop(self, signum: int) -> None:
        if self.stopped_by is not None:
            self._kill_at = None if self._killed else 0.0
            self._commands_killed = True
        else:
            self.stopped_by = signum
            self._why = f"stopped by {signal.Signals(signum).name}"
            self._kill_at = time.monotonic() + self._grace_s
            for pid, running in self._running.items():
                send(pid, running.pid_start, signal.SIGTERM)
            for adopted in self._adopted:
                send(adopted.pid, adopted.pid_start, signal.SIGTERM)
        self._next_tick = 0.0

    def _tick_if_due(self) -> None:
        now = time.monotonic()
        if now < self._next_tick:
            return
        for adopted in [a for a in self._adopted if not alive(a.pid, a.pid_start, boot_id())]:
            self._adopted.remove(adopted)
            self._adopted_ended.append(adopted.shard)
            self._end({(adopted.pid, adopted.pid_start)})
        self._poll_endings()
        if self._kill_at is not None and now >= self._kill_at:
            self._kill_commands_then_all(now)
        if self._why is None and not self._exhausted:
            self._why = self.check_space()
        self._journal.flush()
        self.listener.tick()
        fast = self._endings or self._kill_at is not None
        self._next_tick = time.monotonic() + (_FAST_TICK_S if fast else _TICK_S)

    def _poll_endings(self) -> None:
        for ending in self._endings:
            if ending.poll():
                self._give_up(ending.unended)
        self._endings = [ending for ending in self._endings if not ending.done]
