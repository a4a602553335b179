"""The launches on one host: what is heard of them, into the journal and into the run."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from farmhand.bring_home import attempt_folder, bring_home, end_of, start_of
from farmhand.host_team import Team
from manifest.hosts import Host
from runners.remote_run import Launch, RemoteRun, Seen, Unfit
from runners.ssh_journal import Event

_TRIES = 3


class HostLaunches:
    """What may be running on a host; belongs to the thread of its worker."""

    def __init__(
        self,
        host: Host,
        remote: RemoteRun,
        team: Team,
        begun: set[str],
        doubtful: Sequence[Launch],
    ) -> None:
        """``begun`` were once seen to be started, ``doubtful`` are open until heard of."""
        self.host, self._remote, self._team = host, remote, team
        self._begun = begun
        self.open = {launch.id: launch for launch in doubtful}
        """What may be running there."""
        self.counted = False
        """Whether the queue knows of those that are open."""

    def begin(self, launches: Sequence[Launch]) -> None:
        """Note that these are about to be started, before the host is told."""
        self._write("about to", launches)
        self.open |= {launch.id: launch for launch in launches}

    def lose_all(self, why: str) -> None:
        """Count all as lost with their host, so that others may do them."""
        lost = list(self.open.values())
        self._write("lost", lost, kind="node", why=why)
        self.open.clear()
        self._team.view.count(self.host.name, lost=len(lost))
        self._team.queue.give_back(self.host.name, [x.shard for x in lost], lost=True)

    def handle(self, seen: Sequence[Seen]) -> bool:
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
            started = start_of(seen, self._team.plan_id)
            self._write("started", [launch], pid=seen.pid, started=started)

    def _absent(self, seen: Seen) -> None:
        launch = seen.launch
        if launch.id in self._begun:
            why = f"its directory on {self.host.name} is gone"
            self._close("lost", seen, {"kind": "vanished", "why": why})
        else:
            self._close("not started", seen, {}, counted=False)
            if self.counted:
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
        if was_open and counted and self.counted:
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
