"""Write down what a real HTCondor logs of every kind of end, for the tests of the readers.

    python -m tests.clusters.condor_capture tests/collectors/htcondor/data

Some ninety jobs in pools of its own in /tmp/pool, four minutes. Each case of condor_cases has an
event log of its name, in a directory named after the version; `ids.txt` says which job did what,
and when each listing was taken.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import sys
import time
from pathlib import Path

from tests.clusters import condor_cases as cases
from tests.clusters import condor_processes
from tests.clusters.condor import Condor
from tests.clusters.condor_conf import Options
from tests.clusters.daemons import poll

HOME = Path(cases.HOME)
RUN = Path(cases.RUN)
ATTRIBUTES = (
    "ClusterId,ProcId,JobStatus,LastJobStatus,EnteredCurrentStatus,QDate,CompletionDate,Iwd,UserLog,"
    "JobSubmitFile,Owner,GlobalJobId,ExitCode,ExitBySignal,ExitSignal,ExitReason,ExitStatus,"
    "HoldReason,HoldReasonCode,HoldReasonSubCode,LastHoldReason,LastHoldReasonCode,"
    "LastHoldReasonSubCode,NumHolds,NumHoldsByReason,ReleaseReason,RemoveReason,RequeueReason,"
    "VacateReason,VacateReasonCode,VacateReasonSubCode,NumVacates,NumVacatesByReason,LastVacateTime,"
    "NumJobStarts,NumShadowStarts,NumRestarts,JobRunCount,RemoteHost,LastRemoteHost,StartdPrincipal,"
    "RequestMemory,MemoryUsage,ResidentSetSize_RAW,ImageSize_RAW,RequestDisk,DiskUsage,RequestCpus,"
    "RemoteWallClockTime,CumulativeRemoteUserCpu,RemoteUserCpu,RemoteSysCpu,JobStartDate,"
    "JobCurrentStartDate,JobCurrentStartExecutingDate,LastRejMatchReason,SubmitEventNotes,"
    "JobMaterializeLimit,JobMaterializeMaxIdle,JobMaterializeNextProcId,JobMaterializeItemCount,"
    "JobMaterializePaused,JobMaterializePauseReason,TotalSubmitProcs,DisconnectReason,JobDisconnectedDate"
)


class Capture:
    """A pool, and the directory that logs and listings go to."""

    def __init__(self, folder: Path, extra: str = "") -> None:
        self.folder = folder
        self.notes: list[str] = []
        self.clusters: dict[str, int] = {}
        Condor(HOME).down()
        shutil.rmtree(HOME, ignore_errors=True)
        self.condor = Condor(HOME, Options(extra=extra))
        self.condor.up()
        self.condor.workspace().rename(RUN)
        self.type("sh", "-c", PREPARATION)

    def type(self, *words: str) -> str:
        """Type a command as the user, in the run directory."""
        done = self.condor.run_as_user(words, cwd=RUN)
        return f"{done.stdout}{done.stderr}"

    def note(self, what: str) -> None:
        self.notes.append(f"{time.time():.0f} {what}")
        sys.stderr.write(f"{self.notes[-1]}\n")

    def job(self, case: str, lines: str = "", command: str = "", queue: str = "") -> None:
        """Submit a shell command."""
        text = f"case = {case}\n{cases.COMMON}"
        if command:
            text += f"arguments = \"-c '{command}' sh {case}\"\n"
        self.clusters[case] = self.condor.submit_text(f"{text}{lines}queue {queue}\n", cwd=RUN)
        self.note(f"{self.clusters[case]}: {case}")

    def running(self, *names: str) -> None:
        for case in names:
            self.condor.wait_for_state(self.clusters[case], "running")

    def logged(self, event: str, *names: str, seconds: float = 60.0) -> None:
        """Wait until the logs of some cases have an event."""
        for case in names:
            log = RUN / f"{case}.log"
            found = re.compile(rf"^{event} \(", re.MULTILINE)
            poll(lambda: found.search(log.read_text("utf-8")), f"{event} in {log}", seconds)  # noqa: B023

    def listings(self, name: str) -> None:
        """What the schedd says of the jobs that it has."""
        words = ("condor_q", "-json", "-attributes", ATTRIBUTES)
        self.save(f"condor_q-{name}.json", self.type(*words))
        self.note(f"condor_q {name}")

    def history(self, name: str) -> None:
        """What is known of the jobs that it does not have any more."""
        words = ("condor_history", "-json", "-attributes", ATTRIBUTES)
        self.save(f"condor_history-{name}.json", self.type(*words))
        self.note(f"condor_history {name}")

    def save(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text, encoding="utf-8")

    def keep_logs(self) -> None:
        for log in sorted(RUN.glob("*.log")):
            shutil.copyfile(log, self.folder / log.name)
        self.condor.down()


PREPARATION = """\
mkdir out gone closed
echo text >plain.txt; chmod 644 plain.txt
head -c 3M /dev/zero >large
printf '#!/no/such/interpreter\\n' >lost.sh; chmod 755 lost.sh
printf '#!/bin/sh\\nexit 0\\n' >gone.sh; chmod 755 gone.sh; cp -p gone.sh closed/run.sh
chmod 700 closed
printf '0, 7\\n1, 8\\n2, 9\\n' >items
"""


def ends(here: Capture) -> None:
    gone = ("no-executable-staged", "no-directory")
    for case, lines, command in cases.ENDS:
        here.job(case, ("hold = True\n" if case in gone else "") + lines, command)
    here.job("mixed", "", "exit $(Process)", "4")
    here.job("mixed-staged", cases.STAGED, "exit $(Process)", "4")
    here.type("rm", "-r", "gone", "gone.sh")
    here.type("condor_release", *(str(here.clusters[case]) for case in gone))
    here.listings("start")
    here.condor.wait(here.clusters.values())
    here.listings("ends")
    here.history("ends")
    here.type("condor_rm", "-all")
    whole = str(here.clusters["mixed"])
    here.save("condor_history-whole.json", here.type("condor_history", "-json", whole))


def treated(here: Capture) -> None:
    """What users and administrators do to jobs."""
    names = [case for case, _, _, _ in cases.TREATED]
    idle = [case for case in names if case.endswith("idle")]
    for case, lines, command, _ in cases.TREATED:
        here.job(case, lines, command)
    here.running(*(case for case in names if case not in idle))
    here.listings("treating")
    here.save("condor_q-whole.json", here.type("condor_q", "-json", str(here.clusters["hold"])))
    for case, _, _, words in cases.TREATED:
        treat(here, case, words.split())
    here.condor.wait_for_state(here.clusters["release"], "held")
    here.condor.wait_for_state(here.clusters["remove-held"], "held")
    here.logged("004", *(case for case in names if case.startswith("vacate")))
    here.type("condor_release", str(here.clusters["release"]))
    here.type("condor_rm", str(here.clusters["remove-held"]))
    here.logged("010", "suspend")
    here.listings("suspended")
    here.type("condor_continue", str(here.clusters["suspend"]))
    here.running("release", "vacate-staged", "vacate-ignored", "suspend")
    here.listings("treated")
    here.type("touch", "out/go")
    here.condor.wait([here.clusters[case] for case in names])


def treat(here: Capture, case: str, words: list[str]) -> None:
    job = str(here.clusters[case])
    if words[0] == "kill":
        os.kill(process_of(here, job, words[1]), signal.SIGKILL)
    elif words[0] == "as-admin":
        here.condor.admin(*words[1:], job)
    else:
        here.type(*words, job)


def process_of(here: Capture, job: str, comm: str) -> int:
    """The shadow, or the starter, of a job."""
    ad = here.condor.queue([job], "RemoteHost", "ShadowPid", "StarterPid")[0]
    host = str(ad["RemoteHost"]).partition("@")[0]
    for pid in condor_processes.of_pool(HOME):
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
        if comm == "condor_shadow" and words[0].endswith(comm) and f"{job}.0" in words:
            return pid
        if comm == "condor_starter" and words[0].endswith(comm) and host in words:
            node = str(ad["RemoteHost"]).partition("@")[2].partition(".")[0]
            if pid in condor_processes.of_node(HOME, node):
                return pid
    raise LookupError(f"no {comm} of {job}: {ad}")


def machines(here: Capture) -> None:
    """Nodes that are drained, stopped or lost, and a schedd that is away for a while."""
    condor = here.condor
    here.type("rm", "out/go")
    here.job("drain", cases.N2, cases.ONCE)
    here.job("stopped", cases.N1, cases.ONCE)
    here.running("drain", "stopped")
    condor.admin("condor_drain", "-graceful", "n2.farm")
    condor.stop("n1")
    here.logged("004", "drain", "stopped")
    here.listings("drained")
    condor.start("n1")
    condor.admin("condor_drain", "-cancel", "n2.farm", check=False)
    here.condor.wait([here.clusters["drain"], here.clusters["stopped"]])
    here.job("lost", cases.N2, cases.ONCE)
    here.logged("006", "lost")
    condor.kill_node("n2")
    here.logged("022", "lost")
    here.listings("disconnected")
    here.logged("024", "lost", seconds=180)
    here.listings("lost")
    condor.start("n2")
    here.condor.wait([here.clusters["lost"]])
    here.job("schedd-restart", cases.N1, cases.UNTIL_GO)
    here.job("schedd-restart-staged", cases.STAGED, cases.UNTIL_GO)
    here.job("schedd-restart-idle", cases.NOWHERE, cases.UNTIL_GO)
    here.logged("006", "schedd-restart", "schedd-restart-staged")
    condor.stop("schedd")
    here.note("schedd stopped")
    failed = condor.run_as_user(["condor_q"], check=False)
    here.save("condor_q-schedd-down.txt", f"{failed.returncode}\n{failed.stdout}{failed.stderr}")
    condor.start("schedd")
    here.logged("023", "schedd-restart", "schedd-restart-staged")
    here.listings("reconnected")
    here.type("touch", "out/go")
    here.condor.wait([here.clusters[name] for name in ("schedd-restart", "schedd-restart-staged")])


def factories(here: Capture) -> None:
    """Jobs that are made late; those that are held count, and may stop the factory."""
    for case, lines, command, queue in cases.FACTORIES:
        here.job(case, lines, command, queue)
    here.condor.wait([here.clusters["factory"], here.clusters["factory-items"]])
    here.condor.wait_for_state(here.clusters["factory-stalled"], "held")
    here.running("factory-removed")
    time.sleep(5)  # no more are made
    here.listings("factory")
    here.save("condor_q-factory.txt", here.type("condor_q", "-factory"))
    here.type("condor_rm", "-all")
    poll(lambda: not here.condor.queue([]), "an empty queue", 60)
    here.listings("empty")
    here.history("all")


def formats(folder: Path) -> None:
    """The same two jobs as sites log them that have asked for another format, or lie elsewhere."""
    options = {name: f"DEFAULT_USERLOG_FORMAT_OPTIONS = {name}" for name in cases.FORMATS}
    options["Zurich"] = 'SCHEDD_ENVIRONMENT = "TZ=Europe/Zurich"'
    for name, extra in options.items():
        here = Capture(folder, extra)
        here.job(f"format-{re.sub('[,_]', '-', name.lower())}", "", "exit $(Process)", "2")
        here.condor.wait(here.clusters.values())
        here.keep_logs()


def preempt(folder: Path) -> None:
    """A node that prefers some jobs to the one that it runs."""
    slots = "SLOT_TYPE_1 = 100%\nNUM_SLOTS_TYPE_1 = 1\nSLOT_TYPE_1_PARTITIONABLE = False\n"
    here = Capture(folder, f"{slots}RANK = TARGET.Important =?= True\n")
    here.job("preempted", cases.N1, cases.ONCE)
    here.running("preempted")
    here.job("preempting", f"{cases.N1}My.Important = True\n", "sleep 2")
    here.condor.wait(here.clusters.values())
    here.history("preempted")
    here.keep_logs()


def capture(folder: Path) -> None:
    here = Capture(folder, cases.SITE_POLICY)
    version = here.condor.admin("condor_version").stdout
    here.folder = folder / version.split()[1].rpartition(".")[0]
    here.folder.mkdir(parents=True, exist_ok=True)
    here.save("version.txt", version)
    for chapter in (ends, treated, machines, factories):
        chapter(here)
    here.keep_logs()
    preempt(here.folder)
    formats(here.folder)
    here.save("ids.txt", "".join(f"{note}\n" for note in here.notes))


if __name__ == "__main__":
    capture(Path(sys.argv[1]))
