"""One run in which every element ends, or waits, in its own way.

Its script is submitted piece by piece by hand, for what is to befall the elements of a piece. Node
n1 is for what ends there or waits; n2 first loses jobs to others with priority, then breaks.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
from typing import TYPE_CHECKING, Any

from tests.clusters.daemons import poll
from tests.clusters.job_processes import is_job
from tests.clusters.slurm import UNFINISHED
from tests.slurm.season import Field, Told

if TYPE_CHECKING:
    from pathlib import Path

    from tests.clusters.slurm import Slurm

# Shards by what becomes of them.
FINE, EXIT_3, EXIT_255, SEGV, OOM, CHILD_OOM, TIMEOUT, STUBBORN = range(8)
SCANCEL, REQUEUE, REQUEUEHOLD, POLITE, HELD, HELD_CANCELLED, BEGINS, WAITING_CANCELLED = range(
    8, 16
)
NEVER, PREEMPTED, PREEMPTED_AGAIN, LOST, LOST_AGAIN, DEADLINE, SPECIAL, SUSPENDED = range(16, 24)
RUNNING, UNSUBMITTED, PREEMPTED_POLITE = range(24, 27)
SHARDS = 27

SCRIPT = """\
: >begun
hog='x = bytearray(150 << 20)'
case $FARMHAND_SUBMISSION/$FARMHAND_SHARD_INDEX in
  */4) exec /usr/bin/python3 -c "$hog" ;;
  [!1]/*) exit 0 ;;
  */1) echo 'Error: no such model' >&2; exit 3 ;;
  */2) exit 255 ;;
  */3) kill -SEGV $$ ;;
  */5) /usr/bin/python3 -c "$hog"; exit 0 ;;
  */7) trap '' TERM; exec sleep 600 ;;
  */9 | */18 | */20) [ -z "$SLURM_RESTART_COUNT" ] || exit 0; exec sleep 600 ;;
  */11 | */26) trap 'exit 0' TERM; sleep 600 & wait ;;
  */0) ;;
  *) exec sleep 600 ;;
