"""The answers of ``bhist -l`` and ``bacct -l`` about jobs that bjobs does not list any more.

Both print, for each job, what it is and then an event a line, cut after 79 columns wherever that
falls: a line that goes on begins with as many blanks as a date and its colon take, which is 21, or
26 with a year. The events that matter:

    Sun Nov 22 07:18:30: Dispatched 1 Task(s) on Host(s) <n7>, ...      (before 9.1: Dispatched to)
    Sun Nov 22 07:19:30: Exited with exit code 130. The CPU time used is 0.1 seconds;
    Sun Nov 22 07:19:31: Completed <exit>; TERM_OWNER: job killed by owner;

A time has no year unless LSF is told to print it (LSB_DISPLAY_YEAR).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from collectors.lsf_words import TERM, read_amount, read_code, read_short_date, read_signal

_INDENTS = (" " * 26, " " * 21)
"""With a year in the dates, and without one."""
_FULL = 79  # columns
_JOB = re.compile(r"^Job <(\d{1,10})(?:\[(\d{1,10})\])?>", re.MULTILINE)
_NAME = re.compile(r"Job Name <([^<>\n]{1,4095})>")
_EVENT = re.compile(
    r"^([A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d(?: \d{4})?): *(?:\[\d+\] )?(.*)$",
    re.MULTILINE,
)
_YEAR = re.compile(r"^[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4}: ", re.MULTILINE)
_HOST = re.compile(
    r"(?:Host\(s\)(?:/Processors)? |[Dd]ispatched to |[Ss]tarted on )"
    r"<(?:\d{1,9}\*)?([^<>\n]{1,255})>"
)
_CODE = re.compile(r"[Ee]xited with\s*exit\s*code\s*(\d{1,3})")
_SIGNAL = re.compile(r"Exited by (?:LSF )?signal\s*(\d{1,3}|[A-Z][A-Za-z ]*)")
_CPU = re.compile(r"CPU time used is (\d{1,15}(?:\.\d{1,9})?)")
_PEAK = re.compile(r"MAX MEM: +([\d.]+ +[KMGT]?bytes)")
_OVER = ("Done successfully", "Exited", "Completed <")


@dataclass(slots=True)
class HistoryRow:
    """What became of one job. Absent facts are None, never 0."""

    job: int
    element: int
    name: str | None = None
    over: bool = False
    done: bool = False
    term: str | None = None
    reason: str = ""
    code: int | None = None
    signal: int | None = None
    submitted: float | None = None
    started: float | None = None
    ended: float | None = None
    host: str | None = None
    cpu_s: float | None = None
    peak: int | None = None

    @property
    def native_id(self) -> str:
        """Return the id as farmhand writes it."""
        return f"{self.job}[{self.element}]" if self.element else str(self.job)


def read_history(text: str, now: float) -> list[HistoryRow]:
    """Return the jobs that are told of, each once: an id that was given out twice as the last."""
    found: dict[tuple[int, int], HistoryRow] = {}
    for row in _rows(_unwrapped(text), now):
        found[row.job, row.element] = row
    return list(found.values())


def _unwrapped(text: str) -> str:
    """Join what was cut. A line that is not full ended with a blank, which somebody took away."""
    indent = _INDENTS[0 if _YEAR.search(text) else 1]
    lines: list[str] = []
    width = 0
    for line in text.splitlines():
        if line.startswith(indent) and lines:
            lines.append("" if width >= _FULL else " ")
            lines.append(line[len(indent) :])
        else:
            lines += ["\n", line]
        width = len(line)
    return "".join(lines[1:])


def _rows(text: str, now: float) -> Iterator[HistoryRow]:
    heads = list(_JOB.finditer(text))
    for at, head in enumerate(heads):
        end = heads[at + 1].start() if at + 1 < len(heads) else len(text)
        yield _row(head, text[head.start() : end], now)


def _row(head: re.Match[str], text: str, now: float) -> HistoryRow:
    row = HistoryRow(int(head[1]), int(head[2] or 0))
    name = _NAME.search(text[: text.find("\n")])
    row.name = name[1] if name else None
    for event in _EVENT.finditer(text):
        _apply(row, read_short_date(event[1], now), event[2])
    peak = _PEAK.search(text)
    row.peak = read_amount(" ".join(peak[1].split())) if peak else None
    return row


def _apply(row: HistoryRow, when: float | None, words: str) -> None:
    if words.startswith("Submitted from"):
        row.submitted = when
    elif words.startswith(("Dispatched", "dispatched", "Started", "started", "Starting")):
        host = _HOST.search(words)
        row.host = host[1] if host else row.host
        row.started = when
        row.over, row.done, row.term, row.reason = False, False, None, ""
        row.code = row.signal = row.ended = None
    elif words.startswith(_OVER):
        _over(row, when, words)


def _over(row: HistoryRow, when: float | None, words: str) -> None:
    row.over, row.ended = True, when
    row.done = row.done or words.startswith(("Done successfully", "Completed <done>"))
    term, code = TERM.search(words), _CODE.search(words)
    number, cpu = _SIGNAL.search(words), _CPU.search(words)
    if term:
        row.term, row.reason = term[1], (term[2] or "").strip().rstrip(";.")
    if code:
        row.code = read_code(code[1])
    elif number and not term:
        row.signal = read_signal(number[1])
    row.cpu_s = float(cpu[1]) if cpu else row.cpu_s
    if row.done and row.code is None:
        row.code = 0
