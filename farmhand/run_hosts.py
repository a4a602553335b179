"""``farmhand run`` of a run on hosts: all workers, from what earlier sessions left to the end."""

from __future__ import annotations

import os
import secrets
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import FrameType

from collectors.ssh_journal import Launched, read_launches
from farmhand.asking import STORES
from farmhand.gather import Gathered, gather, gather_and_write
from farmhand.host_launches import HostLaunches
from farmhand.host_queue import HostQueue
from farmhand.host_team import Team
from farmhand.host_worker import HostWorker
from farmhand.hosts_plan import Planned, planned, show_plan
from farmhand.hosts_view import HostsView
from farmhand.pool_end import summary
from farmhand.progress import collecting
from farmhand.publish import publish
from farmhand.select import chosen_shards
from farmhand.talk import say, warn
from farmhand.unchanged import refuse_changes
from manifest.hosts import Host, read_hosts, working
from manifest.layout import block_of, ranges
from manifest.site import read_site
from manifest.spec import Spec
from renderer.portable import files_here, obstacle
from runners.pool_lock import PoolLock
from runners.remote_run import ANSWER_S, Here, Launch, RemoteRun
from runners.ssh import Ssh
from runners.ssh_journal import SshJournal

_LONG_TURNS_UP_TO = 32
"""Hosts that may each hold a client of ssh while they wait; more of them are asked in turn."""
_LOOK_S = 0.2
_LEAST_ANSWER_S = 10.0


def run_there(
    folder: str, path: str, shards: str | None, hosts_file: str | None, *, dry_run: bool
) -> int:
    """Run shards on the hosts of a run, or on others; return the exit code of the verb."""
    if dry_run:
        before = gather(folder, path, asking=STORES)
        hosts = _hosts(before.facts.spec, hosts_file)
        chosen = chosen_shards(shards, before.manifest.header.shards)
        show_plan(planned(before, chosen, set(), hosts), hosts)
        return 0
    with PoolLock(folder):
        return _Session(folder, path, shards, hosts_file).run()


