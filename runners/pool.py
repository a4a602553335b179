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

from runners.admission import Admission
from runners.ending import kill_commands, send
from runners.endings import Endings
from runners.job import Adopted, Ended, Job, Listener, PoolResult, Seen
from runners.memory_guard import MemoryGuard, Struck
from runners.peak import PeakFloor
from runners.pool_journal import PoolJournal
from runners.processes import alive, boot_id, start_ticks
from runners.running import Running
from runners.signal_gate import SignalGate
from runners.spawner import Spawner, become_subreaper

if TYPE_CHECKING:
    import resource
    from collections.abc import Callable, Collection, Iterator, Sequence

    from runners.room import Room

_TICK_S = 0.25
_FAST_TICK_S = 0.05  # while something is being ended
_LAST_WORD_S = 2.0  # for a payload whose command was killed to write its end record


def run_pool(  # noqa: PLR0913 (all by name; an options object would only rename them)
    jobs: Iterator[Job],
    total: int,
    room: Room,
    *,
    run_dir: str,
    log_path: str,
    journal_path: str,
    listener: Listener,
    check_space: Callable[[], str | None],
    adopted: Sequence[Adopted] = (),
    stop_grace_s: float = 10.0,
) -> PoolResult:
    """Run the jobs within the room, and return when nothing of the run lives on this host.

    The first INT, TERM or HUP starts nothing more and sends TERM to every payload; after the grace
    commands are killed, and 2 s later payloads too. The second signal kills all at once. Call it
    from the main thread; threads that exist before delay signals.

    Args:
        jobs: taken one at a time, when there is room; shards of `adopted` are passed over.
        total: how many jobs that iterator has.
        room: what they may use together, adopted ones included.
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
            jobs_in = Admission(jobs, room, frozenset(a.shard for a in adopted))
            guard = MemoryGuard(run_dir, room)
            pool = _Pool(jobs_in, guard, run_dir, adopted, stop_grace_s, gate, spawner, journal)
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
        admission: Admission,
        guard: MemoryGuard,
        run_dir: str,
        adopted: Sequence[Adopted],
        grace_s: float,
        gate: SignalGate,
        spawner: Spawner,
        journal: PoolJournal,
    ) -> None:
        self._admission, self._guard = admission, guard
        self._run_dir, self._grace_s = run_dir, grace_s
        self._gate, self._spawner, self._journal = gate, spawner, journal
        self._adopted = list(adopted)
        for each in adopted:
            admission.enter(each.pid, each.ask)
        self._running: dict[int, Running] = {}
        self._endings = Endings(run_dir)
        self._next_tick = 0.0
        self._kill_at: float | None = None
        self._commands_killed = self._killed = False
        self._peaks = PeakFloor()
        self._started = self._ok = self._failed = 0
        self._adopted_ended: list[int] = []
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
            self._endings.wait()

    def result(self, total: int, journal_error: str | None) -> PoolResult:
        """Sum up."""
        return PoolResult(
            done=self._ok + self._failed,
            ok=self._ok,
            failed=self._failed,
            not_started=max(0, total - self._started - self._admission.dropped),
            stopped_by=self.stopped_by,
            why_stopped=self._why,
            adopted_ended=tuple(self._adopted_ended),
            unended=tuple(self._endings.unended),
            journal_error=journal_error,
        )

    def _refill(self) -> None:
        while self._why is None:
            job = self._admission.take(len(self._endings))
            if job is None or not self._start(job):
                return

    def _start(self, job: Job) -> bool:
        now, begun = time.time(), time.monotonic()
        try:
            pid = self._spawner.start(job.argv)
        except OSError as error:
            if error.errno in {errno.EAGAIN, errno.ENOMEM} and self._admission.inside:
                self._admission.put_back(job)
            else:
                self._why = f"'{job.argv[0]}' cannot be started: {error.strerror}"
            return False
        # Until it is reaped the id cannot be used again, so this is the start time of ours.
        self._running[pid] = Running(job, start_ticks(pid) or 0, now, begun)
        self._started += 1
        self._admission.enter(pid, job.ask)
        self._guard.begins(pid)
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
        self._admission.leave(pid)
        ended = running.ended(pid, status, usage, self._peaks, self._guard.peaks.get(pid))
        struck = self._guard.ends(pid, ended.code, running.job.ask)
        if struck is not None and self.stopped_by is None:
            self._note_struck(ended.shard, pid, running.pid_start, struck)
        self._ok += ended.code == 0
        self._failed += ended.code != 0
        self._journal.add(ended, running.pid_start, time.time())
        if os.WIFSIGNALED(status) and self.stopped_by is None:
            self._end({(pid, running.pid_start)})  # killed by another hand: its command may live on
        return ended

    def _end(self, ends: Collection[tuple[int, int]]) -> None:
        """Begin to end what is left of the payloads `ends`, and every orphan of the run."""
        self._endings.begin(ends, self._shards_alive, 0.0 if self._killed else self._grace_s)
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
        self._endings.kill()
        self._endings.begin(ends, tuple, 0.0)

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
            self._admission.leave(adopted.pid)
            self._adopted_ended.append(adopted.shard)
            self._end({(adopted.pid, adopted.pid_start)})
        self._poll_endings()
        if self._kill_at is not None and now >= self._kill_at:
            self._kill_commands_then_all(now)
        if self._why is None and not self._admission.over:
            self._why = self.check_space()
        self._watch_memory()
        self._journal.flush()
        self.listener.tick(self._seen())
        fast = self._endings or self._kill_at is not None
        self._next_tick = time.monotonic() + (_FAST_TICK_S if fast else _TICK_S)

    def _seen(self) -> Seen:
        adopted = frozenset(each.pid for each in self._adopted)
        waiting, stopping = self._admission.why_waiting, self.stopped_by is not None
        return Seen(self._guard.in_use, self._guard.peaks, adopted, waiting, stopping)

    def _watch_memory(self) -> None:
        found = self._guard.watch(self._admission)
        if found is not None and self.stopped_by is None:
            pid, struck = found
            for shard, pid_start in self._shards_of(pid):
                self._note_struck(shard, pid, pid_start, struck)
                self._guard.strike(pid, shard)

    def _shards_of(self, pid: int) -> list[tuple[int, int]]:
        if pid in self._running:
            return [(self._running[pid].job.shard, self._running[pid].pid_start)]
        return [(each.shard, each.pid_start) for each in self._adopted if each.pid == pid]

    def _note_struck(self, shard: int, pid: int, pid_start: int, struck: Struck) -> None:
        # Before it happens: a pool killed in between leaves the reason.
        self._journal.struck(shard, pid, pid_start, struck)
        self.listener.told(f"shard {shard} was killed by the {struck.by}: {struck.why}")

    def _poll_endings(self) -> None:
        for pid in self._endings.poll():  # wait no longer for what not even KILL ended
            self._running.pop(pid, None)
            self._adopted = [adopted for adopted in self._adopted if adopted.pid != pid]
            self._admission.leave(pid)
