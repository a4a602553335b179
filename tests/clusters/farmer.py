"""The ordinary user who types sbatch: schedulers treat root unlike anybody else."""

from __future__ import annotations

import functools
import os
import pwd
import shutil
import subprocess
import sys
from pathlib import Path

from tests.clusters.daemons import ClusterError

NAME = "farmer"


def _useradd() -> str:
    return shutil.which("useradd", path=f"{os.environ['PATH']}:/usr/sbin:/sbin") or "useradd"


def account() -> pwd.struct_passwd:
    """The user, made when this machine does not have it yet."""
    try:
        return pwd.getpwnam(NAME)
    except KeyError:
        argv = [_useradd(), "--create-home", "--home-dir", f"/home/{NAME}", "--shell", "/bin/bash"]
        done = subprocess.run([*argv, NAME], capture_output=True, text=True, check=False)
        if done.returncode not in {0, 9}:  # 9: another test run was faster
            raise ClusterError(f"useradd {NAME}: {done.stderr.strip()}") from None
        return pwd.getpwnam(NAME)


@functools.cache
def prefix() -> list[str]:
    """The words that run what follows them as the user.

    A clone under /root, or a Python under /root/.pyenv, is closed to an ordinary user. Then the
    process is the user's in every way but one: it may read what it likes (CAP_DAC_READ_SEARCH,
    capabilities(7)). What it writes, submits and starts is the user's.
    """
    words = ["setpriv", f"--reuid={NAME}", f"--regid={NAME}", "--init-groups"]
    # Through a shell: setpriv itself may still read everything when it looks the program up.
    look = 'exec "$0" -c "import farmhand"'
    argv = [*words, "--", "/bin/sh", "-c", look, sys.executable]
    done = subprocess.run(argv, env={"PATH": "/usr/bin:/bin"}, capture_output=True, check=False)
    if done.returncode != 0:
        words += ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
    return [*words, "--"]


def environment(conf: Path) -> dict[str, str]:
    """All the user has in the environment: nothing of the caller's SLURM_* or SBATCH_*."""
    user = account()
    return {
        "HOME": user.pw_dir,
        "USER": NAME,
        "LOGNAME": NAME,
        "SHELL": "/bin/bash",
        "LANG": "C.UTF-8",
        "PATH": os.pathsep.join([os.path.dirname(sys.executable), "/usr/bin", "/bin"]),
        "SLURM_CONF": str(conf),
    }
