"""The background process of one submission: starts its elements, limits, kills and reports them."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field

from tests.clusters.lsf.report import report
from tests.clusters.lsf.spool import Job, Settings, Spool, State

ROOT = __file__.rsplit("/", 4)[0]
START = (
    f"import sys; sys.path.insert(0, {ROOT!r}); from tests.clusters.lsf.runner import run; "
    "run(sys.argv[1], int(sys.argv[2]))"
)
_POLL_S = 0.02
_MEASURE_S = 0.3
_REASONS = {
    "owner": "TERM_OWNER: job killed by owner.",
    "runlimit": "TERM_RUNLIMIT: job killed after reaching LSF run time limit.",
    "memlimit": "TERM_MEMLIMIT: job killed after reaching LSF memory usage limit.",
}


@dataclass
class Running:
    """An element that runs."""

    index: int
    process: subprocess.Popen[bytes]
    slot: int
    state: State
    out: str
    err: str | None
    due: list[tuple[float, int, str]] = field(default_factory=list)
    """(when, signal, why) of what is still to be sent."""
    measured: float = 0.0


def run(path: str, number: int) -> None:
    """Run all of a submission."""
    spool = Spool(path)
    job = spool.job(number)
    if job is not None:
        _Submission(spool, job).run()


class _Submission:
    def __init__(self, spool: Spool, job: Job) -> None:
        self._spool, self._job = spool, job
        self._settings: Settings = spool.settings()
        self._waiting = list(job.indices)
        self._running: list[Running] = []

    def run(self) -> None:
        while self._waiting or self._running:
            self._settings = self._spool.settings()
            for index in list(self._waiting):
                if self._spool.asked_to_kill(self._job.id, index):
                    self._never(index)
            for one in list(self._running):
                self._look_at(one)
            self._start_some()
            time.sleep(_POLL_S)

    def _never(self, index: int) -> None:
        """Killed while it waited: no file is written."""
        state = State("EXIT", ended=time.time(), reason=_REASONS["owner"])
        self._waiting.remove(index)
        self._spool.put(self._job.id, index, state)

    def _start_some(self) -> None:
        while self._waiting and len(self._running) < self._job.limit:
            if self._spool.state(self._job.id, self._waiting[0]).stat == "PSUSP":
                return
            slot = self._spool.take_slot(self._settings.slots)
            if slot is None:
                return
            self._running.append(self._start(self._waiting.pop(0), slot))

    def _start(self, index: int, slot: int) -> Running:
        job, settings = self._job, self._settings
        base = job.shell.removesuffix(".shell") + (f".{index}" if job.is_array else "")
        out, err = f"{base}.out", f"{base}.err" if {"e", "eo"} & set(job.options) else None
        target = self._target("oo", "o", index)
        if settings.direct and target and os.path.isdir(os.path.dirname(target)):
            out = target
        with open(job.shell, "rb") as stream:
            direct = stream.read(2) == b"#!"
        with open(out, "ab") as stdout, open(err or out, "ab") as stderr:
            process = subprocess.Popen(
                [job.shell] if direct else ["/bin/sh", job.shell],
                cwd=job.cwd if os.path.isdir(job.cwd) else "/tmp",
                env=self._environment(index, base),
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                start_new_session=True,
            )
        state = State("RUN", process.pid, time.time())
        self._spool.put(job.id, index, state)
        return Running(index, process, slot, state, out, err, self._limits())

    def _limits(self) -> list[tuple[float, int, str]]:
        found: list[tuple[float, int, str]] = []
        most = self._job.options.get("W") or self._settings.queues[self._job.queue]
        if most is None:
            return found
        hours, _, rest = str(most).rpartition(":")
        limit = int(hours or 0) * 60 + int(rest)
        minute, now = self._settings.minute_s, time.monotonic()
        if "wt" in self._job.options:
            early = (limit - int(self._job.options["wt"])) * minute
            number = signal.Signals["SIG" + self._job.options["wa"].removeprefix("SIG")]
            found.append((now + early, number, ""))
        found.append((now + limit * minute, signal.SIGUSR2, "runlimit"))
        found.append((now + (limit + 10) * minute, signal.SIGKILL, "runlimit"))
        return found

    def _environment(self, index: int, base: str) -> dict[str, str]:
        job, host = self._job, self._settings.host
        slots = job.options.get("n", "1")
        array = {"LSB_JOBINDEX_END": str(job.indices[-1]), "LSB_JOBINDEX_STEP": "1"}
        return {
            **job.env,
            **(array if job.is_array else {}),
            "LSB_JOBID": str(job.id),
            "LSB_JOBINDEX": str(index),
            "LSB_BATCH_JID": job.native(index),
            "LSB_JOBNAME": job.name,
            "LSB_QUEUE": job.queue,
            "LSB_HOSTS": " ".join([host] * int(slots)),
            "LSB_MCPU_HOSTS": f"{host} {slots} ",
            "LSB_SUB_HOST": host,
            "LSB_JOBFILENAME": base,
            "LSB_OUTPUTFILE": self._target("oo", "o", index) or "/dev/null",
            "LSB_EXIT_PRE_ABORT": "99",
            "LSB_JOBEXIT_STAT": "0",
            "LSB_DJOB_NUMPROC": slots,
            "LS_SUBCWD": job.cwd,
            "LS_EXEC_T": "START",
        }

    def _look_at(self, one: Running) -> None:
        for name in self._spool.asked_to_kill(self._job.id, one.index):
            self._kill(one, name, "owner")
        if time.monotonic() - one.measured > _MEASURE_S:
            one.measured = time.monotonic()
            one.state.memory = max(one.state.memory, resident(one.process.pid))
            if self._over_memory(one):
                self._kill(one, "", "memlimit")
        for item in [item for item in one.due if item[0] <= time.monotonic()]:
            one.due.remove(item)
            send(one.process.pid, item[1])
            if item[2]:
                one.state.reason = _REASONS[item[2]]
        pid, status, usage = os.wait4(one.process.pid, os.WNOHANG)
        if pid:
            one.process.returncode = os.waitstatus_to_exitcode(status)
            self._end(one, usage.ru_utime + usage.ru_stime)

    def _kill(self, one: Running, name: str, why: str) -> None:
        """Send one signal, or INT, TERM and KILL with time between them."""
        now, pause = time.monotonic(), self._settings.kill_interval_s
        if name not in ("", "all"):
            one.due.append((now, signal.Signals[f"SIG{name}"], why))
            return
        sequence = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)
        one.due = [(now + pause * step, number, why) for step, number in enumerate(sequence)]

    def _over_memory(self, one: Running) -> bool:
        match = re.fullmatch(r"(\d+)([KMGT]B?)?!?", self._job.options.get("M", ""))
        if match is None or not self._settings.enforce_memory or one.state.reason:
            return False
        unit = (match[2] or self._settings.unit or "KB")[0]
        return one.state.memory > int(match[1]) << {"K": 10, "M": 20, "G": 30, "T": 40}[unit]

    def _end(self, one: Running, cpu_s: float) -> None:
        code = one.process.returncode
        one.state.code = code if code >= 0 else 128 - code
        one.state.ended, one.state.cpu_s = time.time(), cpu_s
        self._deliver(one)
        one.state.stat = "DONE" if one.state.code == 0 else "EXIT"
        self._spool.put(self._job.id, one.index, one.state)
        self._running.remove(one)
        os.close(one.slot)

    def _deliver(self, one: Running) -> None:
        target = self._target("oo", "o", one.index)
        errors = self._target("eo", "e", one.index)
        if errors and one.err and os.path.isdir(os.path.dirname(errors)):
            with open(one.err, "rb") as source, open(errors, "ab") as stream:
                stream.write(source.read())
        direct = one.out == target
        with open(one.out, "rb") as source:
            output = b"" if direct else source.read()
        text = report(self._job, one.index, one.state, self._settings, direct=direct)
        if errors and not direct:
            output += f"\n\nPS:\n\nRead file <{errors}> for stderr output of this job.\n".encode()
        over = "oo" in self._job.options and not direct
        if not target or not os.path.isdir(os.path.dirname(target)):
            target = self._spool.join("mail", self._job.native(one.index))
        with open(target, "wb" if over else "ab") as stream:
            stream.write(text.encode("utf-8", "surrogateescape") + output)
        with contextlib.suppress(FileNotFoundError):
            if not direct:
                os.unlink(one.out)

    def _target(self, overwrite: str, append: str, index: int) -> str | None:
        path = self._job.options.get(overwrite) or self._job.options.get(append)
        if path is None:
            return None
        path = path.replace("%J", str(self._job.id)).replace("%I", str(index))
        return os.path.join(self._job.cwd, path)


def session(leader: int) -> list[int]:
    """Return the processes of a session."""
    found = []
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", "rb") as stream:
                fields = stream.read().rpartition(b")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == leader:
            found.append(int(name))
    return found


def send(leader: int, number: int) -> None:
    """Send a signal to all processes of a job."""
    for pid in session(leader):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def resident(leader: int) -> int:
    """Return the memory of a job now, in bytes."""
    total = 0
    for pid in session(leader):
        with contextlib.suppress(OSError), open(f"/proc/{pid}/statm", "rb") as stream:
            total += int(stream.read().split()[1]) * 4096
    return total


if __name__ == "__main__":
    run(sys.argv[1], int(sys.argv[2]))
