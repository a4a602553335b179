"""Write down how a real SLURM lists every kind of end, for the tests of the readers.

    python -m tests.clusters.slurm_capture tests/collectors/slurm/data

A few arrays and two dozen jobs, on a cluster of its own in /tmp/farm; about six minutes, most of
them waiting for time limits. `ids.txt` says which job did what, and when each listing was taken.
"""

from __future__ import annotations

import shutil
import sys
import time
from pathlib import Path

from tests.clusters.daemons import poll
from tests.clusters.slurm import Slurm
from tests.clusters.slurm_cluster import take_down
from tests.clusters.slurm_conf import Options

HOME = Path("/tmp/farm")
SACCT = (
    "JobID,JobIDRaw,JobName,State,ExitCode,DerivedExitCode,Reason,Submit,Eligible,Start,End,Elapsed,"
    "Timelimit,NodeList,AllocCPUS,NCPUS,NNodes,ReqMem,MaxRSS,TotalCPU,WorkDir,SubmitLine,Partition,"
    "Account,Flags,UID,Cluster,Comment,DBIndex"
)
SQUEUE = "%i|%F|%K|%A|%T|%t|%r|%R|%V|%S|%e|%M|%l|%N|%B|%m|%C|%D|%P|%u|%U|%j|%Z|%o"

# Element by element: what a shard can do by itself.
ENDS = """\
#!/bin/bash
#SBATCH --job-name=toys.1 --array=0-16 -w n2
#SBATCH --time=1 --mem=100 --output=logs/%A_%a.%N.out
case $SLURM_ARRAY_TASK_ID in
  0) exit 0 ;;
  1) exit 3 ;;
  2) exit 255 ;;
  3) kill -SEGV $$ ;;
  4) exit 139 ;;
  5) /usr/bin/python3 -c 'x = bytearray(400 << 20)'; exit ;;
  6) /usr/bin/python3 -c 'x = bytearray(400 << 20)'; exit 0 ;;
  7) exec sleep 600 ;;
  8) trap 'exit 0' TERM; sleep 600 & wait ;;
  9) trap '' TERM; sleep 600 & wait; sleep 600 ;;
  10) exit 143 ;;
  11) exit 126 ;;
  12) exit 127 ;;
  13) kill -TERM $$ ;;
  14) exit 200 ;;
  15) srun --overlap true; srun --overlap sh -c 'exit 7'; exit 0 ;;
  16) kill -KILL $$ ;;
esac
"""
# Element by element: what is done to a shard from outside.
TREATED = """\
#!/bin/bash
#SBATCH --job-name=toys.2 --array=0-9 -w n1
#SBATCH --time=20 --mem=50 --output=logs/%A_%a.%N.out
echo "restart ${SLURM_RESTART_COUNT:-none}"
[ -z "$SLURM_RESTART_COUNT" ] || exit 0
[ "$SLURM_ARRAY_TASK_ID" != 4 ] || trap '' TERM
sleep 600 & wait; sleep 600
"""
GRACE = "#!/bin/bash\ntrap '{0}' USR1\nsleep 600 & wait\nsleep 600\n"
POLITE = "#!/bin/bash\ntrap 'exit 0' TERM\nsleep 600 & wait\n"
ONCE = '[ -z "$SLURM_RESTART_COUNT" ] || exit {0}; sleep 600'


