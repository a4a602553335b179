"""Several real sshd on the loopback address: each is a host with a port and a home of its own.

    python -m tests.clusters.sshd up|down HOME

They run as whoever starts them and let only that user in; started by root, a host may have another
user. Nothing outside HOME is written but /run/sshd, which sshd wants of root.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.clusters import farmer
from tests.clusters.daemons import Daemons, free_ports

if TYPE_CHECKING:
    from collections.abc import Sequence

_SSHD = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin:/sbin") or "sshd"
_CONFIG = """\
Port {port}
ListenAddress 127.0.0.1
HostKey {keys}/host
PidFile none
AuthorizedKeysFile {keys}/authorized_keys
StrictModes no
UsePAM no
PermitRootLogin yes
PasswordAuthentication no
KbdInteractiveAuthentication no
PrintMotd no
MaxStartups 200
Subsystem sftp internal-sftp
SetEnv HOME="{home}" PATH="{path}"
{more}
"""


def installed() -> bool:
    """Say whether this machine has an sshd."""
    return shutil.which(_SSHD) is not None


@dataclass(frozen=True)
class Host:
    """One host."""

    name: str
    port: int
    home: Path
    user: str | None = None


class Farm:
    """Hosts in a directory, which is open to all users of the machine."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.keys = path / "keys"
        self.config = path / "ssh_config"
        self.hosts: dict[str, Host] = {}
        self.daemons = Daemons(path / "daemons", path / "logs")

    def up(self) -> None:
        """Make keys and the configuration of clients; no host is there yet."""
        self.keys.mkdir(parents=True, exist_ok=True)
        for name in ("host", "me", "stranger"):
            if not (self.keys / name).exists():
                words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name]
                subprocess.run([*words, "-f", str(self.keys / name)], check=True)
        shutil.copy(self.keys / "me.pub", self.keys / "authorized_keys")
        os.chmod(self.keys / "authorized_keys", 0o644)
        self.write_config()

    def write_config(self, **more: str) -> None:
        """Write the configuration that clients are given."""
        options = {
            "HostName": "127.0.0.1",
            "HostKeyAlias": "farm",
            "IdentityFile": str(self.keys / "me"),
            "IdentitiesOnly": "yes",
            "UserKnownHostsFile": str(self.path / "known_hosts"),
            "GlobalKnownHostsFile": "none",
            **more,
        }
        lines = [f'  {name} "{value}"' for name, value in options.items()]
        self.config.write_text("\n".join(["Host *", *lines, ""]), encoding="utf-8")
        public = (self.keys / "host.pub").read_text(encoding="utf-8")
        (self.path / "known_hosts").write_text(f"farm {public}", encoding="utf-8")

    def add(
        self, *names: str, user: str | None = None, more: Sequence[str] = (), home: str = "home {}"
    ) -> list[Host]:
        """Start hosts; `more` are lines of sshd_config(5)."""
        made = []
        for name, port in zip(names, free_ports(len(names)), strict=True):
            place = self.path / home.format(name)
            place.mkdir(exist_ok=True)
            if user is not None:
                # An account whose password begins with ! counts as locked where there is no PAM.
                subprocess.run(["usermod", "--password", "*", user], check=True)
                os.chown(place, farmer.account().pw_uid, farmer.account().pw_gid)
            self.hosts[name] = Host(name, port, place, user)
            text = _CONFIG.format(
                port=port,
                keys=self.keys,
                home=place,
                path=os.environ["PATH"],
                more="\n".join(more),
            )
            (self.path / f"{name}.conf").write_text(text, encoding="utf-8")
            self.start(name)
            made.append(self.hosts[name])
        return made

    def start(self, name: str) -> None:
        """Start the sshd of a host that was stopped."""
        if os.geteuid() == 0:
            os.makedirs("/run/sshd", mode=0o755, exist_ok=True)
        config = str(self.path / f"{name}.conf")
        self.daemons.start(name, [_SSHD, "-D", "-e", "-f", config], os.environ)
        port = self.hosts[name].port
        self.daemons.need(name, lambda: _speaks(port))

    def stop(self, name: str) -> None:
        """End the sshd of a host with all of its sessions, as a cut of the network does."""
        pid = self.daemons.pid(name)
        children = _below(pid) if pid else []
        self.daemons.stop(name)
        for child in children:
            subprocess.run(["kill", "-KILL", str(child)], check=False, capture_output=True)

    def freeze(self, name: str) -> None:
        """Stop the sshd of a host and its connections: it accepts, and says nothing."""
        self._signal(name, "STOP")

    def thaw(self, name: str) -> None:
        """Let it go on."""
        self._signal(name, "CONT")

    def _signal(self, name: str, signal: str) -> None:
        pid = self.daemons.pid(name)
        if pid is not None:
            words = [str(each) for each in (pid, *_below(pid))]
            subprocess.run(["kill", f"-{signal}", *words], check=False, capture_output=True)

    def down(self) -> None:
        """End every host."""
        for name in self.daemons.names():
            self.thaw(name)
        for name in self.daemons.names():
            self.stop(name)

    def hosts_file(self, **words: str) -> Path:
        """Write a hosts file of all hosts, with more words for those that are named."""
        lines = []
        for host in self.hosts.values():
            user = f" user={host.user}" if host.user else ""
            lines.append(f"{host.name} port={host.port}{user} {words.get(host.name, '')}".rstrip())
        path = self.path / "hosts.txt"
        path.write_text("\n".join([*lines, ""]), encoding="utf-8")
        return path

    def site(self, **more: str) -> Path:
        """Write a site profile that leads clients here."""
        lines = [f'  {name}: "{value}"' for name, value in {"config": self.config, **more}.items()]
        path = self.path / "site.yaml"
        path.write_text("\n".join(["remote:", *lines, ""]), encoding="utf-8")
        return path


def _below(pid: int) -> list[int]:
    """Processes that sshd started for connections; what sessions left behind is not among them."""
    found = []
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    except OSError:
        return []
    for child in children:
        name = Path(f"/proc/{child}/comm")
        if name.exists() and name.read_text(encoding="utf-8").strip().startswith("sshd"):
            found += [int(child), *_below(int(child))]
    return found


def _speaks(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as stream:
            return stream.recv(4) == b"SSH-"
    except OSError:
        return False


def main() -> None:
    verb, home = sys.argv[1:3]
    farm = Farm(Path(home).resolve())
    if verb == "down":
        farm.down()
        return
    farm.up()
    farm.add("node1", "node2", "node3", "node4")
    farm.hosts_file()
    farm.site()
    print(f"export FARMHAND_SITE={farm.path}/site.yaml; hosts file: {farm.path}/hosts.txt")  # noqa: T201


if __name__ == "__main__":
    main()
