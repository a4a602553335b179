"""The job report, in the layouts of LSF 10.1, of LSF 7 to 9, and of a compatible scheduler."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.clusters.lsf.spool import Job, Settings, State

_DASHES = "-" * 60


def report(job: Job, index: int, state: State, settings: Settings, *, direct: bool) -> str:
    """Return a report, ready to be followed by the output (or to follow it)."""
    new = settings.layout == "ibm10"
    host, cluster = settings.host, settings.cluster
    slots = job.options.get("n", "1")
    where = host if slots == "1" else f"{slots}*{host}"
    inside = f" in cluster <{cluster}>" if new else ""
    begin, end = _date(state.started), _date(state.ended)
    submitted = f"{inside} at {_date(job.submitted)}" if new else "."
    executed = f"{inside} at {begin}" if new else "."
    outcome = "Done" if state.code == 0 else "Exited"
    place = f"on host(s) <{where}>, in queue <{job.queue}>, as user <{job.user}>"
    lines = [
        f"Sender: LSF System <lsfadmin@{host}>",
        f"Subject: Job {job.native(index)}: <{job.name}>{inside} {outcome}",
        "",
        f"Job <{job.name}> was submitted from host <{host}> by user <{job.user}>{submitted}",
        f"Job was executed {place}{executed}",
        f"<{os.path.expanduser('~')}> was used as the home directory.",
        f"<{job.cwd}> was used as the working directory.",
        f"Started at {begin}",
        *([f"Terminated at {end}"] if new else []),
        f"Results reported at {end}",
        "",
        "Your job looked like:",
        "",
        _DASHES,
        "# LSBATCH: User input",
        *job.script.splitlines()[:50],
        "",
        _DASHES,
        "",
        *([state.reason] if state.reason and settings.layout != "compatible" else []),
        "Successfully completed." if state.code == 0 else f"Exited with exit code {state.code}.",
        "",
        "Resource usage summary:",
        "",
        *(_usage_10(state) if new else _usage_9(state)),
        "",
    ]
    if direct:
        lines = ["", _DASHES, *lines, "The output (if any) is above this job summary.", "", ""]
    else:
        lines += ["The output (if any) follows:", "", ""]
    return "\n".join(lines)


def _date(when: float | None) -> str:
    return time.strftime("%a %b %d %H:%M:%S %Y", time.localtime(when))


def _usage_10(state: State) -> list[str]:
    run = round((state.ended or 0) - (state.started or 0))
    memory = f"{state.memory >> 20} MB" if state.memory else "-"
    pairs = [
        ("CPU time :", f"{state.cpu_s:.2f} sec."),
        ("Max Memory :", memory),
        ("Average Memory :", memory),
        ("Total Requested Memory :", "-"),
        ("Delta Memory :", "-"),
        ("Max Swap :", "-"),
        ("Max Processes :", "4"),
        ("Max Threads :", "5"),
        ("Run time :", f"{run} sec."),
        ("Turnaround time :", f"{run + 1} sec."),
    ]
    return [f"    {name:<45}{value}" for name, value in pairs]


def _usage_9(state: State) -> list[str]:
    lines = [f"    CPU time   :{state.cpu_s:10.2f} sec."]
    if state.memory:
        lines += [
            f"    Max Memory :{state.memory >> 20:10} MB",
            f"    Max Swap   :{state.memory >> 19:10} MB",
            "",
            f"    Max Processes  :{4:10}",
        ]
    return lines
