"""farmhand that kills itself before the n-th step of submitting, and says which one that was.

A step is a lock, a command of SLURM, or a line of the journal: Python audits all of them, whatever
the code looks like (sys.addaudithook).
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

from farmhand.cli import main


class Death:
    """Comes before the n-th step."""

    def __init__(self, left: int) -> None:
        self.left = left

    def __call__(self, event: str, details: tuple[Any, ...]) -> None:
        name = self.step(event, details)
        if name is None:
            return
        if self.left == 0:
            os.write(2, f"killed before: {name}\n".encode())
            os.kill(os.getpid(), signal.SIGKILL)
        self.left -= 1

    @staticmethod
    def step(event: str, details: tuple[Any, ...]) -> str | None:
        if event == "fcntl.flock":
            return "lock"
        if event == "subprocess.Popen":
            return str(os.path.basename(details[1][0]))
        if event == "open" and str(details[0]).endswith("submissions/journal.jsonl"):
            return "journal" if details[2] & os.O_APPEND else None
        return None


if __name__ == "__main__":
    death = Death(int(sys.argv.pop(1)))
    sys.addaudithook(death)
    try:
        main()
    finally:
        death("fcntl.flock", ())  # the very end is a step, too
