"""Where HTCondor comes from: a directory made once from packages of a newer Debian release.

    python -m tests.clusters.condor_root

makes it, in about a minute, or finds that it is there. Tests only use it, without a network.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.clusters.daemons import ClusterError

SUITE = os.environ.get("FARMHAND_CONDOR_SUITE", "trixie")  # HTCondor 23.9; forky has 25
RECIPE = f"{SUITE} 1"  # another number makes everybody's root again
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
NEEDED = ("debootstrap", "unshare", "chroot", "setpriv", "useradd")
INSTALL = ("apt-get", "install", "--yes", "--no-install-recommends", "debootstrap")


def root() -> Path:
    """The directory, in the cache when other users can get there: they run what is in it."""
    cache = Path(os.environ.get("FARMHAND_CACHE") or "/var/cache/farmhand").absolute()
    if not is_open(cache):
        cache = Path("/var/cache/farmhand")
    return cache / f"htcondor-{SUITE}"


def is_open(folder: Path) -> bool:
    """Whether everybody may pass the directories that exist."""
    there = [path for path in (folder, *folder.parents) if path.exists()]
    return all(path.stat().st_mode & 0o001 for path in there)


def is_made(root: Path) -> bool:
    """Whether it is whole, of today's recipe, and where it was made for."""
    try:
        return (root / "made").read_text(encoding="utf-8").splitlines() == [RECIPE, str(root)]
    except OSError:
        return False


def check_machine() -> Path:
    """Refuse, in words, a machine where no private pool can run; the root where one can."""
    if not is_made(root()):
        raise ClusterError(f"no HTCondor in {root()}; type: make schedulers")
    if os.geteuid() != 0:
        raise ClusterError("a private pool runs as root, for it starts jobs of other users")
    return root()


def make(root: Path) -> None:
    """Make it, unless it is there; says what goes on where it takes long."""
    if is_made(root):
        return
    if os.geteuid() != 0:
        raise ClusterError(f"only root can make {root}; type: sudo make schedulers")
    root.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    # Whoever makes it holds the lock until the last process is gone, also when this one is killed.
    with open(f"{root}.lock", "ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if is_made(root):
            return
        sys.stdout.write(f"Making {root} with HTCondor, once; this takes about a minute\n")
        sys.stdout.flush()
        if any(shutil.which(name, path=PATH) is None for name in NEEDED):
            run(["apt-get", "update"], lock.fileno())
            run(INSTALL, lock.fileno())
        script = Path(__file__).with_suffix(".sh")
        run(["bash", str(script), str(root), SUITE, RECIPE], lock.fileno())


def run(argv: list[str] | tuple[str, ...], lock: int) -> None:
    env = {**os.environ, "PATH": PATH, "DEBIAN_FRONTEND": "noninteractive"}
    with tempfile.NamedTemporaryFile(prefix="farmhand-condor-", suffix=".log", delete=False) as log:
        try:
            done = subprocess.run(
                argv, env=env, stdout=log, stderr=log, pass_fds=[lock], check=False
            ).returncode
        except OSError as error:
            raise ClusterError(f"{argv[0]}: {error.strerror}") from None
    if done != 0:
        lines = Path(log.name).read_text(encoding="utf-8", errors="replace").splitlines()
        words = "\n".join(lines[-20:])
        raise ClusterError(f"{' '.join(argv)}: exit code {done}\n{words}\n(kept in {log.name})")
    os.unlink(log.name)


if __name__ == "__main__":
    os.umask(0o022)
    try:
        make(root())
    except ClusterError as error:
        sys.exit(str(error))
