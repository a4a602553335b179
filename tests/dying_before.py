"""farmhand that kills itself with -9 before the n-th step of a name; the name "" counts them all.

A step is a lock, a command that is started, a line of a journal, or a file that gets its name:
Python audits all of them, whatever the code looks like (sys.addaudithook).
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import Any

from farmhand.cli import main


def step_of(event: str, details: tuple[Any, ...]) -> str | None:
    """Return the name of the step that an audited event is, or None."""
    if event == "fcntl.flock":
        return "lock"
    if event == "subprocess.Popen":
        return os.path.basename(os.fsdecode(details[1][0]))
    if event == "os.posix_spawn":
        return os.path.basename(os.fsdecode(details[0]))
    if event == "os.rename":
        return os.path.basename(os.fsdecode(details[1]))
    if event == "open" and str(details[0]).endswith("submissions/journal.jsonl"):
        return "journal" if details[2] & os.O_APPEND else None
    return None


class Death:
    """Comes before the n-th step of a name."""

    def __init__(self, name: str, left: int) -> None:
        self.name = name
        self.left = left

    def __call__(self, event: str, details: tuple[Any, ...]) -> None:
        step = step_of(event, details)
        if step is None or self.name not in ("", step):
            return
        if self.left == 0:
            os.write(2, f"killed before: {step}\n".encode())
            os.kill(os.getpid(), signal.SIGKILL)
        self.left -= 1


def words_to_die(name: str, number: int, *words: str) -> list[str]:
    """Return the command line of a farmhand that is killed before a step, counted from 0."""
    return [sys.executable, __file__, name, str(number), *words]


def was_killed(done: subprocess.CompletedProcess[str]) -> str | None:
    """Return the step before which it was killed, or None: there was no such step."""
    if done.returncode == 0:
        return None
    assert done.returncode == -signal.SIGKILL, done.stderr
    return done.stderr.rpartition("killed before: ")[2].strip()


if __name__ == "__main__":
    sys.addaudithook(Death(sys.argv.pop(1), int(sys.argv.pop(1))))
    main()
