"""One thread for each host: makes it ready, starts shards, brings results home, in turns."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

from farmhand.host_launches import HostLaunches
from farmhand.host_team import Team
from manifest.layout import block_of
from manifest.units import format_duration
from runners.remote_run import Launch, RemoteRun, Silent, Unfit, new_launch

_WAIT_S = 10
"""A turn waits so long at the host for a shard to end."""
_TRIES = 3
_LONGEST_PAUSE_S = 10.0
_LEAVE_S = 10.0
"""So long a silent host is asked to end what runs there."""


class HostWorker(threading.Thread):
    """Works until there is nothing left for its host, it is silent for too long, or all stop."""

    def __init__(
        self, remote: RemoteRun, team: Team, launches: HostLaunches, unsettled: Sequence[Launch]
    ) -> None:
        """``unsettled`` are launches of earlier sessions of which there may be more to hear."""
        super().__init__(name=remote.host.name, daemon=True)
        self.host, self._remote, self._team = remote.host, remote, team
        self._launches, self._unsettled = launches, list(unsettled)
        self.looked = threading.Event()
        self.bug: BaseException | None = None
        self._ready = self._barred = False
        self._heard = time.monotonic()

    @property
    def open(self) -> dict[str, Launch]:
        """Return what may be running there."""
        return self._launches.open

    def run(self) -> None:
        """Work; a bug is kept for the main thread."""
        try:
            self._look_back()
            self.looked.set()
            self._team.queue.wait_filled()
            self._launches.counted = True
            self._work()
        except BaseException as error:  # noqa: BLE001 (raised again by the main thread)
            self.bug = error
            self._team.leaving.set()
        finally:
            self.looked.set()
            self._team.queue.leave(self.host.name)

    def _look_back(self) -> None:
        """See what became of launches of earlier sessions; one try."""
        if not self._unsettled:
            return
        try:
            self._make_ready()
            self._launches.handle(self._remote.turn((), self._unsettled))
        except (Silent, Unfit) as why:
            self._team.view.tell(self.host.name, f"does not answer yet: {why}")
        else:
            if self.open:
                self._team.view.count(self.host.name, found=len(self.open))
                text = f"{len(self.open)} still running from before"
                self._team.view.tell(self.host.name, text, trouble=False)

    def _work(self) -> None:
        tries = 0
        while True:
            try:
                if self._team.leaving.is_set():
                    return
                if self._team.stopping.is_set():
                    self._end_all()
                    return
                if not self._ready and (self.open or self._may_take()):
                    self._make_ready()
                if not self._turn():
                    return
            except Silent as why:
                tries += 1
                if self._gives_up(why, tries):
                    return
            except Unfit as why:
                self._barred = True
                self._team.view.tell(self.host.name, f"gets nothing more: {why}")
                self._team.queue.leave(self.host.name)
            else:
                tries, self._heard = 0, time.monotonic()

    def _may_take(self) -> bool:
        return not self._barred and self._team.queue.has_for(self.host.name)

    def _make_ready(self) -> None:
        if self._remote.prepare():
            before = time.monotonic()
            self._remote.push(self._team.stopping)
            took = format_duration(time.monotonic() - before)
            text = f"run sent to {self._remote.path} in {took}"
            self._team.view.tell(self.host.name, text, trouble=False)
        self._ready, self._heard = True, time.monotonic()

    def _turn(self) -> bool:
        """Do one turn; return False when there is nothing left to do."""
        team = self._team
        room = 0 if self._barred else (self.host.slots or 1) - len(self.open)
        taken = team.queue.take(self.host.name, room) if room > 0 and self._ready else []
        if not taken and not self.open:
            if self._barred:
                return False
            more = team.queue.wait_for_more(self.host.name, 1.0)
            return more or team.stopping.is_set()
        starts = [self._launch(shard) for shard in taken]
        self._launches.begin(starts)
        wait = 0 if not team.long_turns else 1 if starts else _WAIT_S
        seen = self._remote.turn(starts, list(self.open.values()), wait_s=wait, stop=team.stopping)
        team.view.count(self.host.name, started=len(starts))
        ended = self._launches.handle(seen)
        if not ended and not team.long_turns:
            team.stopping.wait(_WAIT_S / 2)
        return True

    def _launch(self, shard: int) -> Launch:
        submission = self._team.submissions[shard]
        walltime = self._team.walltimes[submission]
        block = block_of(shard)
        return Launch(new_launch(self.host), shard, block, submission, walltime, self.host.threads)

    def _gives_up(self, why: Silent, tries: int) -> bool:
        """Say whether the host was silent for too long; its shards are lost then."""
        team = self._team
        silent = time.monotonic() - self._heard
        limit = team.give_up_s if self.open else 0.0
        enough = why.final or tries >= _TRIES
        if team.stopping.is_set():
            return self._tell_unreached(why, enough=enough or silent > _LEAVE_S)
        if silent >= limit and enough:
            text = f"silent for {format_duration(silent)}: {why.problem}"
            team.view.tell(self.host.name, f"given up: {text}")
            self._launches.lose_all(text)
            return True
        if tries == 1:
            more = f"; {len(self.open)} may run there" if self.open else ""
            team.view.tell(self.host.name, f"does not answer: {why.problem}{more}")
        self._ready = False
        self._remote.drop()
        team.stopping.wait(min(2.0 ** (tries - 1), _LONGEST_PAUSE_S, max(1.0, limit - silent)))
        return False

    def _tell_unreached(self, why: Silent, *, enough: bool) -> bool:
        if not self.open:
            return True
        if enough:
            may = f"{len(self.open)} may still run there"
            self._team.view.count(self.host.name, running=len(self.open))
            self._team.view.tell(self.host.name, f"cannot be reached: {why.problem}; {may}")
        return enough

    def _end_all(self) -> None:
        """End what runs here: TERM, after a grace KILL, and bring home what is left."""
        end = time.monotonic() + self._team.grace_s
        sent = ""
        while self.open:
            late = time.monotonic() >= end or self._team.killing.is_set()
            now = "KILL" if late else "TERM"
            seen = self._remote.turn(
                (),
                list(self.open.values()),
                wait_s=0 if now == sent else 1,
                send_signal="" if now == sent else now,
            )
            sent = now
            self._launches.handle(seen)
            if self.open:
                time.sleep(0.3)
