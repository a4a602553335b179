"""The columns of a sacct listing: where its header puts them, and what those say that do not vary.

Lines are read in the order of farmhand's own query: first the columns that differ from element to
element (``VARYING``), last those that are the same text for all elements of an array and so need to
be read only once. Lines of another order are rearranged first.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from collectors.slurm_rows import (
    parse_duration,
    parse_size,
    parse_time,
    parse_whole,
    script_of,
    told,
)

NEEDED = ("jobid", "state")
OF_STEPS = (*NEEDED, "exitcode", "maxrss")
VARYING = (*OF_STEPS, "start", "end", "nodelist", "totalcpu", "elapsedraw", "elapsed")
ABSENT = -1
"""The position of a column that is not there: that of an empty text put behind the last one."""

_MEGABYTE = 1 << 20
"""SLURM's own unit of memory: what a number without a letter means."""


class Shared(NamedTuple):
    """What the elements of an array have in common."""

    reason: str | None
    submit: float | None
    limit_s: int | None
    name: str
    workdir: str | None
    script: str | None
    asked_memory: int | None
    cpus: int | None
    restarts: int | None


class Layout:
    """Where the columns are."""

    def __init__(self, names: list[str], delimiter: str, *, ends: bool) -> None:
        """Take lower-case names; ``ends`` says that a delimiter stands behind the last one too."""
        self.delimiter = delimiter
        order = sorted(range(len(names)), key=lambda position: _rank(names[position]))
        self.plain = order == sorted(order) and not ends
        self._order = order
        self._ends = ends
        self._submit = names.index("submitline") if "submitline" in names else None
        names = [names[position] for position in order]
        at = {name: position for position, name in enumerate(names)}
        self.id, self.state, self.exit_code, self.max_rss = (at.get(n, ABSENT) for n in OF_STEPS)
        self.start, self.end, self.nodes, self.cpu, raw, plain = (
            at.get(name, ABSENT) for name in VARYING[len(OF_STEPS) :]
        )
        self.elapsed = plain if raw == ABSENT else raw
        self.near = sum(name in OF_STEPS for name in names)
        self.far = sum(name in VARYING for name in names)
        self.near_size = min(self.near + 1, len(names))
        self.far_size = min(self.far + 1, len(names))
        self._rest = names[self.far :]

    def arranged(self, line: str) -> str | None:
        """Return a line with its columns in the order they are read in; None if it has others."""
        if self._ends:
            if not line.endswith(self.delimiter):
                return None
            line = line[: -len(self.delimiter)]
        values = line.split(self.delimiter)
        more = len(values) - len(self._order)
        if more > 0 and self._submit is not None:
            # Of all columns a submit line is the one that may well hold the delimiter.
            whole = self.delimiter.join(values[self._submit : self._submit + more + 1])
            values[self._submit : self._submit + more + 1] = [whole]
        if len(values) != len(self._order):
            return None
        return self.delimiter.join([values[position] for position in self._order])

    def shared(self, tail: str) -> Shared | None:
        """Read what comes after the varying columns; None for too few or too many columns."""
        splits = len(self._rest) - 1 if "submitline" in self._rest else -1
        values = tail.split(self.delimiter, splits) if self._rest else []
        if len(values) != len(self._rest):
            return None
        return _read_shared(dict(zip(self._rest, values, strict=True)))


def _rank(name: str) -> int:
    """Say where a column stands when lines are read."""
    if name in VARYING:
        return VARYING.index(name)
    return len(VARYING) + (name == "submitline")


def parse_header(line: str) -> Layout | None:
    """Read a header; None for a line that is none, or that lacks the needed columns."""
    names = [name.lower() for name in re.findall("[A-Za-z]+", line)]
    if not set(names).issuperset(NEEDED):
        return None
    first, *gaps, last = re.split("[A-Za-z]+", line)
    delimiter = gaps[0]
    # Blanks make the columns of the table for people, which cuts values and cannot be read.
    if first or not delimiter.strip(" ") or gaps.count(delimiter) != len(gaps):
        return None
    return Layout(names, delimiter, ends=bool(last)) if last in {"", delimiter} else None


def _read_shared(said: dict[str, str]) -> Shared:
    workdir = told(said.get("workdir"))
    cpus = first_number(said, "alloccpus", "ncpus", "reqcpus")
    minutes = first_number(said, "timelimitraw")
    limit = parse_duration(said.get("timelimit", "")) if minutes is None else minutes * 60
    return Shared(
        reason=told(said.get("reason")),
        submit=parse_time(said.get("submit", "")),
        limit_s=None if limit is None else int(limit),
        name=said.get("jobname", ""),
        workdir=workdir,
        script=script_of(said.get("submitline", ""), workdir),
        asked_memory=parse_memory(said.get("reqmem", ""), cpus),
        cpus=cpus,
        restarts=parse_whole(said.get("restarts", "")),
    )


def first_number(said: dict[str, str], *names: str) -> int | None:
    """Return the first of these columns that says a number above 0: a pending job allocates 0."""
    return next((number for name in names if (number := parse_whole(said.get(name, "")))), None)


def parse_memory(text: str, cpus: int | None) -> int | None:
    """Return the bytes that a whole job asked for; 0 asks for all that its node has: None."""
    size = parse_size(text, _MEGABYTE)
    if size is None or not size.bytes:
        return None
    if size.per == "c":
        return None if cpus is None else size.bytes * cpus
    return size.bytes
