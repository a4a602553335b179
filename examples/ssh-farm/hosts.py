"""Four hosts on this machine: an sshd each, on ports of the loopback address.

    python hosts.py up      make keys, start them, write farm/hosts.txt and farm/site.yaml
    python hosts.py down    end them

They run as you and let nobody else in. All they write is below farm/, each in a home of its own.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

FARM = Path("farm").resolve()
# What the hosts file says of each. cedar has no weight: it gets the one of its cores.
HOSTS = {"alder": "weight=4", "birch": "weight=2 threads=1", "cedar": "", "doug-fir": "weight=0.5"}
SSHD_CONFIG = """\
Port {port}
ListenAddress 127.0.0.1
HostKey {farm}/host_key
PidFile {farm}/{name}.pid
AuthorizedKeysFile {farm}/my_key.pub
StrictModes no
UsePAM no
PermitRootLogin yes
PasswordAuthentication no
SetEnv HOME="{farm}/{name}"
"""
SSH_CONFIG = """\
Host {names}
  HostName 127.0.0.1
  HostKeyAlias farm
  IdentityFile "{farm}/my_key"
  IdentitiesOnly yes
  UserKnownHostsFile "{farm}/known_hosts"
"""
SITE = """\
remote:
  config: "{farm}/ssh_config"
  workdir: work
  prologue: export PATH="{tools}:$PATH"
"""


def up() -> None:
    """Start the hosts."""
    down()
    FARM.mkdir(exist_ok=True)
    for key in ("host_key", "my_key"):
        if not (FARM / key).exists():
            words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", key, "-f"]
            subprocess.run([*words, str(FARM / key)], check=True)
    lines = [f"{name} port={start(name)} {more}".rstrip() for name, more in HOSTS.items()]
    write("hosts.txt", "\n".join(["# name  port  share of the work", *lines, ""]))
    write("known_hosts", f"farm {(FARM / 'host_key.pub').read_text()}")
    write("ssh_config", SSH_CONFIG.format(names=" ".join(HOSTS), farm=FARM))
    write("site.yaml", SITE.format(farm=FARM, tools=os.path.dirname(sys.executable)))
    print(f"{len(HOSTS)} hosts; they are named in farm/hosts.txt")


def start(name: str) -> int:
    """Start one; return its port."""
    sshd = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    if sshd is None:
        sys.exit("there is no sshd on this machine (on Debian: apt install openssh-server)")
    if os.geteuid() == 0:
        os.makedirs("/run/sshd", exist_ok=True)  # sshd insists on it when root starts it
    (FARM / name).mkdir(exist_ok=True)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    write(f"{name}.conf", SSHD_CONFIG.format(port=port, farm=FARM, name=name))
    subprocess.run([sshd, "-f", str(FARM / f"{name}.conf"), "-E", f"{FARM}/{name}.log"], check=True)
    for _ in range(100):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return port
        time.sleep(0.1)
    sys.exit(f"{name} does not answer: see {FARM}/{name}.log")


def down() -> None:
    """End the hosts that run."""
    for path in FARM.glob("*.pid"):
        pid = int(path.read_text())
        name = Path(f"/proc/{pid}/comm")
        if name.exists() and name.read_text().strip() == "sshd":
            os.kill(pid, signal.SIGTERM)
        path.unlink(missing_ok=True)


def write(name: str, text: str) -> None:
    """Write one file of the farm."""
    (FARM / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1:] not in (["up"], ["down"]):
        sys.exit(__doc__)
    (up if sys.argv[1] == "up" else down)()
