"""What private SLURM clusters share: munge, a database and slurmdbd, in one directory."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import shutil
import socket
import subprocess
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.clusters.daemons import ClusterError, Daemons, free_ports
from tests.clusters.slurm_conf import DATABASE_CLIENT, DATABASE_DAEMON, HOST

if TYPE_CHECKING:
    from collections.abc import Iterator

COMMANDS = (
    *("munged", "mungekey", "mariadbd", "mariadb", "mariadb-install-db", "setpriv", "useradd"),
    *("slurmdbd", "slurmctld", "slurmd", "sbatch", "squeue", "sacct", "sacctmgr", "scontrol"),
)
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
SERVICES = ("munged", "mariadbd", "slurmdbd")  # in the order in which they need each other
# A small database that need not survive a power cut.
DATABASE = ("--innodb-log-file-size=8M", "--innodb-flush-log-at-trx-commit=0")
SQL = """\
CREATE DATABASE IF NOT EXISTS slurm_acct_db;
CREATE OR REPLACE USER slurm@'127.0.0.1' IDENTIFIED BY '{password}';
GRANT ALL ON slurm_acct_db.* TO slurm@'127.0.0.1';
"""


def command(name: str) -> str:
    found = shutil.which(name, path=PATH)
    if found is None:
        raise ClusterError(f"no {name} on this machine; type: make schedulers")
    return found


def check_machine() -> None:
    """Refuse, in words, a machine where no private SLURM can run."""
    missing = [name for name in COMMANDS if shutil.which(name, path=PATH) is None]
    if missing:
        raise ClusterError(f"no {', '.join(missing)} on this machine; type: make schedulers")
    if os.geteuid() != 0:
        raise ClusterError("a private SLURM runs as root, for slurmd starts jobs of other users")


@dataclass
class Services:
    """munged, mariadbd and slurmdbd of one directory."""

    home: Path
    daemons: Daemons = field(init=False)

    def __post_init__(self) -> None:
        self.daemons = Daemons(self.home / "run", self.home / "logs")

    @property
    def munge(self) -> Path:
        return self.home / "munge/socket"

    @cached_property
    def values(self) -> dict[str, Any]:
        """What was chosen when the services started."""
        chosen: dict[str, Any] = json.loads((self.home / "services.json").read_bytes())
        return chosen

    @property
    def env(self) -> dict[str, str]:
        """slurmdbd looks for its configuration beside SLURM_CONF."""
        return {"PATH": PATH, "SLURM_CONF": str(self.home / "dbd/slurm.conf")}

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """One at a time: several test processes bring up the same instance."""
        self.home.mkdir(mode=0o755, parents=True, exist_ok=True)
        if self.home.stat().st_uid != os.geteuid():
            raise ClusterError(f"{self.home} belongs to somebody else")
        with open(self.home / "lock", "ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def up(self) -> bool:
        """Start all three, unless they run; says whether it had to."""
        if all(self.daemons.pid(name) for name in SERVICES):
            return False
        self.down()
        (self.home / "logs").mkdir(exist_ok=True)
        dbd, mariadb = free_ports(2)
        chosen = {"dbd": dbd, "mariadb": mariadb, "password": secrets.token_hex(16)}
        secret_file(self.home / "services.json", json.dumps(chosen))
        self.__dict__.pop("values", None)
        self._configure()
        for name in SERVICES:
            self.start(name)
        return True

    def down(self) -> list[str]:
        """Stop all three; says which ran."""
        return [name for name in reversed(SERVICES) if self.daemons.stop(name)]

    def start(self, name: str) -> None:
        """Start one of the three and wait until it answers."""
        {"munged": self._munge, "mariadbd": self._mariadb, "slurmdbd": self._slurmdbd}[name]()

    def sacctmgr(self, *words: str) -> str:
        """What sacctmgr says."""
        argv = [command("sacctmgr"), "-i", "-n", "-P", *words]
        done = subprocess.run(argv, env=self.env, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise ClusterError(f"sacctmgr {' '.join(words)}: {done.stdout}{done.stderr}")
        return done.stdout

    def _munge(self) -> None:
        """munged(8); its key belongs to whoever runs it, its socket to everybody."""
        home = self.home / "munge"
        home.mkdir(exist_ok=True)
        if not (home / "key").exists():
            subprocess.run([command("mungekey"), "--create", f"--keyfile={home}/key"], check=True)
        argv = [command("munged"), "--foreground", "--force", f"--socket={self.munge}"]
        argv += [f"--key-file={home}/key", f"--pid-file={home}/pid", f"--seed-file={home}/seed"]
        for leftover in ("socket", "socket.lock", "pid"):
            (home / leftover).unlink(missing_ok=True)
        self.daemons.start("munged", argv, {"PATH": PATH})
        self.daemons.need("munged", lambda: listens(self.munge))

    def _mariadb(self) -> None:
        home = self.home / "db"
        if not (home / "installed").exists():
            self._install_database(home)
        argv = [command("mariadbd"), "--no-defaults", "--user=mysql", f"--datadir={home}"]
        argv += [f"--socket={home}/socket", "--bind-address=127.0.0.1", "--skip-name-resolve"]
        argv += [f"--port={self.values['mariadb']}", f"--pid-file={home}/pid", *DATABASE]
        self.daemons.start("mariadbd", argv, {"PATH": PATH})
        self.daemons.need("mariadbd", lambda: listens(home / "socket"))
        sql = SQL.format(password=self.values["password"])
        client = [command("mariadb"), "--no-defaults", f"--socket={home}/socket"]
        subprocess.run(client, input=sql, text=True, check=True)

    def _install_database(self, home: Path) -> None:
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir()
        shutil.chown(home, "mysql", "mysql")
        argv = [command("mariadb-install-db"), "--no-defaults", "--user=mysql"]
        argv += [f"--datadir={home}", "--skip-test-db", "--skip-name-resolve", *DATABASE]
        log = self.home / "logs/mariadb-install-db.out"
        with open(log, "wb") as file:
            done = subprocess.run(argv, stdout=file, stderr=file, check=False)
        if done.returncode != 0:
            raise ClusterError(f"mariadb-install-db failed:\n{log.read_text(errors='replace')}")
        (home / "installed").touch()

    def _configure(self) -> None:
        home = self.home / "dbd"
        home.mkdir(exist_ok=True)
        values = {**self.values, "home": self.home, "munge": self.munge, "host": HOST}
        secret_file(home / "slurmdbd.conf", DATABASE_DAEMON.format(**values))
        (home / "slurm.conf").write_text(DATABASE_CLIENT.format(**values), encoding="utf-8")

    def _slurmdbd(self) -> None:
        ask = [command("sacctmgr"), "-n", "list", "cluster"]

        def answers() -> bool:
            return (
                subprocess.run(ask, env=self.env, capture_output=True, check=False).returncode == 0
            )

        self.daemons.start("slurmdbd", [command("slurmdbd"), "-D"], self.env)
        self.daemons.need("slurmdbd", answers)


def secret_file(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")


def listens(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(path)) == 0
