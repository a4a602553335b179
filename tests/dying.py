"""Farmhand killed with -9 before the n-th call that changes something on disk."""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

# Kills its own process before the n-th call that changes something on disk, of all that it makes.
DYING = """
import builtins, os, signal, sys
left = int(sys.argv.pop(1))
def dying(call):
    def wrapper(*args, **named):
        global left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return call(*args, **named)
    return wrapper
real_open = builtins.open
def opening(path, mode="r", *args, **named):
    return (dying(real_open) if set(mode) & set("wxa+") else real_open)(path, mode, *args, **named)
builtins.open = opening
for name in ("fsync", "replace", "rename", "unlink", "mkdir", "symlink", "close"):
    setattr(os, name, dying(getattr(os, name)))
from farmhand.cli import main
main()
"""


def die_at(folder: Path, step: int, *words: str) -> bool:
    """Run farmhand and kill it before a step; return whether it came to that."""
    done = subprocess.run(
        [sys.executable, "-c", DYING, str(step), *words],
        cwd=folder,
        capture_output=True,
        check=False,
    )
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode != 0
