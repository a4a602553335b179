"""LSF's job report, as it stands in the file of ``bsub -o``: before, after and between other text.

The layouts of LSF 7 to 10.1 and of LSF-like schedulers differ in columns, dates and which lines
there are; all have the same frame, and only the frame is trusted:

- a head: ``Sender: LSF System <``, ``Subject: Job N[I]: <NAME> ... Done|Exited``, an empty line,
  ``Job <``;
- the script as it was submitted, between two lines of 60 dashes;
- directly behind the second of these: the reason if LSF has one, how the job ended, what it used;
- the foot: ``The output (if any) follows:``, or ``is above this job summary.``

Jobs print such lines too, and scripts contain them. So a foot belongs to the innermost head that is
still open and says the same of the end (Done or Exited); a line like ``Successfully completed.``
that stands anywhere else says nothing. A head without a foot was cut: how its job ended is unknown.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from collectors.lsf_words import (
    TERM,
    read_amount,
    read_code,
    read_date,
    read_number,
    read_signal,
)

# Two patterns that begin with plain text, which is searched for much faster than either of two.
_HEAD = re.compile(
    rb"Sender: LSF System <[^<>\n]{0,300}>\n"
    rb"Subject: Job (?P<job>\d{1,10})(?:\[(?P<index>\d{1,10})\])?: "
    rb"(?P<name><[^\n]{0,8192})\n\nJob <"
)
_FOOT = re.compile(
    rb"\nThe output \(if any\) (?:follows:|is (?P<above>above) this job summary\.)(?=\n|\Z)"
)
_OUTCOMES = (" Done", " Exited")
_SCRIPT = b"\nYour job looked like:\n"
_INPUT = "# LSBATCH: User input"
"""The line that LSF puts above the script."""
_DASHES = b"\n" + b"-" * 60 + b"\n"
_MOST_TAIL = 4096
"""Bytes from the end of the script to the foot: a dozen short lines."""
_MOST_OPEN = 64
"""Heads that may be open at once: each foot looks at all of them."""
_MOST_HEAD = 1 << 18
"""Bytes of a head: a parallel job's has a line for each of its hosts."""
_HOSTS = re.compile(r"<(?:\d{1,9}\*)?([^<>\n]{1,255})>")
_QUEUE = re.compile(r"<([^<>]{1,255})>")
_EXECUTED = "Job was executed on host(s) "
_AT = re.compile(r" at ([A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4})$")
_DATES = ("Started at ", "Terminated at ", "Results reported at ")
_DONE = "Successfully completed."
_EXIT = re.compile(
    r"Exited(?:\.?|(?: with exit code (?P<code>\d+)| with signal termination: (?P<signal>.*))\.)"
)
_BARE = ("Exited", "Exited.")
"""What some releases say of a job of next to no CPU time, however it ended."""


class Usage(NamedTuple):
    """What a job used; None: not told."""

    cpu_s: float | None = None
    peak: int | None = None
    """Bytes."""
    swap: int | None = None
    processes: int | None = None
    threads: int | None = None
    run_s: float | None = None
    turnaround_s: float | None = None
    requested: int | None = None
    """Bytes of memory that were reserved."""


class Ending(NamedTuple):
    """What stands between the script and the foot."""

    said: str
    """The line that tells how it ended."""
    term: str | None = None
    """TERM_RUNLIMIT and the like."""
    reason: str = ""
    """What stands behind it."""
    code: int | None = None
    signal: int | None = None
    usage: Usage = Usage()

    @property
    def done(self) -> bool:
        """Return whether LSF counts it as well ended."""
        return self.said == _DONE

    @property
    def bare(self) -> bool:
        """Return whether the line says so little that only the subject tells the outcome."""
        return self.said in _BARE


@dataclass(frozen=True, slots=True)
class Report:
    """One report. Absent facts are None, never 0."""

    job: int
    index: int
    """0: no element of an array."""
    name: str
    outcome: str | None
    """Done or Exited, as the subject has it."""
    ending: Ending | None
    """None: the report was cut before its foot."""
    hosts: tuple[str, ...] = ()
    queue: str | None = None
    submitted: float | None = None
    started: float | None = None
    terminated: float | None = None
    reported: float | None = None
    above: bool = False
    """The job's output is above it: it was written as it came."""

    @property
    def native_id(self) -> str:
        """Return the id as farmhand writes it."""
        return f"{self.job}[{self.index}]" if self.index else str(self.job)

    @property
    def ended(self) -> float | None:
        """Return when the job ended, as far as that is told."""
        return self.terminated if self.terminated is not None else self.reported


class _Open(NamedTuple):
    head: re.Match[bytes]
    done: bool | None
    tentative: list[tuple[Ending, bool]]
    """Feet that say another outcome than the head: taken only if no better one comes."""


def read_reports(data: bytes) -> list[Report]:
    """Return the reports in a file, in the order of their heads. No bytes make this fail."""
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n")
    found: list[tuple[_Open, Ending | None, bool]] = []
    open_ones: list[_Open] = []
    frame = [*_HEAD.finditer(data), *_FOOT.finditer(data)]
    for match in sorted(frame, key=re.Match.start):
        if match.re is _HEAD:
            open_ones.append(_Open(match, _outcome(match), []))
            if len(open_ones) > _MOST_OPEN:  # the outermost and the innermost matter
                middle = open_ones.pop(1)
                found.append((middle, *_settled(middle)))
            continue
        ending = _ending(data, match.start()) if open_ones else None
        if ending is None:
            continue
        above = match["above"] is not None
        fitting = [
            at for at, one in enumerate(open_ones) if ending.bare or one.done in (ending.done, None)
        ]
        if fitting:  # what is open inside it was cut, or is no report
            found += [(one, *_settled(one)) for one in open_ones[fitting[-1] + 1 :]]
            found.append((open_ones[fitting[-1]], ending, above))
            del open_ones[fitting[-1] :]
        else:
            open_ones[-1].tentative.append((ending, above))
    found += [(one, *_settled(one)) for one in open_ones]
    found.sort(key=lambda item: item[0].head.start())
    return [_report(data, one.head, ending, above) for one, ending, above in found]