esac
"""
SPEC = {
    "name": "outcomes",
    "work": {"count": SHARDS},
    "shards": SHARDS,
    "command": [],
    "script": SCRIPT,
    "resources": {"cpus": 1, "memory": "100 MB", "walltime": "10m"},
}
CHOICES = (
    ("--where", "host=n2"),
    ("--where", "host=n1", "--cause", "exit_code"),
    ("--match", "no such model"),
    ("--match", "SIGSEGV"),
    ("--where", "exit_code=255", "--where", "name=s0*"),
    ("--cause", "cancelled"),
    ("--shards", "8,11"),
    ("--shards", "0,24-25"),
)


def freeze(conf: Path, node: str) -> None:
    """Stop the processes of jobs on a node: none may outlive another and tell of its death."""
    for pid in map(int, filter(str.isdigit, os.listdir("/proc"))):
        if is_job(pid, conf, {node}):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)


class Scene:
    """The run and its jobs."""

    def __init__(self, slurm: Slurm) -> None:
        self.slurm = slurm
        self.field = Field(slurm, slurm.workspace("outcomes"))
        (self.script,) = self.field.render(**SPEC, slurm={})
        self.job: dict[int, int] = {}
        self.notes: Told = {"path": str(self.field.path)}

    def submit(self, *shards: int, words: tuple[str, ...] = ("-w", "n1")) -> None:
        job = self.field.elements(self.script, ",".join(map(str, shards)), *words)
        self.job |= dict.fromkeys(shards, job)

    def element(self, shard: int) -> str:
        return f"{self.job[shard]}_{shard}"

    def admin(self, *words: str, shard: int) -> None:
        self.slurm.admin(*words, self.element(shard))

    def play(self) -> Told:
        pristine = (self.field.run / "manifest.json").read_bytes()
        self.submit_all()
        self.field.recorded(*range(TIMEOUT, HELD), PREEMPTED, PREEMPTED_AGAIN, PREEMPTED_POLITE)
        self.field.recorded(SPECIAL, SUSPENDED, RUNNING)
        self.slurm.run_as_user(["scancel", self.element(HELD_CANCELLED)])
        self.notes["first"] = self.collected()
        self.treat()
        self.preempt()
        self.notes["second"] = self.collected()
        self.lose_node()
        self.wait()
        self.notes["last"] = self.collected()
        self.notes["check"] = self.field("check", "runs/r", code=1).stdout
        self.notes["check_json"] = self.field.check()
        show = ("show", "runs/r", str(LOST_AGAIN), "--json")
        self.notes["show"] = json.loads(self.field(*show).stdout)
        self.notes["jobs"] = {str(shard): job for shard, job in self.job.items()}
        self.notes["again"] = self.collected()
        self.notes["at once"] = self.at_once(pristine)
        self.notes["records"] = self.anew(pristine, "--records-only")
        self.redo()
        self.slurm.admin("scancel", *map(str, {*self.job.values(), self.notes["blocker"]}))
        return self.notes

    def submit_all(self) -> None:
        self.submit(*range(HELD), SPECIAL, SUSPENDED, RUNNING)
        self.submit(HELD, HELD_CANCELLED, words=("--hold",))
        self.submit(BEGINS, WAITING_CANCELLED, words=("--begin=now+2hours",))
        self.submit(NEVER, words=(f"--dependency=afterok:{self.element(EXIT_3)}",))
        for shard, partition in (
            (PREEMPTED, "low"), (PREEMPTED_AGAIN, "lowrq"), (PREEMPTED_POLITE, "lowgrace"),
        ):  # fmt: skip
            self.submit(shard, words=("-p", partition, "-w", "n2"))
        taken = ("--licenses=madgraph:1",)
        blocker = self.slurm.sbatch(
            *taken, "-w", "n1", "--output=/dev/null", "--wrap=sleep 600", cwd=self.field.path
        )
        self.field.until("RUNNING", str(blocker))
        self.submit(DEADLINE, words=(*taken, "--deadline=now+70seconds", "--time=1"))
        self.notes["blocker"] = blocker

    def treat(self) -> None:
        """Do to running elements what users and administrators do."""
        for shard in (TIMEOUT, STUBBORN):
            self.slurm.reach_time_limit(self.element(shard))
        for shard in (SCANCEL, POLITE, WAITING_CANCELLED):
            self.slurm.run_as_user(["scancel", self.element(shard)])
        self.admin("scontrol", "requeue", shard=REQUEUE)
        self.admin("scontrol", "requeuehold", shard=REQUEUEHOLD)
        self.admin("scontrol", "requeuehold", "State=SpecialExit", shard=SPECIAL)
        self.admin("scontrol", "suspend", shard=SUSPENDED)

    def preempt(self) -> None:
        there = ("-p", "high", "-w", "n2", "--exclusive", "--mem=3900", "--output=/dev/null")
        high = self.slurm.sbatch(*there, "--wrap=sleep 1", cwd=self.field.path)
        self.slurm.wait([high], 60.0)

    def lose_node(self) -> None:
        self.submit(LOST, words=("--no-requeue", "-w", "n2"))
        self.submit(LOST_AGAIN, words=("-w", "n2"))
        self.field.recorded(LOST, LOST_AGAIN)
        self.field.until("COMPLETED", self.element(PREEMPTED_AGAIN))
        freeze(self.slurm.conf, "n2")
        self.slurm.kill_node("n2")
        self.field.until("NODE_FAIL", self.element(LOST))
        self.slurm.start("n2")

    def wait(self) -> None:
        lasting = {HELD, BEGINS, NEVER, SUSPENDED, RUNNING, REQUEUEHOLD, SPECIAL}
        self.ended([self.element(shard) for shard in self.job if shard not in lasting])

    def ended(self, elements: list[str]) -> None:
        """Wait until queue and accounting agree that elements have ended."""

        # Of what is cancelled while it waits accounting never hears.
        heard = {*elements} - {self.element(HELD_CANCELLED), self.element(WAITING_CANCELLED)}
        jobs = {element.partition("_")[0] for element in elements}

        def over() -> bool:
            live, accounted = self.slurm.squeue(elements), self.slurm.states(*jobs)
            ends = {accounted.get(element, "PENDING") for element in heard}
            return not UNFINISHED & {*live.values(), *ends}

        poll(over, f"{', '.join(elements)} to end", 120.0)

    def collected(self) -> list[dict[str, Any]]:
        self.field.collect()
        return self.field.results()

    def anew(self, pristine: bytes, *words: str) -> list[dict[str, Any]]:
        """Collect a copy of the run that was never collected before."""
        copy = self.field.path / "copy/r"
        self.slurm.run_as_user(["mkdir", str(copy.parent)])
        self.slurm.run_as_user(["cp", "-a", str(self.field.run), str(copy)])
        (copy / "manifest.json").write_bytes(pristine)
        self.field("collect", "--in-place", str(copy), *words)
        return self.field.results(str(copy / "manifest.json"))

    def at_once(self, pristine: bytes) -> list[dict[str, Any]]:
        """Collect the run itself as if it had never been collected before."""
        path = self.field.run / "manifest.json"
        known = path.read_bytes()
        path.write_bytes(pristine)
        found = self.collected()
        path.write_bytes(known)
        return found

    def redo(self) -> None:
        """Submit again what is bad, then what is held, then what was named."""
        self.notes["dry"] = self.field.resubmit("--dry-run", "--json")
        for words in CHOICES:
            self.notes[" ".join(words)] = self.field.resubmit("--dry-run", "--json", *words)
        self.notes["table"] = self.field.resubmit("--dry-run", "--exclude-bad-nodes")
        insisted = ("--shards", f"{SCANCEL},{POLITE},{WAITING_CANCELLED},{DEADLINE},{UNSUBMITTED}")
        jobs = []
        for words in ((), ("--exclude-bad-nodes", "--held"), insisted):
            lines = self.field.resubmit(*words)["stdout"].splitlines()
            self.notes[f"typed {' '.join(words)}"] = lines
            jobs += self.field.typed(lines)
        self.slurm.wait(jobs)
        self.notes["redone"] = self.collected()
        self.notes["redone submissions"] = self.field.manifest()["submissions"]
        self.notes["nothing left"] = self.field.resubmit(code=1)
