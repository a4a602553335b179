"""bhist -l and bacct -l: what becomes of jobs that bjobs has forgotten."""

from __future__ import annotations

import os
import sys
import time

from tests.clusters.lsf.bjobs import _all, _parsed
from tests.clusters.lsf.spool import OPEN, Job, Spool, State, grumble

_WIDTH = 79


def bhist(words: list[str]) -> int:
    """Tell the history of the jobs that are named."""
    return _tell(words, end_word="Exited")


def bacct(words: list[str]) -> int:
    """Tell what was accounted of the jobs that are named."""
    return _tell(words, end_word="Completed <exit>")


def _tell(words: list[str], *, end_word: str) -> int:
    spool = Spool.named()
    grumble(spool.settings())
    wanted = [_parsed(word) for word in words if word[0].isdigit()]
    found = 0
    for job, index, state in _all(spool):
        if not any(number == job.id and one in (None, index) for _, number, one in wanted):
            continue
        if end_word.startswith("Completed") and state.stat in OPEN:
            continue
        found += 1
        print(_history(job, index, state, end_word, spool.settings().host))
        print("-" * 78)
    if not found:
        print("No matching job found", file=sys.stderr)
        return 255
    return 0


def _history(job: Job, index: int, state: State, end_word: str, host: str) -> str:
    command = job.script.strip().replace("\n", ";")
    who = f"Job Name <{job.name}>, User <{job.user}>, Project <{job.options.get('P', 'default')}>"
    place = f"to Queue <{job.queue}>, CWD <{job.cwd}>"
    lines = [
        f"Job <{job.native(index)}>, {who}, Command <{command}>",
        f"{_date(job.submitted)}: Submitted from host <{host}>, {place};",
    ]
    if state.started is not None:
        lines.append(
            f"{_date(state.started)}: Dispatched 1 Task(s) on Host(s) <{host}>, "
            f"Allocated 1 Slot(s) on Host(s) <{host}>;"
        )
        lines.append(f"{_date(state.started)}: Starting (Pid {state.pid});")
    if state.ended is not None:
        reason = f" {state.reason}" if state.reason else ""
        if state.stat == "DONE":
            done = "Completed <done>" if "Completed" in end_word else "Done successfully"
            text = f"{done}. The CPU time used is {state.cpu_s:.1f} seconds;"
        elif "Completed" in end_word:
            text = f"{end_word};{reason}"
        elif state.code is None:
            text = f"Exited;{reason}"
        else:
            text = f"Exited with exit code {state.code}. The CPU time used is "
            text += f"{state.cpu_s:.1f} seconds;{reason}"
        lines.append(f"{_date(state.ended)}: {text}")
    return "\n" + "\n".join(map(_cut, lines))


def _cut(line: str) -> str:
    """Go on behind as many blanks as a date takes, wherever the cut falls."""
    indent = len(_date(0)) + 2
    room = _WIDTH - indent
    rest = line[_WIDTH:]
    more = (" " * indent + rest[at : at + room] for at in range(0, len(rest), room))
    return "\n".join([line[:_WIDTH], *more])


def _date(when: float | None) -> str:
    year = " %Y" if os.environ.get("LSB_DISPLAY_YEAR", "").upper() == "Y" else ""
    return time.strftime(f"%a %b %e %H:%M:%S{year}", time.localtime(when))