def last_report(reports: list[Report], native_id: str) -> Report | None:
    """Return the last report of a job; those of others, which it may have printed, do not count.

    Last by time: a job that prints an older report of its own does so behind the newer one. By
    place, where one was cut before its times.
    """
    last = None
    for report in reports:
        if report.native_id == native_id and (
            last is None
            or last.started is None
            or report.started is None
            or report.started >= last.started
        ):
            last = report
    return last


def _settled(one: _Open) -> tuple[Ending | None, bool]:
    return one.tentative[0] if one.tentative else (None, False)


def _outcome(head: re.Match[bytes]) -> bool | None:
    subject = head["name"]
    return True if subject.endswith(b" Done") else False if subject.endswith(b" Exited") else None


def _ending(data: bytes, foot: int) -> Ending | None:
    """Return what stands directly before a foot, back to the nearest line of dashes."""
    start = data.rfind(_DASHES, max(0, foot - _MOST_TAIL), foot)
    if start < 0:
        return None
    text = data[start + len(_DASHES) : foot].decode("utf-8", "replace")
    if text.startswith(_INPUT):  # these dashes begin the script: the foot stands in it
        return None
    term, reason, said = None, "", None
    usage: dict[str, str] = {}
    for line in text.split("\n"):
        plain = line.strip()
        if said is None:
            if plain == _DONE or _EXIT.fullmatch(plain):
                said = plain
            elif term is None and plain.startswith("TERM_") and (match := TERM.match(plain)):
                term, reason = match[1], (match[2] or "").strip().rstrip(".")
        elif ":" in line:
            what, _, amount = line.partition(":")
            usage.setdefault(what.strip(), amount.strip())
    return None if said is None else _told(said, term, reason, usage)


def _told(said: str, term: str | None, reason: str, usage: dict[str, str]) -> Ending:
    match = _EXIT.fullmatch(said)
    code = number = None
    if match is None:
        code = 0
    elif match["code"]:
        code = read_code(match["code"])
    elif match["signal"]:
        number = read_signal(match["signal"])
    processes, threads = (read_number(usage.get(f"Max {what}", "")) for what in _COUNTED)
    used = Usage(
        cpu_s=read_number(usage.get("CPU time", "")),
        peak=read_amount(usage.get("Max Memory", "")),
        swap=read_amount(usage.get("Max Swap", "")),
        processes=None if processes is None else int(processes),
        threads=None if threads is None else int(threads),
        run_s=read_number(usage.get("Run time", "")),
        turnaround_s=read_number(usage.get("Turnaround time", "")),
        requested=read_amount(usage.get("Total Requested Memory", "")),
    )
    return Ending(said, term, reason, code, number, used)


_COUNTED = ("Processes", "Threads")


def _report(data: bytes, head: re.Match[bytes], ending: Ending | None, above: bool) -> Report:
    subject = head["name"].decode("utf-8", "replace")
    outcome = next((word for word in _OUTCOMES if subject.endswith(word)), None)
    name = subject.removesuffix(outcome or "").removesuffix(">").removeprefix("<")
    begin = head.end() - len(b"Job <")
    end = data.find(_SCRIPT, begin, begin + _MOST_HEAD)
    text = data[begin : end if end >= 0 else begin + _MOST_HEAD].decode("utf-8", "replace")
    lines = text.split("\n")
    if end < 0:  # cut in the head: its last line may be cut, too
        lines.pop()
    submitted = _AT.search(lines[0]) if lines else None
    dates = {line[: len(word)]: line[len(word) :] for line, word in _dated(lines)}
    hosts, queue = _executed(lines)
    return Report(
        job=int(head["job"]),
        index=int(head["index"] or 0),
        name=name.partition("> in cluster <")[0],
        outcome=outcome.strip() if outcome else None,
        ending=ending,
        hosts=hosts,
        queue=queue,
        submitted=read_date(submitted[1]) if submitted else None,
        started=read_date(dates.get(_DATES[0], "")),
        terminated=read_date(dates.get(_DATES[1], "")),
        reported=read_date(dates.get(_DATES[2], "")),
        above=above,
    )


def _dated(lines: list[str]) -> Iterator[tuple[str, str]]:
    for line in lines:
        for word in _DATES:
            if line.startswith(word):
                yield line, word


def _executed(lines: list[str]) -> tuple[tuple[str, ...], str | None]:
    """Return hosts and queue; a parallel job's further hosts stand on lines of their own."""
    for at, line in enumerate(lines):
        if line.startswith(_EXECUTED):
            first, _, rest = line.partition(", in queue ")
            hosts = _HOSTS.findall(first[len(_EXECUTED) :])
            for more in lines[at + 1 :]:
                if not more.startswith(" "):
                    break
                hosts += _HOSTS.findall(more)
            queue = _QUEUE.match(rest)
            return tuple(hosts), queue[1] if queue else None
    return (), None
