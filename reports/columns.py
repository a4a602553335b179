"""Tables with more columns than fit: cut into several below one another, never wrapped."""

from __future__ import annotations

from collections.abc import Collection, Sequence

_GAP = "  "
Column = Sequence[str]
"""Its head and its cells."""


def side_by_side(
    columns: Sequence[Column], width: int, keys: int = 1, left: Collection[str] = ()
) -> list[list[str]]:
    """Return the lines of as many tables as are needed so that none is wider than ``width``.

    The first ``keys`` columns stand in each of them. A column that is wider by itself stands alone
    with them. Columns are flush right but for those whose head is in ``left``.

    >>> side_by_side([["n", "1"], ["aaaa", "2"], ["bbbb", "3"]], 8)
    [['n  aaaa', '1     2'], ['n  bbbb', '1     3']]
    """
    named, rest = list(columns[:keys]), list(columns[keys:])
    tables: list[list[Column]] = []
    for column in rest:
        if tables and _width([*tables[-1], column]) <= width:
            tables[-1].append(column)
        else:
            tables.append([*named, column])
    return [_lines(table, left) for table in tables]


def _width(columns: Sequence[Column]) -> int:
    return sum(max(map(len, one)) for one in columns) + len(_GAP) * (len(columns) - 1)


def _lines(columns: Sequence[Column], left: Collection[str]) -> list[str]:
    widths = [max(map(len, one)) for one in columns]
    flush = [one[0] in left for one in columns]
    return [
        _GAP.join(
            cell.ljust(width) if plain else cell.rjust(width)
            for cell, width, plain in zip(row, widths, flush, strict=True)
        ).rstrip()
        for row in zip(*columns, strict=True)
    ]


def markdown(columns: Sequence[Column], left: Collection[str] = ()) -> list[str]:
    r"""Return a Markdown table; a bar in a cell does not end it.

    >>> markdown([["n", "1"], ["why", "a|b"]], ["why"])
    ['| n | why |', '| ---: | --- |', '| 1 | a\\|b |']
    """
    rules = ["---" if one[0] in left else "---:" for one in columns]
    rows = list(zip(*columns, strict=True))
    return [_row(rows[0]), _row(rules), *map(_row, rows[1:])]


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