class Capture:
    """A cluster, and the directory that the listings go to."""

    def __init__(self, folder: Path) -> None:
        take_down(HOME)
        shutil.rmtree(HOME, ignore_errors=True)
        self.folder = folder
        self.notes: list[str] = []
        self.jobs: list[int] = []
        self.gone = 0
        self.slurm = Slurm(HOME, options=Options(first_job=1000))
        self.slurm.up()
        self.run = HOME / "jobs/toys"
        self.slurm.workspace().rename(self.run)
        self.slurm.run_as_user(["mkdir", str(self.run / "logs")])

    def save(self, name: str, text: str) -> None:
        (self.folder / f"{name}.txt").write_text(text, encoding="utf-8")
        self.note(name)

    def note(self, what: str) -> None:
        self.notes.append(f"{time.time():.0f} {what}")
        sys.stderr.write(f"{self.notes[-1]}\n")

    def script(self, what: str, text: str, *words: str) -> int:
        """Submit a script, as the user."""
        path = f"job{len(self.notes)}.sh"
        self.slurm.run_as_user(["tee", path], cwd=self.run, stdin=text)
        job = self.slurm.sbatch(f"--chdir={self.run}", *words, path, cwd=self.run)
        self.jobs.append(job)
        self.note(f"{job}: {what}")
        return job

    def job(self, what: str, *words: str, command: str = "sleep 600") -> int:
        """Submit a command, as the user."""
        fixed = ("--job-name=toys.3", "--mem=50", "--time=20", "--output=logs/%A_%a.%N.out")
        where = () if "-w" in words else ("-w", "n1")
        more = (*fixed, *where, *words, f"--wrap={command}")
        job = self.slurm.sbatch(f"--chdir={self.run}", *more, cwd=self.run)
        self.jobs.append(job)
        self.note(f"{job}: {what}")
        return job

    def running(self, *jobs: int | str) -> None:
        for job in jobs:
            self.slurm.wait_for_state(job, "RUNNING")

    def listings(self, name: str) -> None:
        """The queue as SLURM keeps it, and the accounting."""
        self.save(f"squeue-{name}", self.squeue())
        self.save(f"sacct-{name}", self.sacct("-D", "--parsable2"))

    def squeue(self, *words: str) -> str:
        return self.slurm.admin("squeue", "--all", "--states=all", "-o", SQUEUE, *words).stdout

    def sacct(self, *words: str, epoch: bool = True, window: bool = False) -> str:
        more = ("env", "TZ=UTC", *(() if epoch else ("--unset=SLURM_TIME_FORMAT",)))
        by_id = "--jobs=" + ",".join(map(str, self.jobs))
        query = ("sacct", "--allusers", "--starttime=now-1hour" if window else by_id)
        return self.slurm.admin(*more, *query, f"--format={SACCT}", *words).stdout


