"""What a log says of the phases of its job: read once, in pieces, as bytes.

A log may hold several STARTs of a phase: a scheduler that starts a job again goes on in the same
file. The last START counts, with the last END behind it. So an END is never taken for that of a
later START, and a job that was started again and has not ended is unfinished, whatever it did
before.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from manifest.timing import Phase
from outputs.tag_pattern import NO_TIME, Tag

_PIECE = 1 << 18
_LONGEST_LINE = 1 << 16
"""What is longer (a binary, a bar that never ends its line) is looked at in parts."""

Problem = Literal["no_tags", "unfinished", "no_start", "reversed", "no_time", "no_wall_time"]
PROBLEMS: Mapping[str, str] = {
    "unfinished": "START without END",
    "no_start": "END without START",
    "reversed": "END before START",
    "no_time": "a tag without a time",
    "no_tags": "neither START nor END",
    "no_wall_time": "its record has no wall time",
}


@dataclass(frozen=True, slots=True)
class Pair:
    """When a phase began and ended, in seconds since the epoch, as a log or a record says."""

    start: float | None = None
    end: float | None = None
    problem: Problem | None = None
    """Why it does not count."""
    starts: int = 1
    """How often it began."""

    @property
    def seconds(self) -> float | None:
        """Return how long it took, or None when that is not known."""
        if self.problem or self.start is None or self.end is None:
            return None
        return round(self.end - self.start, 6)  # no more is left of 1700000000.123456


NO_TAGS = Pair(problem="no_tags", starts=0)


@dataclass(frozen=True, slots=True)
class LogTimes:
    """What a log says."""

    pairs: Mapping[str, Pair]
    failed: bool = False
    """Whether it has the line that failed jobs have."""


class _Open:
    """A phase while its log is being read."""

    __slots__ = ("early", "end", "start", "starts")

    def __init__(self) -> None:
        self.start = NO_TIME
        self.end: float | None = None
        self.starts = 0
        self.early = False  # an END came before any START

    def see(self, time: float, *, ends: bool) -> None:
        if ends:
            self.early = self.early or not self.starts
            self.end = time
        else:
            self.start, self.end = time, None
            self.starts += 1

    def pair(self) -> Pair:
        return Pair(_known(self.start), _known(self.end), self._problem(), self.starts)

    def _problem(self) -> Problem | None:
        if not self.starts:
            return "no_start" if self.early else "no_tags"
        if self.end is None:
            return "reversed" if self.early and self.starts == 1 else "unfinished"
        if math.isnan(self.start + self.end):
            return "no_time"
        return "reversed" if self.end < self.start else None


def _known(time: float | None) -> float | None:
    return None if time is None or math.isnan(time) else time


class LogReader:
    """Reads logs for the times of given phases."""

    def __init__(self, phases: Mapping[str, Phase], failed: str | None = None) -> None:
        """Compile what is looked for; ``failed`` is a line that only logs of failed jobs have."""
        self._names = tuple(phases)
        texts = [text for phase in phases.values() for text in (phase.start, phase.end)]
        self._tags = [Tag.of(text) for text in texts + ([] if failed is None else [failed])]

    def read(self, path: str) -> LogTimes | None:
        """Return what a log says, or None when it cannot be read."""
        opened = [_Open() for _ in self._names]
        failed = False
        try:
            for lines in _pieces(path):
                for _, number, time in self._hits(lines):
                    if number == 2 * len(opened):
                        failed = True
                    else:
                        opened[number // 2].see(time, ends=bool(number % 2))
        except OSError:
            return None
        pairs = (one.pair() if one.starts or one.early else NO_TAGS for one in opened)
        return LogTimes(dict(zip(self._names, pairs, strict=True)), failed)

    def _hits(self, lines: bytes) -> list[tuple[int, int, float]]:
        """Return (place, number of the tag, its time) of each line that has a tag."""
        found = []
        for number, tag in enumerate(self._tags):
            at = lines.find(tag.literal)
            while at >= 0:
                first, end = lines.rfind(b"\n", 0, at) + 1, lines.find(b"\n", at)
                end = len(lines) if end < 0 else end
                time = tag.time_in(lines[first:end]) if end > first else None
                if time is not None:
                    found.append((first, number, time))
                at = lines.find(tag.literal, end + 1)
        return sorted(found)


def _pieces(path: str) -> Iterator[bytes]:
    """Yield a file in pieces that end with a line; a bar that redraws itself (CR) is many lines."""
    # A pipe among the logs would else wait for somebody to write into it.
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        rest = b""
        while piece := os.read(handle, _PIECE):
            piece = piece.replace(b"\r", b"\n")
            cut = piece.rfind(b"\n") + 1
            if cut:
                yield rest + piece[:cut]
                rest = piece[cut:]
            else:
                rest += piece
            if len(rest) > _LONGEST_LINE:
                yield rest
                rest = b""
        if rest:
            yield rest
    finally:
        os.close(handle)
