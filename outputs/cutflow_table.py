"""Cut flows as text: how many events are left after each cut, one cut a line.

    # comment
    cut          passed  relative  absolute      <- a heading, if you like
    all events     1000    1.0000    1.0000
    trigger         800    0.8000    0.8000

Columns stand apart by a tab or at least two blanks, so names may hold single blanks; on a line with
single blanks only, the name is the first word. Efficiencies may be left out. A blank line ends a
table, and a file may hold several; the printout of heppy's counters is such a file.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field

from outputs.job import finite

_COLUMNS = re.compile(r"[ ]*\t\s*|[ ]{2,}")
_WHOLE = re.compile(r"[+-]?\d+", re.ASCII)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_NUMERIC = re.compile(r"[+-]?(\.?\d.*|nan|inf(inity)?)", re.IGNORECASE | re.ASCII)
_EFFICIENCY = re.compile(rf"{_NUMBER.pattern}[ ]?%?|-|nan", re.IGNORECASE | re.ASCII)
_PLAIN_SHARE = re.compile(r".*[.%].*|-|-?[01]|nan", re.IGNORECASE)
"""What is an efficiency without doubt: ``cut 2 50`` may be a cut named ``cut 2``."""
_SWALLOWED = re.compile(r"\s[+-]?\d{9,}$", re.ASCII)
_DIGITS = 310
"""Of what a float can hold, with a sign; Python is slow with much longer ones."""
_MOST = 4
"""Columns of a line: name, passed, relative and absolute efficiency."""


class CutflowError(ValueError):
    """A line is not one of a cut flow; the text says which and why."""


@dataclass(frozen=True, slots=True)
class Cut:
    """One line."""

    name: str
    passed: int | float
    """An integer when it was written as one: those stay exact, however large."""
    line: int
    """Its number in the file, from 1."""


@dataclass(slots=True)
class Table:
    """Consecutive cuts."""

    heading: tuple[str, ...] = ()
    """Its columns."""
    line: int = 0
    cuts: list[Cut] = field(default_factory=list)


def read_cutflow(data: bytes) -> list[Table]:
    """Return the tables of a file.

    Raises:
        CutflowError: a line cannot be read, or there is no cut at all.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data.count(b"\n", 0, error.start)
        raise CutflowError(f"line {before + 1}: is not UTF-8") from error
    tables: list[Table] = []
    table: Table | None = None
    for number, line in enumerate(map(str.strip, text.split("\n")), start=1):
        if not line:
            table = None
        elif not line.startswith("#"):
            if table is None:
                table = Table(line=number)
                tables.append(table)
            _add(table, line, number)
    for table in tables:
        if not table.cuts:
            raise CutflowError(f"line {table.line}: no cut follows '{' '.join(table.heading)}'")
    if not tables:
        raise CutflowError("holds no cut" if data.strip() else "is empty")
    return tables


def _add(table: Table, line: str, number: int) -> None:
    columns = _columns(line, number)
    if not any(map(_NUMERIC.fullmatch, columns[1:])):
        if table.cuts or table.heading:
            raise CutflowError(
                f"line {number}: '{line[:60]}' has no number (a blank line comes before a heading)"
            )
        table.heading = tuple(_COLUMNS.split(line))
        return
    if len(columns) > _MOST:
        raise CutflowError(f"line {number}: {len(columns)} columns, a cut has at most {_MOST}")
    name, passed, *efficiencies = columns
    if _SWALLOWED.search(name):
        raise CutflowError(f"line {number}: two blanks have to stand before the number of events")
    for text in efficiencies:
        if not _EFFICIENCY.fullmatch(text):
            raise CutflowError(f"line {number}: '{text[:40]}' is not an efficiency")
    table.cuts.append(Cut(name, _passed(passed, number), number))


def _columns(line: str, number: int) -> list[str]:
    columns = _COLUMNS.split(line)
    if len(columns) > 1:
        return columns
    words = line.split()
    numbers = [word for word in words[1:] if _NUMERIC.fullmatch(word)]
    if numbers and not (
        _NUMERIC.fullmatch(words[1]) and all(map(_PLAIN_SHARE.fullmatch, words[2:]))
    ):
        raise CutflowError(
            f"line {number}: a name with blanks needs two blanks or a tab before the number"
        )
    return words


def _passed(text: str, number: int) -> int | float:
    passed: int | float = math.nan
    if _WHOLE.fullmatch(text) and len(text) <= _DIGITS:
        passed = int(text)
    elif _NUMBER.fullmatch(text):
        passed = float(text)
    if not finite(passed):
        raise CutflowError(f"line {number}: '{text[:40]}' is not a number of events")
    return passed


def write_cutflow(tables: list[Table]) -> str:
    """Return tables as text, with both efficiencies.

    >>> cuts = [Cut("all", 8, 2), Cut("two jets", 2, 3)]
    >>> print(write_cutflow([Table(("cut", "passed"), 1, cuts)]), end="")
    cut       passed
    all            8  1.0000  1.0000
    two jets       2  0.2500  0.2500
    """
    return "\n".join("".join(f"{line}\n" for line in _lines(table)) for table in tables)


def _lines(table: Table) -> list[str]:
    rows: list[tuple[str, ...]] = []
    first = before = table.cuts[0].passed
    for cut in table.cuts:
        shares = _share(cut.passed, before), _share(cut.passed, first)
        rows.append((cut.name, repr(cut.passed), *shares))
        before = cut.passed
    title = [] if 1 < len(table.heading) <= _MOST else ["  ".join(table.heading)]
    if not title:
        rows.insert(0, table.heading)
    widths = [max(len(row[at]) for row in rows if at < len(row)) for at in range(_MOST)]
    return [text for text in title if text] + [
        "  ".join(
            f"{text:{'>' if at else '<'}{widths[at]}}" for at, text in enumerate(row)
        ).rstrip()
        for row in rows
    ]


def _share(part: float, whole: float) -> str:
    try:
        return f"{part / whole:.4f}"
    except (ZeroDivisionError, OverflowError):
        return "-"
