"""One thread for each host: makes it ready, starts shards, brings results home, in turns."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from farmhand.bring_home import attempt_folder, bring_home, end_of
from farmhand.host_queue import HostQueue
from farmhand.hosts_view import HostsView
from manifest.hosts import Host
from manifest.layout import block_of
from manifest.units import format_duration
from runners.remote_run import Launch, RemoteRun, Seen, Silent, Unfit, new_launch
from runners.ssh_journal import Event, SshJournal

_WAIT_S = 10
"""A turn waits so long at the host for a shard to end."""
_TRIES = 3
_LONGEST_PAUSE_S = 10.0
_LEAVE_S = 10.0
"""So long a silent host is asked to end what runs there."""


@dataclass(slots=True)
class Team:
    """What all workers have in common."""

    run: str
    plan_id: str
    nested: bool
    names: Mapping[int, str]
    """Of shards that are done here or were begun before."""
    submissions: Mapping[int, int]
    walltimes: Mapping[int, int]
    """By submission."""
    queue: HostQueue
    journal: SshJournal
    view: HostsView
    give_up_s: float
    long_turns: bool = True
    grace_s: float = 10.0
    done: frozenset[int] = frozenset()
    """Shards that had succeeded before: an old launch of one is ended."""
    stopping: threading.Event = field(default_factory=threading.Event)
    killing: threading.Event = field(default_factory=threading.Event)


class HostWorker(threading.Thread):
    """Works until there is nothing left for its host, it is silent for too long, or all stop."""

    def __init__(
        self, host: Host, remote: RemoteRun, team: Team, unsettled: Sequence[Launch]
    ) -> None:
        """``unsettled`` are launches of earlier sessions that may run there."""
        super().__init__(name=host.name, daemon=True)
        self.host, self._remote, self._team = host, remote, team
        self._unsettled = list(unsettled)
        self._begun: set[str] = set()
        self.open: dict[str, Launch] = {}
        """What may be running there."""
        self.looked = threading.Event()
        self.bug: BaseException | None = None
        self._ready = self._barred = False
        self._heard = time.monotonic()

    def begin_with(self, begun: set[str], doubtful: Sequence[Launch]) -> None:
        """Note which launches were seen to be started, and which are open until heard of."""
        self._begun = begun
        self.open = {launch.id: launch for launch in doubtful}

    def run(self) -> None:
        """Work; a bug is kept for the main thread."""
        try:
            self._look_back()
            self.looked.set()
            self._team.queue.wait_filled()
            self._work()
        except BaseException as error:  # noqa: BLE001 (raised again by the main thread)
            self.bug = error
            self._team.stopping.set()
        finally:
            self.looked.set()
            self._team.queue.leave(self.host.name)

    def _look_back(self) -> None:
        """See what became of launches of earlier sessions; one try."""
        if not self._unsettled:
            return
        try:
            self._make_ready()
            self._handle(self._remote.turn((), self._unsettled))
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
            self._remote.push()
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
        self._write("about to", starts)
        self.open |= {launch.id: launch for launch in starts}
        wait = 0 if not team.long_turns else 1 if starts else _WAIT_S
        seen = self._remote.turn(starts, list(self.open.values()), wait_s=wait, stop=team.stopping)
        team.view.count(self.host.name, started=len(starts))
        ended = self._handle(seen)
        if not ended and not team.long_turns:
            team.stopping.wait(_WAIT_S / 2)
        return True

    def _launch(self, shard: int) -> Launch:
        submission = self._team.submissions[shard]
        walltime = self._team.walltimes[submission]
        block = block_of(shard)
        return Launch(new_launch(self.host), shard, block, submission, walltime, self.host.threads)

    def _handle(self, seen: Sequence[Seen]) -> bool:
        """Take in how launches stand; return whether any ended."""
        ended: list[Seen] = []
        refused = ""
        for each in seen:
            if each.how in ("alive", "starting"):
                self._still_there(each)
            elif each.how == "absent":
                self._absent(each)
            elif each.how == "refused":
                refused = each.log
                self._close("not started", each, {"why": each.log}, counted=False)
                self._team.queue.give_back(self.host.name, [each.launch.shard], lost=True)
            else:
                ended.append(each)
        if ended:
            self._bring(ended)
        if refused:
            raise Unfit(f"nothing can be started there: {refused}")
        return bool(ended)

    def _still_there(self, seen: Seen) -> None:
        launch = seen.launch
        if launch.shard in self._team.done:
            self._remote.turn((), [launch], send_signal="TERM")
            self._close("dismissed", seen, {})
            return
        self.open[launch.id] = launch
        if launch.id not in self._begun and seen.how == "alive":
            self._begun.add(launch.id)
            self._write("started", [launch], pid=seen.pid)

    def _absent(self, seen: Seen) -> None:
        launch = seen.launch
        if launch.id in self._begun:
            why = f"its directory on {self.host.name} is gone"
            self._close("lost", seen, {"kind": "vanished", "why": why})
        else:
            self._close("not started", seen, {}, counted=False)
            if self.looked.is_set():
                self._team.queue.give_back(self.host.name, [launch.shard], lost=False)

    def _bring(self, ended: Sequence[Seen]) -> None:
        """Bring home what has a record, and close all."""
        team = self._team
        pairs = [
            (seen, attempt_folder(seen, team.names[seen.launch.shard], nested=team.nested))
            for seen in ended
            if seen.record is not None
        ]
        problem = None if self._remote.shared or not pairs else self._pull(pairs)
        for seen in ended:
            end = end_of(seen, team.plan_id)
            if seen.record is not None and problem is not None:
                self._close("lost", seen, {"kind": "stage_out", "why": problem})
            elif end is None:
                self._close("lost", seen, self._why_gone(seen))
            else:
                facts = {"code": end.code, "started": end.started, "ended": end.ended}
                self._close("pulled", seen, facts)

    def _why_gone(self, seen: Seen) -> dict[str, str]:
        if seen.how == "rebooted":
            return {"kind": "vanished", "why": f"{self.host.name} was started anew"}
        if seen.record is None and seen.log:
            return {"kind": "setup", "why": seen.log}
        return {"kind": "vanished", "why": "the payload is gone and left no end record"}

    def _pull(self, pairs: Sequence[tuple[Seen, str]]) -> str | None:
        """Return why results could not be brought home, after some tries."""
        into = os.path.join(self._team.run, "logs", "ssh", f"pull-{self.host.name}")
        problem: str | None = None
        for _ in range(_TRIES):
            try:
                problem = self._remote.pull(pairs, into)
                if problem is None:
                    bring_home(self._team.run, into, pairs)
                    return None
            except OSError as error:
                problem = f"what came cannot be put into the run: {error.strerror}"
            if self._team.stopping.wait(1.0):
                break
        return problem

    def _close(
        self, event: Event, seen: Seen, facts: Mapping[str, Any], *, counted: bool = True
    ) -> None:
        self._write(event, [seen.launch], **facts)
        was_open = self.open.pop(seen.launch.id, None) is not None
        if event == "pulled":
            good = facts["code"] == 0
            self._team.view.count(self.host.name, ok=int(good), failed=int(not good))
        elif event == "lost":
            self._team.view.count(self.host.name, lost=1)
        if was_open and counted and self.looked.is_set():
            self._team.queue.ended(1)

    def _write(self, event: Event, launches: Sequence[Launch], **facts: Any) -> None:  # noqa: ANN401 (JSON)
        if launches:
            lines = [
                {
                    "launch": launch.id,
                    "shard": launch.shard,
                    "submission": launch.submission,
                    "host": self.host.name,
                    **facts,
                }
                for launch in launches
            ]
            self._team.journal.add(event, lines)

    def _gives_up(self, why: Silent, tries: int) -> bool:
        """Say whether the host was silent for too long; its shards are lost then."""
        team = self._team
        silent = time.monotonic() - self._heard
        limit = team.give_up_s if self.open else 0.0
        enough = why.final or tries >= _TRIES
        if team.stopping.is_set():
            return silent > _LEAVE_S or self._tell_unreached(why, tries)
        if silent >= limit and enough:
            self._leave(f"silent for {format_duration(silent)}: {why.problem}", kind="node")
            return True
        if tries == 1:
            more = f"; {len(self.open)} may run there" if self.open else ""
            team.view.tell(self.host.name, f"does not answer: {why.problem}{more}")
        self._ready = False
        self._remote.drop()
        team.stopping.wait(min(2.0 ** (tries - 1), _LONGEST_PAUSE_S, max(1.0, limit - silent)))
        return False

    def _tell_unreached(self, why: Silent, tries: int) -> bool:
        if not self.open or (tries < _TRIES and not why.final):
            return not self.open
        self._team.view.count(self.host.name, running=len(self.open))
        self._team.view.tell(
            self.host.name,
            f"cannot be reached: {why.problem}; {len(self.open)} may still run there",
        )
        return True

    def _leave(self, why: str, *, kind: str) -> None:
        """Give this host up: what may run there counts as lost, and others may do it."""
        lost = list(self.open.values())
        self._write("lost", lost, kind=kind, why=why)
        self.open.clear()
        self._team.view.count(self.host.name, lost=len(lost))
        self._team.view.tell(self.host.name, f"given up: {why}")
        self._team.queue.give_back(self.host.name, [x.shard for x in lost], lost=True)

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
            self._handle(seen)
            if self.open:
                time.sleep(0.3)
