"""Two runs in which every job ends, or waits, in its own way: one shared, one transferred.

Their submit files are submitted piece by piece, for what is to befall the jobs of a piece. The
jobs of the shared run are the user's, on n1 and n2; those of the transferred one are nobody's, on
w1, and nobody can read no file of hers.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

from tests.clusters.daemons import poll
from tests.htcondor.study import Study

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.clusters.condor import Condor
    from tests.slurm.season import Told

SHARED, TRANSFER = "condor_job.sub", "condor_job_transfer.sub"
# Shards by what becomes of them, in both runs …
FINE, EXIT_3, EXIT_255, SEGV, OOM, USER_HOLD, RELEASED, REMOVED_IDLE, REMOVED_RUNNING = range(9)
REMOVED_HELD, EVICTED, ON_EXIT_HOLD, PERIODIC_HOLD, NO_STDOUT, NO_PROGRAM = range(9, 15)
IDLE, RUNNING, UNSUBMITTED, SUBMITTED_HELD, EVICTED_REMOVED, TOO_LONG = range(15, 21)
# … and in the one or the other.
CLOSED, NOT_EXECUTABLE = range(21, 23)
NO_INPUT, NO_OUTPUT = range(21, 23)
SHARDS = 23
LONG = (USER_HOLD, RELEASED, REMOVED_RUNNING, EVICTED, RUNNING, EVICTED_REMOVED)
HELD = {
    SHARED: (OOM, ON_EXIT_HOLD, PERIODIC_HOLD, NO_STDOUT, NO_PROGRAM, CLOSED, NOT_EXECUTABLE),
    TRANSFER: (OOM, ON_EXIT_HOLD, PERIODIC_HOLD, NO_PROGRAM, NO_INPUT, NO_OUTPUT),
}
ENDING = (FINE, EXIT_3, EXIT_255, SEGV, RELEASED, EVICTED, TOO_LONG)

# What waits for something to befall it has nothing to do when it is started again.
SCRIPT = """\
: >begun
case $FARMHAND_SHARD_INDEX in
  1) echo 'Error: no such model' >&2; exit 3 ;;
  2) exit 255 ;;
  3) kill -SEGV $$ ;;
  4) head -c 300M /dev/zero | tail -c 300M | sleep 600 ;;
  11) exit 4 ;;
  20) exec sleep 600 ;;
  5 | 6 | 8 | 10 | 12 | 16 | 19)
    ! grep -q '^NumJobStarts = 0$' "$_CONDOR_JOB_AD" || exec sleep 600 ;;
