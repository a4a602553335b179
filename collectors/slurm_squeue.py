"""Reading what squeue lists: jobs that wait, run, or ended so lately that slurmctld knows of them.

Pending elements of an array share a line unless something told them apart. An element that was
cancelled before it started simply leaves the list, and accounting need never hear of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from collectors.slurm_ids import parse_job_id
from collectors.slurm_rows import (
    DELIMITER,
    Parsed,
    SlurmRow,
    parse_duration,
    parse_time,
    parse_whole,
    told,
)
from collectors.slurm_states import parse_state

_COLUMNS = (
    "JobArrayID",
    "State",
    "Reason",
    "RestartCnt",
    "SubmitTime",
    "StartTime",
    "TimeUsed",
    "TimeLimit",
    "NumCPUs",
    "NodeList",
    "Name",
    "WorkDir",
    "Command",  # last: its arguments may hold the delimiter
)
FORMAT = f":{DELIMITER},".join(_COLUMNS) + ":"
"""For --Format (squeue(1) -O): after the colon no width, so nothing is cut, and the delimiter.

--format (-o) has no letter for the count of restarts.
"""

_HEADER = (
    "JOBID",
    "STATE",
    "REASON",
    "RESTART_COUNT",
    "SUBMIT_TIME",
    "START_TIME",
    "TIME",
    "TIME_LIMIT",
    "CPUS",
    "NODELIST",
    "NAME",
    "WORK_DIR",
    "COMMAND",
)
_FIRST = re.compile("JOBID([^A-Za-z ]+)[A-Z]")


def read_squeue(text: str) -> Parsed:
    """Read what ``squeue --Format=FORMAT`` printed, or another listing with a delimiter.

    Its header says which columns there are; without one they are those of FORMAT.
    """
    rows = []
    unread = 0
    names, delimiter = list(_HEADER), DELIMITER
    for line in text.split("\n"):
        header = _FIRST.match(line)
        if header is not None:
            delimiter = header[1]
            names = line.split(delimiter)
            continue
        values = line.split(delimiter, len(names) - 1 if names[-1] == "COMMAND" else -1)
        row = None
        if len(values) == len(names):
            # Reversed, so that the first of two columns JOBID counts: the second is the plain id.
            row = _row(dict(zip(reversed(names), reversed(values), strict=True)).get)
        if row is not None:
            rows.append(row)
        else:
            unread += bool(line.strip(" \t\r"))
    return Parsed(rows, unread)


def _row(said: Callable[[str, str], str]) -> SlurmRow | None:
    identity = parse_job_id(said("JOBID", ""))
    if identity is None or identity.step is not None:
        return None
    state = parse_state(said("STATE", "") or said("ST", ""))
    elapsed, limit = parse_duration(said("TIME", "")), parse_duration(said("TIME_LIMIT", ""))
    return SlurmRow(
        job=identity.job,
        elements=identity.elements,
        truncated=identity.truncated,
        source="squeue",
        state=state.base,
        flags=state.flags,
        by=state.by,
        code=None,
        signal=None,
        reason=told(said("REASON", "")),
        submit=parse_time(said("SUBMIT_TIME", "")),
        start=parse_time(said("START_TIME", "")),
        end=None,  # of what runs, squeue shows when its time will be up
        elapsed_s=None if elapsed is None or state.base == "PENDING" else int(elapsed),
        limit_s=None if limit is None else int(limit),
        nodes=told(said("NODELIST", "")),
        name=said("NAME", ""),
        workdir=told(said("WORK_DIR", "")),
        script=told(said("COMMAND", "")),
        asked_memory=None,  # squeue does not say whether it counts for a node or for a processor
        peak=None,
        cpus=parse_whole(said("CPUS", "")) or None,
        cpu_s=None,
        oom=state.base == "OUT_OF_MEMORY",
        restarts=parse_whole(said("RESTART_COUNT", "")),
    )
