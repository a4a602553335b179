"""A private HTCondor pool: central manager, schedd and three nodes on this machine."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pwd
import shlex
import shutil
import signal
import subprocess
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.clusters import condor_conf, condor_processes, farmer
from tests.clusters.condor_conf import NODES, Options, startd
from tests.clusters.condor_root import PATH, check_machine
from tests.clusters.daemons import ClusterError, Daemons, free_ports, poll

if TYPE_CHECKING:
    from collections.abc import Iterator

Done = subprocess.CompletedProcess[str]
ACCOUNT = "daemon"  # owns what the daemons write (CONDOR_IDS); every machine has it
MASTER = "condor_master"
LONGEST = 72  # of the directory's path: a socket in it ends at 107 bytes (unix(7))
# Directories of the daemons; a new configuration keeps their logs.
OWNED = ("log", "lock", "run", "sock", "spool", *(f"execute.{node}" for node in NODES))


@dataclass
class Pool:
    """The pool of one directory, whose path must be short and open to others."""

    home: Path
    options: Options = field(default_factory=Options)

    def __post_init__(self) -> None:
        self.daemons = Daemons(self.home / "daemons", self.home / "log")

    @property
    def conf(self) -> Path:
        return self.home / "condor_config"

    @cached_property
    def chosen(self) -> dict[str, Any]:
        """What was chosen when the pool was configured."""
        values: dict[str, Any] = json.loads((self.home / "pool.json").read_bytes())
        return values

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """One at a time: several test processes bring up the same pool."""
        self.home.mkdir(mode=0o755, parents=True, exist_ok=True)
        if self.home.stat().st_uid != os.geteuid():
            raise ClusterError(f"{self.home} belongs to somebody else")
        with open(self.home / "lock.pool", "ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def up(self) -> None:
        """Start it, unless it runs as it was asked for; then it stays as it is, with its jobs."""
        root = check_machine()
        if len(os.fsencode(self.home)) > LONGEST:
            raise ClusterError(f"the path of {self.home} is too long for sockets in it")
        farmer.account()
        with self.locked():
            if self.daemons.pid(MASTER) is None or self.chosen["options"] != asdict(self.options):
                self._down()
                self._configure(root)
                env = {"PATH": PATH, "CONDOR_CONFIG": str(self.home / "head.conf")}
                self.daemons.start(MASTER, [f"{root}/usr/sbin/condor_master", "-f"], env)
            try:
                self.daemons.need(MASTER, self._answers)
            except ClusterError as error:
                raise ClusterError(f"{error}\n{self._last_words()}") from None

    def _last_words(self) -> str:
        log = self.home / "log/MasterLog"
        lines = log.read_text("utf-8", "replace").splitlines() if log.exists() else []
        return "\n".join([f"{log} ends:", *lines[-12:]])

    def _configure(self, root: Path) -> None:
        for name in OWNED:
            folder = self.home / name
            if name != "log":
                shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(mode=0o755, exist_ok=True)
            shutil.chown(folder, ACCOUNT, ACCOUNT)
        self._tools(root)
        chosen = {"root": str(root), "port": free_ports(1)[0], "options": asdict(self.options)}
        (self.home / "pool.json").write_text(json.dumps(chosen), encoding="utf-8")
        self.__dict__.pop("chosen", None)
        ids = pwd.getpwnam(ACCOUNT)
        values = {
            **chosen,
            **asdict(self.options),
            "account": ACCOUNT,
            "ids": f"{ids.pw_uid}.{ids.pw_gid}",
        }
        condor_conf.write(self.home, values)

    def _tools(self, root: Path) -> None:
        """A directory for PATH with HTCondor's commands, and no others of the root."""
        folder = self.home / "bin"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for tool in [*root.glob("usr/bin/condor_*"), *root.glob("usr/sbin/condor_o[nf]*")]:
            (folder / tool.name).symlink_to(tool)

    def _answers(self) -> bool:
        """Whether the nodes take jobs and the schedd can be asked for them."""
        nodes = self.admin("condor_status", "-af", "Machine", check=False).stdout.split()
        if len(set(nodes)) < len(NODES):
            return False
        schedds = self.admin("condor_status", "-schedd", "-af", "Name", check=False).stdout
        return bool(schedds.strip()) and self.admin("condor_q", check=False).returncode == 0

    def down(self) -> list[str]:
        """Stop the pool and its jobs; says what ran."""
        if not self.home.exists():
            return []
        with self.locked():
            return self._down()

    def _down(self) -> list[str]:
        stopped = []
        pid = self.daemons.pid(MASTER)
        if pid is not None:
            stopped.append(MASTER)
            # Fast: jobs are killed, not asked to vacate (condor_master(1)).
            os.kill(pid, signal.SIGQUIT)
            with contextlib.suppress(ClusterError):
                poll(lambda: self.daemons.pid(MASTER) is None, f"{MASTER} to end", 10.0)
            with contextlib.suppress(ChildProcessError):  # not ours to reap
                os.waitpid(pid, os.WNOHANG)
        rest = condor_processes.of_pool(self.home)
        condor_processes.kill(rest)
        self.daemons.stop(MASTER)  # forgets it
        if pid is None:
            stopped += [f"process {pid}" for pid in rest]
        return stopped

    def start(self, name: str) -> None:
        """Start `schedd`, `negotiator`, `collector`, `n1`, `n2` or `w1` again."""
        self.admin("condor_on", "-daemon", daemon(name))
        poll(self._answers, f"{name} to answer", 30.0)

    def stop(self, name: str) -> None:
        """Stop a daemon: jobs on a node are killed; those of a schedd go on, to be found again."""
        self.admin("condor_off", "-fast", "-daemon", daemon(name))
        poll(lambda: self.pid(name) is None, f"{name} to end", 30.0)

    def kill_node(self, name: str) -> None:
        """End a node as a power cut would: nobody reports how its jobs ended."""
        doomed = condor_processes.of_node(self.home, name)
        condor_processes.freeze(doomed)
        # The master is told, lest it starts the node again; the node does not hear of it.
        self.admin("condor_off", "-fast", "-daemon", daemon(name))
        condor_processes.kill(doomed)

    def pid(self, name: str) -> int | None:
        """The process of a daemon that runs."""
        return condor_processes.of_daemon(self.home, name)

    def admin(self, *words: str, check: bool = True) -> Done:
        """Run a command as the administrator."""
        env = {"PATH": f"{self.home}/bin:{PATH}", "CONDOR_CONFIG": str(self.conf)}
        done = subprocess.run(
            words, env=env, capture_output=True, text=True, timeout=60, check=False
        )
        if check and done.returncode != 0:
            said = f"{done.stdout}{done.stderr}"
            raise ClusterError(f"{shlex.join(words)}: exit code {done.returncode}\n{said}")
        return done


def daemon(name: str) -> str:
    """What condor_on(1) and condor_off(1) call it."""
    return startd(name) if name in NODES else name.upper()