class _Session:
    def __init__(self, folder: str, path: str, shards: str | None, hosts_file: str | None) -> None:
        refuse_changes(folder)
        self.folder, self.path = folder, path
        self.before = gather(folder, path, asking=STORES)
        self.spec, self.header = self.before.facts.spec, self.before.manifest.header
        self.chosen = chosen_shards(shards, self.header.shards)
        self.hosts = _hosts(self.spec, hosts_file)
        self.stopped_by: int | None = None

    def run(self) -> int:
        self.view = HostsView(self.hosts)
        remote = self.spec.ssh.over(read_site().remote)
        self.journal = SshJournal(self.folder)
        try:
            with Ssh(remote, len(self.hosts)) as ssh, _nonce(self.folder) as nonce, self.view:
                self._work(ssh, self._here(nonce))
        finally:
            self.journal.close()
        say(self.view.done())
        for line in self.view.table():
            say(line)
        with collecting(self.header.shards) as bar:
            after = gather_and_write(self.folder, self.path, asking=STORES, progress=bar.update)
        publish(after)
        return summary(after, self.stopped_by, self.chosen)

    def _work(self, ssh: Ssh, here: Here) -> None:
        launches = read_launches(self.folder)
        self._give_up_others(launches)
        self.team = self._team(launches)
        workers = [
            self._worker(host, RemoteRun(ssh, host, here, self.team.killing), launches)
            for host in self.hosts
        ]
        with self._signals():
            for worker in workers:
                worker.start()
            _wait(lambda: all(worker.looked.is_set() for worker in workers))
            self._fill(workers)
            for worker in workers:
                while worker.is_alive():
                    worker.join(_LOOK_S)
        for worker in workers:
            if worker.bug is not None:
                raise worker.bug
        left = self.team.queue.left()
        if left and self.stopped_by is None:
            warn(f"no host was left for {len(left)} shards: {ranges(left)}")

    def _give_up_others(self, launches: Mapping[str, Launched]) -> None:
        """Count as lost what may run on hosts that are no longer among ours."""
        names = {host.name for host in self.hosts}
        gone = [each for each in launches.values() if each.unsettled and each.host not in names]
        gone = [each for each in gone if each.event != "lost"]
        for each in gone:
            said = {"launch": each.id, "shard": each.shard, "host": each.host, "kind": "node"}
            why = f"{each.host} is not among the hosts any more"
            self.journal.add("lost", [{**said, "submission": each.submission, "why": why}])
        for host in sorted({each.host for each in gone}):
            warn(f"{host} is not among the hosts any more; what may run there counts as lost")

    def _fill(self, workers: Sequence[HostWorker]) -> None:
        """Share out what is due, now that it is known what still runs."""
        now: Gathered = gather(self.folder, self.path, asking=STORES)
        running = [launch for worker in workers for launch in worker.open.values()]
        living = {launch.shard for launch in running}
        plan: Planned = planned(now, self.chosen, living, self.hosts)
        self.team.names = {**self.team.names, **plan.names}
        if plan.doubtful:
            warn(
                f"{len(plan.doubtful)} shards may still run elsewhere, so not started: "
                f"{ranges(plan.doubtful)}"
            )
        say(f"{len(plan.due)} to run on {len(self.hosts)} hosts")
        self.view.expect(len(plan.due) + len(running))
        self.team.queue.fill(plan.due, plan.own, len(running))

    def _team(self, launches: Mapping[str, Launched]) -> Team:
        plan = planned(self.before, None, set(), self.hosts)
        manifest = self.before.manifest
        unsettled = {each.shard for each in launches.values() if each.unsettled}
        names = {index: manifest.plans.row(index)["name"] for index in unsettled}
        heads = ((index, manifest.results.head(index)[0]) for index in unsettled)
        return Team(
            run=self.folder,
            plan_id=self.header.plan_id,
            nested=self.before.facts.nested,
            names=names,
            submissions=plan.submissions,
            walltimes=plan.walltimes,
            queue=HostQueue(reassign=self.spec.ssh.reassign, most=self.spec.max_running),
            journal=self.journal,
            view=self.view,
            give_up_s=self.spec.ssh.give_up,
            long_turns=len(self.hosts) <= _LONG_TURNS_UP_TO,
            done=frozenset(index for index, state in heads if state == "succeeded"),
        )

    def _worker(
        self, host: Host, remote: RemoteRun, launches: Mapping[str, Launched]
    ) -> HostWorker:
        mine = [each for each in launches.values() if each.host == host.name and each.unsettled]
        begun = {each.id for each in mine if each.begun}
        doubtful = [_launch(each) for each in mine if each.event != "lost"]
        known = HostLaunches(host, remote, self.team, begun, doubtful)
        return HostWorker(remote, self.team, known, [_launch(each) for each in mine])

    def _here(self, nonce: tuple[str, str]) -> Here:
        remote = self.spec.ssh.over(read_site().remote)
        return Here(
            path=self.folder,
            name=f"{self.header.run_id}-{self.header.run_uuid[:8]}",
            plan_id=self.header.plan_id,
            nonce_file=nonce[0],
            nonce=nonce[1],
            workdir=remote.workdir or ".farmhand",
            prologue=remote.prologue or "",
            shared=self.spec.ssh.shared,
            obstacle=_obstacle(self.spec, self.folder),
            answer_s=min(ANSWER_S, max(_LEAST_ANSWER_S, self.spec.ssh.give_up)),
        )

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """INT, TERM and HUP end what runs on the hosts; the second one at once."""

        def stop(number: int, frame: FrameType | None) -> None:
            del frame
            if self.stopped_by is None:
                self.stopped_by = number
                say(f"{signal.Signals(number).name}: ending what runs on the hosts")
            else:
                self.team.killing.set()
            self.team.stopping.set()

        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        old = {number: signal.signal(number, stop) for number in numbers}
        try:
            yield
        finally:
            for number, handler in old.items():
                signal.signal(number, handler)


def _hosts(spec: Spec, file: str | None) -> tuple[Host, ...]:
    """Return the hosts to work on; what a file leaves out is as the render had it."""
    if file is None:
        return spec.ssh.hosts
    before = {host.name: host.model_dump() for host in spec.ssh.hosts}
    found = (host.model_dump(exclude_unset=True) for host in working(read_hosts(file)))
    return tuple(Host(**(before.get(given["name"], {}) | given)) for given in found)


def _launch(each: Launched) -> Launch:
    return Launch(each.id, each.shard, block_of(each.shard), each.submission)


def _obstacle(spec: Spec, folder: str) -> str | None:
    read = files_here(folder)
    return obstacle(spec, folder) or (f"shards read {read}, which is not copied" if read else None)


def _wait(condition: Callable[[], bool]) -> None:
    while not condition():
        time.sleep(_LOOK_S)


@contextmanager
def _nonce(folder: str) -> Iterator[tuple[str, str]]:
    """Leave a file by which hosts that see the run directory are known."""
    nonce = secrets.token_hex(16)
    path = os.path.join(folder, "logs", f".nonce-{nonce[:8]}")
    with open(path, "x", encoding="ascii") as stream:
        stream.write(nonce)
    try:
        yield path, nonce
    finally:
        os.unlink(path)
