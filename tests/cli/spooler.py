"""A batch command for tests: it spools scripts as bsub does, and misbehaves where it is told to."""

from __future__ import annotations

import os
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path

SCRIPT = r"""#!/bin/bash
# Says "Job <n> is submitted", keeps the script it read, and where: one line each in the log.
home=@HOME@
name=${PWD##*/}
if [ -e "$home/only-$name" ]; then misbehave=$(<"$home/only-$name"); fi
case ${misbehave:-} in
  refuse) echo "1nx: No such queue. Job not submitted." >&2; exit 255 ;;
  nonsense) echo "42 chickens, [1] and Job<7>"; exit 0 ;;
  mute) exit 3 ;;
  hang) sleep 300 ;;
  killed) kill -KILL $$ ;;
esac
[ "${misbehave:-}" = slow ] && sleep 1
read -r number <"$home/number"
echo $((number + 1)) >"$home/number"
cat >"$home/$number.sh"
printf '%s\t%s\n' "$number" "$PWD" >>"$home/log"
echo "Job <$number> is submitted to queue <1nh>."
"""


@dataclass
class Spooler:
    """The command, and what it was given."""

    home: Path

    @classmethod
    def make(cls, home: Path) -> Spooler:
        home.mkdir()
        (home / "number").write_text("100\n")
        path = home / "spool"
        path.write_text(SCRIPT.replace("@HOME@", shlex.quote(str(home))))
        path.chmod(0o755)
        return cls(home)

    @property
    def command(self) -> str:
        return shlex.quote(str(self.home / "spool"))

    def only(self, name: str, how: str) -> None:
        """Misbehave for one chunk; ``""``: no longer."""
        (self.home / f"only-{name}").write_text(how)

    @property
    def log(self) -> list[tuple[int, str]]:
        """(job, directory) of what was spooled, in order."""
        if not (self.home / "log").exists():
            return []
        lines = (self.home / "log").read_text().splitlines()
        return [(int(n), place) for n, place in (line.split("\t") for line in lines)]

    @property
    def names(self) -> list[str]:
        return [os.path.basename(place) for _, place in self.log]

    def run(self, *jobs: int) -> None:
        """Run spooled scripts as a batch system would: from somewhere else, on stdin."""
        for job in jobs or [number for number, _ in self.log]:
            with open(self.home / f"{job}.sh", "rb") as script:
                subprocess.run(
                    ["bash"], stdin=script, cwd="/", check=False, timeout=30, capture_output=True
                )
