"""A row about a SLURM job, the same from sacct, squeue and pyslurm; how its values are spelt."""

from __future__ import annotations

import re
from datetime import datetime
from typing import NamedTuple

from collectors.slurm_ids import Elements

ENVIRONMENT = {"SLURM_TIME_FORMAT": "%s", "SLURM_BITSTR_LEN": "0"}
"""To ask SLURM's commands with: times in seconds since the epoch, lists of elements in full."""

DELIMITER = "\x1f"
"""To stand between columns: names and paths may hold the usual ``|``."""


class SlurmRow(NamedTuple):
    """One execution of a job or of one element, or jobs and elements that wait alike.

    What is not told is None. Of a job that has not started, ``start`` is when it might.
    """

    job: int
    """Of an array the array's id."""
    elements: Elements | None
    """Array indices, one or (waiting alike) many; None when it is no array."""
    truncated: bool
    """SLURM cut the list: there are more elements than these."""
    source: str
    """``sacct``, ``squeue`` or ``pyslurm``."""
    state: str
    """The base state, upper case and whole; a flag that hides it stands in ``flags``."""
    flags: frozenset[str]
    by: int | None
    """The uid of who cancelled it."""
    code: int | None
    """Modulo 128, as sacct and pyslurm tell it; 0 is told of ended jobs only."""
    signal: int | None
    reason: str | None
    submit: float | None
    """Seconds since the epoch, as ``start`` and ``end``. A requeue sets it anew."""
    start: float | None
    end: float | None
    elapsed_s: int | None
    limit_s: int | None
    nodes: str | None
    name: str
    workdir: str | None
    script: str | None
    """The path of the batch script as it was typed, or (squeue) as SLURM resolved it."""
    asked_memory: int | None
    """Bytes, of the whole job."""
    peak: int | None
    """Bytes, the largest MaxRSS of any of its steps: of the largest process tree, sampled."""
    cpus: int | None
    cpu_s: float | None
    oom: bool
    """The kernel killed a process of it for its memory, whatever the state says."""
    restarts: int | None


class Parsed(NamedTuple):
    """What a listing held."""

    rows: list[SlurmRow]
    unread: int
    """Lines that could not be read."""


_ABSENT = frozenset(
    {"", "unknown", "none", "n/a", "(null)", "null", "none assigned", "invalid", "not_set"}
)


def told(text: str | None) -> str | None:
    """Return a text, or None for the words that stand for nothing: None, N/A, (null), Unknown."""
    return None if text is None or text.lower() in _ABSENT else text


# No time that SLURM means: NO_VAL and INFINITE (slurm.h) stand for "none" and "no end".
_NO_VAL = 0xFFFFFFFE


def parse_time(text: str) -> float | None:
    """Return the seconds since the epoch that a time says, as such or as a date in this zone."""
    try:
        seconds = float(text) if text.isdecimal() else datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError, OSError):
        return None
    return seconds if 0 < seconds < _NO_VAL else None


_DURATION = re.compile(
    r"(?:([0-9]{1,9})-)?(?:([0-9]{1,9}):)?([0-9]{1,9}):([0-9]{1,9})(?:\.([0-9]{1,9}))?"
)


def parse_duration(text: str) -> float | None:
    """Return the seconds of ``D-HH:MM:SS``, ``HH:MM:SS`` or ``MM:SS.mmm``; UNLIMITED: None."""
    match = _DURATION.fullmatch(text)
    if match is None:
        return None
    days, hours, minutes, seconds, fraction = match.groups("0")
    whole = ((int(days) * 24 + int(hours)) * 60 + int(minutes)) * 60 + int(seconds)
    return whole + float(f"0.{fraction}")


def script_of(line: str, workdir: str | None) -> str | None:
    """Return the path of the batch script in a submit line; None for standard input and --wrap.

    SLURM joins the words with blanks and quotes nothing, so a path that holds blanks is known only
    when it lies below the job's working directory.
    """
    line = line.rstrip(" ")
    if " --wrap" in line:
        return None
    if workdir:
        at = line.rfind(f" {workdir.rstrip('/')}/")
        if at >= 0:
            return line[at + 1 :]
    word = line.rpartition(" ")[2]
    return None if not word or word.startswith("-") or word == line else word


_SIZE = re.compile(r"([0-9]{1,18})(\.[0-9]{1,9})?([KMGTPEkmgtpe]?)([nc]?)")
_FACTORS = {
    letter: 1024**power
    for power, letters in enumerate(("Kk", "Mm", "Gg", "Tt", "Pp", "Ee"), start=1)
    for letter in letters
}


def parse_whole(text: str) -> int | None:
    """Return a whole number, or None."""
    return int(text) if text.isdecimal() and len(text) < _TOO_LONG else None


_TOO_LONG = 20  # digits: 64 bits have 19


class Size(NamedTuple):
    """An amount of memory."""

    bytes: int
    per: str
    """``c``: for each processor, ``n``: for each node (both before SLURM 21.08), else empty."""


def parse_size(text: str, unit: int = 1) -> Size | None:
    """Take apart ``4000M``, ``1.50G``, ``2345K``, ``4Gn``; a number alone counts ``unit`` bytes."""
    match = _SIZE.fullmatch(text)
    if match is None:
        return None
    number, fraction, letter, per = match.groups()
    factor = _FACTORS.get(letter, unit)
    amount = int(number) * factor
    if fraction:
        amount += round(float(fraction) * factor)
    return Size(amount, per)
