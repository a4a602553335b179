"""A run that is collected while parts of SLURM do not answer."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tests.clusters.daemons import poll
from tests.clusters.slurm import Slurm
from tests.clusters.slurm_cluster import take_down
from tests.slurm.season import Field, Told

if TYPE_CHECKING:
    from collections.abc import Mapping

SCRIPT = """\
: >begun
case $FARMHAND_SHARD_INDEX in
  1) echo 'Error: no such model' >&2; exit 3 ;;
  2) until [ -e "$FARMHAND_RUN/../../go" ]; do sleep 0.2; done ;;
esac
"""
# squeue seeks a slurmctld that does not run for nine seconds: MessageTimeout, slurm.conf(5).
HASTY = {"FARMHAND_SCHEDULER_TIMEOUT": "2"}
HANGING = "#!/bin/sh\nexec sleep 6613\n"


class Scene:
    """Shards: 0 succeeds, 1 fails, 2 runs until it is told to end, 3 is held, 4 has no record."""

    def __init__(self, home: Path) -> None:
        self.slurm = Slurm(home)
        self.slurm.up()
        self.field = Field(self.slurm, self.slurm.workspace("silence"))
        self.told: Told = {"path": str(self.field.path)}
        self.bin = self.field.path / "bin"
        self.bin.mkdir()

    def play(self) -> Told:
        try:
            self._play()
        finally:
            take_down(self.slurm.home)
        return self.told

    def _play(self) -> None:
        slurm, field = self.slurm, self.field
        (script,) = field.render(
            command=[], script=SCRIPT, work={"count": 5}, shards=5, slurm={},
            resources={"walltime": "10m", "memory": "100 MB"},
        )  # fmt: skip
        self.pristine = (field.run / "manifest.json").read_bytes()
        first = field.elements(script, "0-2")
        held = field.elements(script, "3", "--hold")
        lost = field.elements(script, "4", "--output=nowhere/%A.out")
        field.recorded(2)
        field.until("FAILED", f"{first}_1", f"{lost}_4")
        asked = ("sacct", "-n", "-P", "-j", str(lost), "-o", "ExitCode")
        poll(lambda: "0:53" in slurm.admin(*asked).stdout, "sacct to know shard 4", 60.0)
        self.missing_commands()
        self.collect("everything answers")
        slurm.stop("slurmdbd")
        self.collect("no slurmdbd")
        slurm.stop("slurmctld")
        self.collect("neither", HASTY)
        slurm.start("slurmdbd")
        self.collect("no slurmctld")
        (field.path / "go").touch()  # while nobody watches
        poll(lambda: self.ended(2), "shard 2 to end", 30.0)
        self.collect("ended, no slurmctld", HASTY)
        slurm.start("slurmctld")
        slurm.admin("scontrol", "release", str(held))
        slurm.wait([first, held])
        self.collect("restarted")
        self.as_root()

    def ended(self, shard: int) -> bool:
        records = self.field.run.glob(f"records/0/{shard}.*.jsonl")
        return any('"event":"end"' in path.read_text(encoding="utf-8") for path in records)

    def collect(self, name: str, env: Mapping[str, str] | None = None) -> None:
        """Collect as if for the first time, and as one who did so before."""
        path = self.field.run / "manifest.json"
        known = path.read_bytes()
        path.write_bytes(self.pristine)
        said = self.field("collect", "--in-place", "runs/r", env=env).stderr
        self.told[name] = {"said": said, "rows": self.field.results()}
        path.write_bytes(known)
        self.field("collect", "--in-place", "runs/r", env={**HASTY, **(env or {})})
        self.told[f"{name}, again"] = self.field.results()

    def missing_commands(self) -> None:
        """A PATH without SLURM, and one where sacct does not come back."""
        setpriv = shutil.which("setpriv")
        assert setpriv is not None
        (self.bin / "setpriv").symlink_to(setpriv)
        home = os.path.dirname(sys.executable)
        self.collect("no SLURM", {"PATH": f"{home}:{self.bin}"})
        hanging = self.field.path / "hanging"
        hanging.mkdir()
        (hanging / "sacct").write_text(HANGING, encoding="utf-8")
        (hanging / "sacct").chmod(0o755)
        env = {"PATH": f"{hanging}:{self.slurm.env['PATH']}", "FARMHAND_SCHEDULER_TIMEOUT": "1"}
        self.collect("hanging", env)
        self.told["left over"] = left_over("6613")

    def as_root(self) -> None:
        """Another user collects, into a file of their own."""
        out = self.slurm.home / "collected-by-root.json"
        path = self.field.run / "manifest.json"
        path.write_bytes(self.pristine)
        words = ["farmhand", "collect", str(self.field.run), "--out", str(out)]
        done = subprocess.run(
            words, env=self.slurm.env, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        self.told["root"] = {"said": done.stderr, "rows": self.field.results(str(out))}


def left_over(word: str) -> list[int]:
    """Processes that have this word on their command line."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if word.encode() in words:
            found.append(int(entry.name))
    return found
