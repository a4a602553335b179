"""A line to look for in a log: found by plain bytes first, then by its regular expression."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

_FLAGS = re.compile(r"\(\?[aiLmsux-]+[:)]")
_COUNT = re.compile(r"\{\d*,?\d*\}")
_CLASS = re.compile(r"\[\^?\]?(?:\\.|[^\]\\])*\]")
_WITHOUT_WIDTH_OR_ONE = "bBdDsSwWAZ"
_NUMBER = re.compile(rb"\d+(?:\.\d*)?")
_EPOCH = re.compile(rb"\d{9,11}(?:\.\d*)?")
"""From 1973 on for some centuries: not the year that a date ends with, and not milliseconds."""
NO_TIME = math.nan
"""Of a line that has the tag and no time."""


@dataclass(frozen=True, slots=True)
class Tag:
    """A regular expression, and bytes that each of its matches has in it."""

    pattern: re.Pattern[bytes]
    literal: bytes
    """Empty where none are known: then every line is asked."""

    @classmethod
    def of(cls, text: str) -> Tag:
        """Return the tag of a regular expression that the spec has checked."""
        return cls(re.compile(text.encode()), literal_in(text).encode())

    def time_in(self, line: bytes) -> float | None:
        r"""Return the time of a line in seconds, ``NO_TIME``, or None when the line is another.

        A last word has to be seconds since the epoch; a group may be any number.

        >>> start = Tag.of(r"START --")
        >>> start.time_in(b"job 3: START -- 1700000000.5"), start.time_in(b"END -- 1700000000")
        (1700000000.5, None)
        >>> start.time_in(b"START -- Tue Oct 19 10:00:00 UTC 2021")
        nan
        >>> Tag.of(r"began at (\S+) on").time_in(b"began at 17.25 on node7")
        17.25
        """
        match = self.pattern.search(line)
        if match is None:
            return None
        if self.pattern.groups:
            word, form = match[1] or b"", _NUMBER
        else:
            word, form = (line.split() or [b""])[-1], _EPOCH
        return float(word) if form.fullmatch(word) else NO_TIME


def literal_in(pattern: str) -> str:
    r"""Return the longest text that every match must have in it, as far as is plain to see.

    >>> literal_in(r"(?<!\S)START DST --"), literal_in(r"Start time: *(\d+)"), literal_in("a|b")
    ('START DST --', 'Start time:', '')
    """
    if _FLAGS.search(pattern):
        return ""
    runs, depth, at = [""], 0, 0
    while at < len(pattern):
        char = pattern[at]
        at += 1
        if char == "\\":
            char, at = pattern[at], at + 1
            if char.isalnum() and char not in _WITHOUT_WIDTH_OR_ONE:
                return ""  # \x41, \1: what follows is no text
            _add(runs, "" if char.isalnum() or depth else char)
        elif char == "|" and not depth:
            return ""
        elif char in "()":
            depth += 1 if char == "(" else -1
            runs.append("")
        elif char == "[":
            match = _CLASS.match(pattern, at - 1)
            at = match.end() if match else len(pattern)
            runs.append("")
        elif char in "*?{":  # what stands before may be absent
            match = _COUNT.match(pattern, at - 1)
            at = match.end() if match else at
            runs[-1:] = [runs[-1][:-1], ""]
        else:
            _add(runs, "" if depth or char in ".^$+" else char)
    return max(runs, key=len)


def _add(runs: list[str], text: str) -> None:
    if text:
        runs[-1] += text
    else:
        runs.append("")