esac
"""
SPEC: dict[str, Any] = {
    "name": "outcomes",
    "work": {"count": SHARDS},
    "shards": SHARDS,
    "command": [],
    "script": SCRIPT,
    "inputs": {"board": "board.txt"},
    "outputs": {"begun": "begun"},
    "resources": {"cpus": 1, "memory": "150 MB", "disk": "50 MB", "walltime": "10m"},
}
NOWHERE = 'TARGET.Machine == "nowhere"'
ON_HOLD = "hold = True"


class Scene:
    """One of the two runs and its jobs."""

    def __init__(self, condor: Condor, file: str) -> None:
        self.condor = condor
        self.file = file
        self.study = Study(condor, condor.workspace("outcomes", 0o700))
        self.run = self.study.run
        self.study.type("sh", "-c", "echo 20 >board.txt")
        self.study.render(**SPEC)
        self.pristine = (self.run / "manifest.json").read_bytes()
        self.ids: dict[int, str] = {}
        self.wanted = ""
        self.told: Told = {"path": str(self.study.path)}

    def submit(self, *shards: int, drop: tuple[str, ...] = (), lines: str = "") -> None:
        self.ids |= self.study.piece(self.file, shards, drop=drop, lines=lines)

    def type(self, command: str, *shards: int) -> None:
        self.study.type(command, *(self.ids[shard] for shard in shards))

    def submit_all(self) -> None:
        self.submit(*range(FINE, OOM + 1), *LONG)
        self.submit(REMOVED_IDLE, IDLE, lines=f"requirements = {NOWHERE}")
        self.submit(REMOVED_HELD, SUBMITTED_HELD, lines=ON_HOLD)
        self.submit(ON_EXIT_HOLD, lines="on_exit_hold = ExitCode == 4")
        self.submit(PERIODIC_HOLD, lines="periodic_hold = JobStatus == 2")
        self.submit_short()
        # condor_submit looks whether files are there: what is to be gone goes in between.
        gone = self.copy_of_wrapper("gone.sh", "755")
        self.submit(NO_PROGRAM, drop=("executable",), lines=f"executable = {gone}\n{ON_HOLD}")
        self.study.type("rm", gone)
        self.type("condor_release", NO_PROGRAM)
        if self.file == SHARED:
            self.submit_shared()
        else:
            self.submit_transferred()

    def submit_short(self) -> None:
        """A shard with less time, as a submission with other resources has."""
        wrapper = (self.run / "condor_job.sh").read_text(encoding="utf-8")
        assert wrapper.count(' 600 "$shard"') == 1
        short = self.copy_of_wrapper("short.sh", "755")
        text = wrapper.replace(' 600 "$shard"', ' 3 "$shard"')
        self.condor.run_as_user(["tee", short], stdin=text)
        self.submit(TOO_LONG, drop=("executable",), lines=f"executable = {short}")

    def copy_of_wrapper(self, name: str, mode: str) -> str:
        path = f"{self.run}/{name}"
        self.study.type("cp", f"{self.run}/condor_job.sh", path)
        self.study.type("chmod", mode, path)
        return path

    def submit_shared(self) -> None:
        self.submit(NO_STDOUT, drop=("output",), lines="output = nowhere/stdout")
        plain = self.copy_of_wrapper("plain.sh", "644")
        self.submit(NOT_EXECUTABLE, drop=("executable",), lines=f"executable = {plain}")
        # There jobs are nobody's, though they are told that the files are shared.
        there = '(TARGET.Machine == "w1.farm") && (TARGET.FileSystemDomain =!= "x")'
        self.submit(CLOSED, lines=f"requirements = {there}")

    def submit_transferred(self) -> None:
        more = f"{self.run}/more.txt"
        self.study.type("touch", more)
        inputs, outputs = "transfer_input_files", "transfer_output_files"
        self.submit(NO_INPUT, drop=(inputs,), lines=f"{inputs} = more.txt\n{ON_HOLD}")
        self.study.type("rm", more)
        self.type("condor_release", NO_INPUT)
        self.submit(NO_OUTPUT, drop=(outputs,), lines=f"{outputs} = missing.json")

    def treat(self) -> None:
        """Do to jobs what users and machines do."""
        for shard in LONG:
            self.logged("006", shard)
        self.condor.wait_for_state(self.ids[OOM], "held")
        self.collect("first")
        self.type("condor_hold", USER_HOLD, RELEASED)
        self.type("condor_rm", REMOVED_RUNNING, REMOVED_IDLE, REMOVED_HELD)
        for shard in (EVICTED, EVICTED_REMOVED):
            self.requires(shard, NOWHERE)
        self.type("condor_vacate_job", EVICTED, EVICTED_REMOVED)
        for shard in (EVICTED, EVICTED_REMOVED, REMOVED_RUNNING):
            self.logged("004", shard)
        self.condor.wait_for_state(self.ids[RELEASED], "held")
        self.collect("second")

    def go_on(self) -> None:
        self.type("condor_release", RELEASED)
        self.type("condor_rm", EVICTED_REMOVED)
        self.requires(EVICTED, self.wanted)

    def end(self) -> None:
        for shard in (USER_HOLD, *HELD[self.file]):
            self.condor.wait_for_state(self.ids[shard], "held")
        self.condor.wait([self.ids[shard] for shard in ENDING])
        for shard in (REMOVED_IDLE, REMOVED_HELD, REMOVED_RUNNING, EVICTED_REMOVED):
            self.logged("009", shard)
        self.collect("last")
        self.told["check"] = self.study("check", "runs/r", code=1).stdout
        self.told["show"] = self.study("show", "runs/r", str(OOM)).stdout
        self.told["show idle"] = self.study("show", "runs/r", str(IDLE)).stdout
        self.told["ids"] = {str(shard): native for shard, native in self.ids.items()}
        self.collect("again")
        self.anew()

    def requires(self, shard: int, expression: str) -> None:
        """Change which machines a job may have: none, so that it waits for as long as is wanted."""
        (ad,) = self.condor.queue([self.ids[shard]], "Requirements")
        self.wanted = ad["Requirements"].removeprefix("/Expr(").removesuffix(")/")
        self.study.type("condor_qedit", self.ids[shard], "Requirements", expression)

    def logged(self, event: str, shard: int) -> None:
        cluster, proc = map(int, self.ids[shard].split("."))
        head = f"{event} ({cluster:03d}.{proc:03d}.000)"
        log = self.run / "logs/1/condor.log"
        poll(lambda: head in log.read_text(encoding="utf-8"), f"{head} in {log}", 60)

    def collect(self, name: str) -> None:
        self.study("collect", "--in-place", "runs/r")
        self.told[name] = self.study.results()

    def anew(self) -> None:
        """Collect copies that were never collected before: as ever, and without HTCondor."""
        for name, env in (("at once", {}), ("log", {"PATH": self.without_condor()})):
            copy = self.study.path / f"runs/{name.replace(' ', '-')}"
            self.study.type("cp", "-a", str(self.run), str(copy))
            (copy / "manifest.json").write_bytes(self.pristine)
            (copy / "logs/1/condor.log.read").unlink()
            words = ("collect", "--in-place", str(copy))
            self.told[f"{name} said"] = self.study(*words, env=env).stderr
            self.told[name] = self.study.results(copy.name)

    def without_condor(self) -> str:
        path = self.condor.env["PATH"].split(":")
        kept = [folder for folder in path if shutil.which("condor_q", path=folder) is None]
        assert len(kept) < len(path)
        return ":".join(kept)


def scene(condor: Condor) -> Callable[[], Told]:
    """Both runs at once: most of it is waiting."""

    def play() -> Told:
        both = [Scene(condor, SHARED), Scene(condor, TRANSFER)]
        for name in ("submit_all", "treat", "go_on", "end"):
            for one in both:
                getattr(one, name)()
        for one in both:
            one.study.remove_jobs()
        return {one.file: one.told for one in both}

    return play
