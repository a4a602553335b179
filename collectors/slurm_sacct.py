"""Reading sacct's parsable listings: farmhand's own query, or one that a user saved.

sacct(1) prints a job's line and then the lines of its steps; with --duplicates every execution of a
requeued job has a line, and steps, of its own, in the order of their submit times. Steps are folded
into the line they follow. Two of three lines are steps: they are split only as far as is needed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

from collectors.slurm_columns import Layout, parse_header
from collectors.slurm_ids import MAX_INDEX, Elements, parse_job_id
from collectors.slurm_rows import (
    Parsed,
    SlurmRow,
    parse_duration,
    parse_size,
    parse_time,
    parse_whole,
    told,
)
from collectors.slurm_states import Outcome, read_outcome

FIELDS = (
    "JobID",
    "State",
    "ExitCode",
    "MaxRSS",
    "Start",
    "End",
    "NodeList",
    "TotalCPU",
    "ElapsedRaw",
    "Submit",
    "TimelimitRaw",
    "ReqMem",
    "ReqCPUS",
    "AllocCPUS",
    "Reason",
    "JobName",
    "WorkDir",
    "SubmitLine",
)
"""For --format. SubmitLine (SLURM 21.08) stands last, where it may hold the delimiter."""

_CHUNK = 1 << 20

K = TypeVar("K")
V = TypeVar("V")


def read_sacct(text: str) -> Parsed:
    """Read a listing of ``sacct --parsable`` or ``--parsable2``, whatever its columns.

    Its header says which columns there are and what stands between them; JobID and State must be
    among them. Without a header nothing can be read.
    """
    reader = _Reader()
    for lines in _chunks(text.replace("\r\n", "\n")):
        reader.feed(lines)
    reader.flush()
    return Parsed(reader.rows, reader.unread)


def _chunks(text: str) -> Iterator[list[str]]:
    """Yield the lines by the megabyte: all of them at once would double the memory."""
    at = 0
    while at < len(text):
        cut = text.find("\n", at + _CHUNK)
        end = len(text) if cut < 0 else cut
        yield text[at:end].split("\n")
        at = end + 1


class _Memo(dict[K, V], Generic[K, V]):
    """Reads each different text once."""

    def __init__(self, read: Callable[[K], V]) -> None:
        super().__init__()
        self.read = read

    def __missing__(self, key: K) -> V:
        value = self[key] = self.read(key)
        return value


class _Reader:
    """Reads line after line; a row is made when the steps of its job are over."""

    def __init__(self) -> None:
        self.rows: list[SlurmRow] = []
        self.unread = 0
        self.layout: Layout | None = None
        self.outcomes = _Memo(_read_outcome)
        self.times = _Memo(parse_time)
        self.elapsed = _Memo(_read_elapsed)
        self.nodes = _Memo(told)
        self.array = ("", 0)
        self._wait()

    def _wait(self) -> None:
        """Have no job whose steps may follow."""
        self.open: list[Any] | None = None
        self.prefix = "."  # no id begins so
        self.peak = 0
        self.oom = False

    def feed(self, lines: list[str]) -> None:
        """Read some lines."""
        for line in lines:
            layout = self.layout
            arranged = None if layout is None else line if layout.plain else layout.arranged(line)
            if layout is None or arranged is None:
                self._other(line)
                continue
            head = arranged.split(layout.delimiter, layout.near)
            if len(head) != layout.near_size:
                self._other(line)
                continue
            head.append("")
            identity = head[layout.id]
            if "." in identity and identity.startswith(self.prefix):
                self._step(head, layout)
            elif "." not in identity or "[" in identity:  # a list that was cut holds dots
                self._job(arranged, layout)
            else:
                self.unread += 1

    def _other(self, line: str) -> None:
        """Take a line of no job: a header, an empty one, or one that cannot be read."""
        layout = parse_header(line)
        if layout is None:
            self.unread += bool(line.strip(" \t\r"))
            return
        self.layout = layout
        self.shared = _Memo(layout.shared)

    def _step(self, head: list[str], layout: Layout) -> None:
        outcome = self.outcomes[head[layout.state], head[layout.exit_code]]
        if outcome is not None and outcome.oom:
            self.oom = True
        peak = head[layout.max_rss]
        if peak:
            self.peak = max(self.peak, _read_peak(peak))

    def _job(self, line: str, layout: Layout) -> None:
        said = line.split(layout.delimiter, layout.far)
        identity = self._identity(said[layout.id])
        if identity is None:
            self._other(line)
            return
        self.flush()
        whole = len(said) == layout.far_size
        said.append("")
        outcome = self.outcomes[said[layout.state], said[layout.exit_code]] if whole else None
        shared = self.shared[said[layout.far]] if outcome else None
        if outcome is None or shared is None:
            self.unread += 1
            return
        base, flags, by, code, signal, self.oom = outcome
        self.prefix = f"{said[layout.id]}."
        self.peak = _read_peak(said[layout.max_rss])
        start, end = self.times[said[layout.start]], self.times[said[layout.end]]
        elapsed = self.elapsed[said[layout.elapsed]]
        if start is None and elapsed == 0:
            elapsed = None
        self.open = [
            *identity, "sacct", base, flags, by, code, signal, shared.reason, shared.submit,
            start, end, elapsed, shared.limit_s, self.nodes[said[layout.nodes]], shared.name,
            shared.workdir, shared.script, shared.asked_memory, None, shared.cpus,
            _read_cpu(said[layout.cpu]), False, shared.restarts,
        ]  # fmt: skip

    def _identity(self, text: str) -> tuple[int, Elements | None, bool] | None:
        array, _, element = text.partition("_")
        if array == self.array[0] and element.isdecimal() and element.isascii():
            index = int(element[:_DIGITS])
            if index <= MAX_INDEX:
                return self.array[1], (range(index, index + 1),), False
        parsed = parse_job_id(text)
        if parsed is None or parsed.step is not None:
            return None
        self.array = (array, parsed.job)
        return parsed.job, parsed.elements, parsed.truncated

    def flush(self) -> None:
        """Make the row of the job whose steps are over."""
        if self.open is not None:
            self.open[_PEAK] = self.peak or None
            self.open[_OOM] = self.oom
            self.rows.append(SlurmRow._make(self.open))
            self._wait()


_PEAK = SlurmRow._fields.index("peak")
_OOM = SlurmRow._fields.index("oom")
_DIGITS = len(str(MAX_INDEX)) + 1


def _read_outcome(said: tuple[str, str]) -> Outcome | None:
    """Read State and ExitCode; None if the latter is none: then the columns have shifted."""
    if not said[1]:
        return read_outcome(said[0], None, None)
    match = _EXIT.fullmatch(said[1])
    return match and read_outcome(said[0], int(match[1]), int(match[2]))


_EXIT = re.compile("([0-9]{1,9}):([0-9]{1,9})")


def _read_elapsed(text: str) -> int | None:
    """Read ElapsedRaw or Elapsed."""
    if text.isdecimal():
        return parse_whole(text)
    seconds = parse_duration(text)
    return None if seconds is None else int(seconds)


def _read_peak(text: str) -> int:
    kilobytes = text[:-1]
    if text.endswith("K") and kilobytes.isdecimal() and len(text) < _LONG:
        return int(kilobytes) << 10  # as sacct says nearly always
    size = parse_size(text) if text else None
    return size.bytes if size else 0


_LONG = 16


def _read_cpu(text: str) -> float | None:
    """Read TotalCPU; 0 stands for "not gathered": even an empty script takes a millisecond."""
    return parse_duration(text) or None if text else None
