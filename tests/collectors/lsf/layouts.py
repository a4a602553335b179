"""Job reports in the layouts of IBM LSF 10.1, of LSF 7 to 9, and of a compatible scheduler.

Written from manuals and published reports, as is the stand-in's, but apart from it: this one makes
what no stand-in comes to, such as all the reasons for which LSF ends a job.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

DASHES = "-" * 60
LAYOUTS = ("10.1", "9", "compatible")
RUNLIMIT = "TERM_RUNLIMIT: job killed after reaching LSF run time limit."
DONE = "Successfully completed."
START = 1_700_000_000


@dataclass(frozen=True)
class Made:
    """What a report is made from."""

    layout: str = "10.1"
    said: str = DONE
    """The line that tells how it ended."""
    term: str = ""
    """The line of the reason."""
    outcome: str = ""
    """Of the subject; empty: as the line says."""
    job: int = 4711
    index: int = 0
    name: str = "toys.1.s0"
    hosts: tuple[str, ...] = ("n1",)
    started: int = START
    took: int = 90
    cpu_s: float = 32.56
    peak_mb: int | None = 616
    usage: bool = True
    script: tuple[str, ...] = ("#!/bin/bash", "true")

    @property
    def ends(self) -> str:
        return self.outcome or ("Done" if self.said == DONE else "Exited")


def head(made: Made) -> list[str]:
    """Return the lines from Sender to the end of the script."""
    new = made.layout == "10.1"
    inside = " in cluster <farm>" if new else ""
    ids = f"{made.job}[{made.index}]" if made.index else str(made.job)
    began, ended = date(made.started), date(made.started + made.took)
    first, *more = made.hosts
    who = f"in queue <1nh>, as user <me>{f'{inside} at {began}' if new else '.'}"
    return [
        "Sender: LSF System <lsfadmin@n1>",
        f"Subject: Job {ids}: <{made.name}>{inside} {made.ends}",
        "",
        f"Job <{made.name}> was submitted from host <login> by user <me>"
        + (f"{inside} at {date(made.started - 30)}" if new else "."),
        f"Job was executed on host(s) <{first}>, {who}",
        *(f"{'':28}<{one}>" for one in more),  # of a parallel job
        "</home/me> was used as the home directory.",
        "</home/me/work> was used as the working directory.",
        f"Started at {began}",
        *([f"Terminated at {ended}"] if new else []),
        f"Results reported at {ended}",
        "",
        "Your job looked like:",
        "",
        DASHES,
        "# LSBATCH: User input",
        *made.script,
        "",
        DASHES,
        "",
    ]


def tail(made: Made, *, above: bool = False) -> list[str]:
    """Return the lines behind the script, the foot included."""
    return [
        *([made.term] if made.term else []),
        made.said,
        "",
        *(["Resource usage summary:", "", *_usage(made), ""] if made.usage else []),
        f"The output (if any) {'is above this job summary.' if above else 'follows:'}",
        "",
    ]


def report(made: Made, *, above: bool = False) -> str:
    """Return a report without the job's output."""
    return "\n".join([*head(made), *tail(made, above=above), ""])


def with_output(made: Made, output: str, *, above: bool = False) -> str:
    """Return what stands in the file of ``bsub -o``."""
    if above:
        return f"{output}\n{DASHES}\n{report(made, above=True)}"
    return f"{report(made)}{output}"


def date(when: int) -> str:
    """Return a time as LSF prints it, which is local."""
    return time.strftime("%a %b %e %H:%M:%S %Y", time.localtime(when))


def _usage(made: Made) -> list[str]:
    peak = made.peak_mb
    if made.layout == "10.1":
        pairs = {
            "CPU time": f"{made.cpu_s:.2f} sec.",
            "Max Memory": "-" if peak is None else f"{peak} MB",
            "Average Memory": "-" if peak is None else f"{peak / 2:.2f} MB",
            "Total Requested Memory": "1000.00 MB",
            "Delta Memory": "13.00 MB",
            "Max Swap": "-",
            "Max Processes": "4",
            "Max Threads": "8",
            "Run time": f"{made.took} sec.",
            "Turnaround time": f"{made.took + 30} sec.",
        }
        return [f"    {f'{name} :':45}{value}" for name, value in pairs.items()]
    lines = [f"    CPU time   :{made.cpu_s:10.2f} sec."]
    if peak is None:
        return lines
    lines += [f"    Max Memory :{peak:10} MB", f"    Max Swap   :{peak * 2:10} MB", ""]
    lines += [f"    Max Processes  :{4:10}"]
    return lines if made.layout == "compatible" else [*lines, f"    Max Threads    :{8:10}"]