def submit_waiting(here: Capture) -> None:
    """Jobs that wait, for every reason."""
    held = here.job("held; element 1 cancelled by the user", "--hold", "--array=0-3")
    here.slurm.run_as_user(["scancel", f"{held}_1"])
    many = ",".join(str(n * (n + 1) // 2) for n in range(44))
    here.job("held, a list that is cut", "--hold", f"--array={many}")
    here.job("throttled", "--array=0-9:3%1", "-w", "n2", command="sleep 20")
    here.gone = here.job("throttled; element 2 cancelled before it starts", "--array=0-3%1")
    failed = here.job("fails, and is waited for", command="exit 3")
    here.job("dependency never satisfied", f"--dependency=afterok:{failed}")
    kill = "--kill-on-invalid-dep=yes"
    here.job("dependency never satisfied, told to end", f"--dependency=afterok:{failed}", kill)
    here.job("begins later", "--begin=now+2hours")
    here.job("takes the licenses", "--licenses=geant:2")
    here.job("waits for a license", "--licenses=geant:1")
    here.job("longer than the partition allows", "--partition=short")
    here.job("part 1 of two of one name", "--job-name=toys.9", "--dependency=singleton")
    here.job("part 2 of two of one name", "--job-name=toys.9", "--dependency=singleton")
    late = ("--deadline=now+75seconds", "--time=1")
    here.job("held beyond its deadline", "--hold", *late)
    here.job("waits for a license beyond its deadline", "--licenses=geant:1", *late)
    here.job("runs into its deadline", *late[:1], "--time=9", "--time-min=1")


def submit_broken(here: Capture) -> None:
    """Jobs that do not get as far as their first command."""
    here.job("output directory missing", "--output=nowhere/%A.out", command="true")
    here.job("working directory missing", "--chdir=/tmp/farm/nowhere", command="true")
    here.script("no such interpreter", "#!/no/such/interpreter\ntrue\n", "--output=logs/%A.out")


def treat(here: Capture, array: int, suspended: int) -> None:
    """What users, administrators and the kernel do to running elements."""
    slurm = here.slurm
    here.running(array, suspended, here.job("takes the gpu", "--gres=gpu:1"))
    # It keeps the node for itself from then on: what is submitted after it waits too.
    here.job("waits for the gpu", "--gres=gpu:1")
    here.job("waits behind it")
    time.sleep(2)
    slurm.run_as_user(["scancel", f"{array}_0"])
    slurm.admin("scancel", f"{array}_1")
    slurm.admin("scontrol", "requeue", f"{array}_2")
    slurm.admin("scontrol", "requeuehold", f"{array}_3")
    slurm.run_as_user(["scancel", f"{array}_4"])
    slurm.admin("scontrol", "requeuehold", "State=SpecialExit", f"{array}_5")
    slurm.admin("scancel", "--signal=USR1", "--batch", f"{array}_6")
    slurm.admin("scancel", "--signal=KILL", f"{array}_7")
    slurm.run_as_user(["scontrol", "requeue", f"{array}_8"])
    slurm.admin("scontrol", "suspend", str(suspended))
    time.sleep(0.5)
    here.listings("treating")
    here.save("squeue-treating-r", here.squeue("-r"))
    slurm.wait([f"{array}_2", f"{array}_8"])
    slurm.admin("scancel", f"{array}_9")


def preempt(here: Capture) -> None:
    partitions = ("low", "lowgrace", "lowrq")
    low = [here.job(f"preempted in {name}", f"-p{name}", "-w", "n2") for name in partitions]
    words = ("-plowgrace", "-w", "n2", "--mem=50", "--time=20", "--output=logs/%A.out")
    low.append(here.script("preempted in lowgrace, ends 0 on TERM", POLITE, *words))
    here.running(*low)
    whole = ("-phigh", "-w", "n2", "--exclusive", "--mem=3900")
    high = here.job("preempts", *whole, command="sleep 30")
    time.sleep(4)
    here.listings("preempting")
    here.running(high)
    here.running(low[2])
    here.slurm.admin("scancel", str(low[2]))


def lose_nodes(here: Capture) -> None:
    slurm, there = here.slurm, ("-w", "n2")
    down = [
        here.job("node set down, not to be requeued", "--no-requeue", *there),
        here.job("node set down, requeued", *there, command=ONCE.format(0)),
        here.job("node set down, array", "--array=0-1", *there, command=ONCE.format(4)),
    ]
    here.running(*down)
    slurm.admin("scontrol", "update", "nodename=n2", "state=down", "reason=test")
    time.sleep(2)
    here.listings("node-down")
    # Refused when slurmd has reported already that it is well (ReturnToService=2).
    slurm.admin("scontrol", "update", "nodename=n2", "state=resume", check=False)
    slurm.wait(down)
    dead = here.job("node died, not to be requeued", "--no-requeue", *there)
    back = here.job("node died, requeued", *there, command=ONCE.format(0))
    here.running(dead, back)
    slurm.kill_node("n2")
    slurm.wait([dead])
    here.listings("node-dead")
    slurm.start("n2")
    slurm.wait([back], timeout=180)


def capture(folder: Path) -> None:
    here = Capture(folder)
    slurm = here.slurm
    here.save("sacct-version", slurm.admin("sacct", "--version").stdout)
    here.save("sacct-fields", slurm.admin("sacct", "--helpformat").stdout)
    ends = here.script("what elements do by themselves", ENDS)
    treated = here.script("what is done to elements", TREATED)
    submit_waiting(here)
    submit_broken(here)
    fixed = ("-w", "n1", "--time=2", "--signal=B:USR1@60", "--mem=50", "--output=logs/%A.out")
    grace = here.script("grace signal, ends 5", GRACE.format("exit 5"), *fixed)
    ignored = here.script("grace signal, ignored", GRACE.format(""), *fixed)
    suspended = here.job("suspended")
    here.listings("start")
    time.sleep(6)  # slurmctld tells the accounting every five seconds
    slurm.run_as_user(["scancel", f"{here.gone}_2"])
    here.listings("waiting")
    treat(here, treated, suspended)
    slurm.wait([ends], timeout=180)
    preempt(here)
    lose_nodes(here)
    slurm.wait([grace, ignored], timeout=240)
    here.listings("end")
    slurm.admin("scancel", "-u", slurm.user)
    poll(lambda: not slurm.admin("squeue", "-h").stdout, "an empty queue", 60)
    here.listings("cancelled")
    here.save("sacct-window", here.sacct("-D", "--parsable2", window=True))
    here.save("sacct-iso", here.sacct("-D", "--parsable2", epoch=False))
    here.save("sacct-parsable", here.sacct("-D", "--parsable"))
    here.save("sacct-without-duplicates", here.sacct("--parsable2"))
    here.save("ids", "".join(f"{note}\n" for note in here.notes))


if __name__ == "__main__":
    try:
        capture(Path(sys.argv[1]))
    finally:
        take_down(HOME)
