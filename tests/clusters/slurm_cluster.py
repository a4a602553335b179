"""One small cluster of a private SLURM: slurmctld and two nodes on this machine."""

from __future__ import annotations

import json
import os
import random
import shlex
import shutil
import signal
import subprocess
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.clusters import cgroups, farmer
from tests.clusters.daemons import ClusterError, free_ports, poll
from tests.clusters.job_processes import end_jobs
from tests.clusters.slurm_conf import (
    CGROUP,
    GRES,
    NO_CGROUP,
    NODES,
    Options,
    slurm_conf,
)
from tests.clusters.slurm_services import PATH, SERVICES, Services, check_machine, command

if TYPE_CHECKING:
    from collections.abc import Iterable

JOB_IDS = 10_000  # of one cluster: control groups of all on this machine go by job id
MOST_JOBS = 60_000_000  # below the default of MaxJobId
READY = {"idle", "mixed", "allocated", "completing"}  # states of sinfo(1) that take jobs

Done = subprocess.CompletedProcess[str]


@dataclass
class Cluster:
    """A cluster by its name, beside others of the same directory."""

    home: Path
    name: str = "main"
    options: Options = field(default_factory=Options)

    def __post_init__(self) -> None:
        self.services = Services(self.home)
        self.daemons = self.services.daemons
        self.records = {"slurmctld": f"{self.name}.slurmctld"}
        self.records |= {node: f"{self.name}.slurmd.{node}" for node in NODES}

    @property
    def conf(self) -> Path:
        return self.home / self.name / "slurm.conf"

    @cached_property
    def values(self) -> dict[str, Any]:
        """What was chosen when the cluster was configured."""
        chosen: dict[str, Any] = json.loads((self.home / self.name / "chosen.json").read_bytes())
        return chosen

    @property
    def enforces_memory(self) -> bool:
        """Whether a job that uses more memory than it asked for is killed."""
        return bool(self.values["enforced"])

    def up(self) -> None:
        """Start what does not run; what runs already, and its jobs, stay as they are."""
        check_machine()
        with self.services.locked():
            if self.services.up() or not self._known():
                self._down()
                self._configure()
            for name, record in self.records.items():
                if self.daemons.pid(record) is None:
                    self.start(name)
            self._wait_for_nodes()

    def _known(self) -> bool:
        """Whether it is up, in part at least, as it was asked for."""
        if not self.conf.exists():
            return False
        asked = self.values.get("options") == asdict(self.options)
        return asked and any(self.daemons.pid(record) for record in self.records.values())

    def down(self) -> list[str]:
        """Stop the cluster and its jobs, not the services; says what ran."""
        with self.services.locked():
            return self._down()

    def _down(self) -> list[str]:
        stopped = [record for record in self.records.values() if self.daemons.stop(record)]
        logs = {node: self._node_log(node) for node in NODES}
        stopped += [f"process {pid} of a job" for pid in end_jobs(self.conf, logs)]
        if self.conf.exists():
            first = self.values["first_job"]
            cgroups.remove(range(first, first + JOB_IDS))
        return stopped

    def _node_log(self, node: str) -> Path:
        return self.home / f"logs/{self.records[node]}.log"

    def start(self, name: str) -> None:
        """Start `slurmctld`, `n1`, `n2`, or one of the services."""
        if name in SERVICES:
            self.services.start(name)
            return
        record = self.records[name]
        env = {"PATH": PATH, "SLURM_CONF": str(self.conf)}
        if name == "slurmctld":
            self.daemons.start(record, [command("slurmctld"), "-D"], env)
            ping = ("scontrol", "ping")
            self.daemons.need(record, lambda: self.admin(*ping, check=False).returncode == 0)
        else:
            self.daemons.start(record, [command("slurmd"), "-D", "-N", name], env)

    def stop(self, name: str) -> None:
        """Stop `slurmctld`, `n1`, `n2`, or one of the services; jobs on a node go on."""
        self.daemons.stop(self.records.get(name, name))

    def kill_node(self, name: str) -> None:
        """End a node as a power cut would: nobody reports how its jobs ended."""
        pid = self.daemons.pid(self.records[name])
        if pid is not None:
            os.kill(pid, signal.SIGKILL)
        end_jobs(self.conf, {name: self._node_log(name)})
        self.stop(name)

    def admin(self, *words: str, check: bool = True) -> Done:
        """Run a command as the administrator."""
        env = {"PATH": PATH, "SLURM_CONF": str(self.conf), "SLURM_TIME_FORMAT": "%s"}
        done = subprocess.run(
            words, env=env, capture_output=True, text=True, timeout=60, check=False
        )
        if check and done.returncode != 0:
            said = f"{done.stdout}{done.stderr}"
            raise ClusterError(f"{shlex.join(words)}: exit code {done.returncode}\n{said}")
        return done

    def _configure(self) -> None:
        folder = self.home / self.name
        shutil.rmtree(folder, ignore_errors=True)
        for name in ("state", *(f"spool.{node}" for node in NODES)):
            (folder / name).mkdir(parents=True)
        ctld, *ports = free_ports(1 + len(NODES))
        chosen = {
            "options": asdict(self.options),
            "ctld": ctld,
            "first_job": self.options.first_job or random.randrange(JOB_IDS, MOST_JOBS, JOB_IDS),
            "enforced": self.options.enforce_memory and cgroups.can_be_made(),
            **dict(zip(NODES, ports, strict=True)),
        }
        (folder / "chosen.json").write_text(json.dumps(chosen), encoding="utf-8")
        self.__dict__.pop("values", None)
        places = {"home": self.home, "munge": self.services.munge, "name": self.name}
        text = slurm_conf(self.options, chosen | places | {"dbd": self.services.values["dbd"]})
        self.conf.write_text(text, encoding="utf-8")
        text = CGROUP if chosen["enforced"] else NO_CGROUP
        (folder / "cgroup.conf").write_text(text, encoding="utf-8")
        (folder / "gres.conf").write_text(GRES, encoding="utf-8")
        self._accounts()

    def _accounts(self) -> None:
        """Accounts and qualities of service that directives may name (sacctmgr(1))."""
        farmer.account()
        ask = self.services.sacctmgr
        where = f"cluster={self.name}"
        if self.name not in ask("list", "cluster", "format=cluster").split():
            ask("add", "cluster", self.name)
            ask("add", "account", "physics,theory", where)
            if "long" not in ask("list", "qos", "format=name").split():
                ask("add", "qos", "long,express")
            ask("add", "user", farmer.NAME, "account=physics,theory", where)
        ask(
            *("modify", "user", farmer.NAME, "where", where, "set"),
            *("qos=normal,long,express", "defaultaccount=physics"),
            f"maxsubmitjobs={self.options.max_submit_jobs or -1}",
        )

    def _wait_for_nodes(self) -> None:
        def ready() -> bool:
            words = ("sinfo", "-h", "-N", "-p", "main", "-o", "%T")
            states = self.admin(*words, check=False).stdout.split()
            return len(states) == len(NODES) and set(states) <= READY

        try:
            poll(ready, "the nodes to take jobs", 30.0)
        except ClusterError as error:
            tails = [self.daemons.tail(record) for record in self.records.values()]
            raise ClusterError("\n".join([str(error), *tails])) from None


def take_down(home: Path, clusters: Iterable[str] = ()) -> list[str]:
    """Stop everything in a directory; says what ran."""
    if not home.exists():
        return []
    names = {path.parent.name for path in home.glob("*/chosen.json")} | set(clusters)
    stopped = [what for name in sorted(names) for what in Cluster(home, name).down()]
    services = Services(home)
    with services.locked():
        return stopped + services.down()
