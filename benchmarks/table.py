"""One Markdown table of costs side by side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from benchmarks.measure import Cost

HEAD = ("what", "number", "time", "beside it", "its time", "ratio", "peak memory")


@dataclass(frozen=True, slots=True)
class Row:
    """One measurement: ours, and what stands beside it."""

    what: str
    number: int | None
    """How many shards or jobs; None where it has no meaning."""
    ours: Cost
    beside: str = ""
    theirs: Cost | None = None
    """None where there is nothing to compare with, or it is not installed."""
    per: int = 1
    """Times are shown divided by this: the number of jobs, for a cost per job."""

    def cells(self) -> tuple[str, ...]:
        """Return the texts of the row, in the order of HEAD."""
        theirs = self.theirs
        return (
            self.what,
            "" if self.number is None else f"{self.number:,}",
            seconds(self.ours.wall / self.per),
            self.beside,
            "" if theirs is None else seconds(theirs.wall / self.per),
            "" if theirs is None else f"{self.ours.wall / theirs.wall:.2f}",
            f"{self.ours.peak / (1 << 20):.0f} MB" if self.ours.peak else "",
        )


def seconds(amount: float) -> str:
    """Return a time in seconds, or in milliseconds when it is short.

    >>> seconds(12.345), seconds(0.0123)
    ('12.35 s', '12.3 ms')
    """
    return f"{amount:.2f} s" if amount >= 1 else f"{amount * 1000:.1f} ms"


def markdown(rows: Iterable[Row]) -> str:
    """Return the table, columns padded so that it also reads well as plain text."""
    lines = [HEAD, *(row.cells() for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEAD))]
    lines.insert(1, tuple("-" * width for width in widths))
    return "\n".join(
        "| "
        + " | ".join(text.ljust(width) for text, width in zip(line, widths, strict=True))
        + " |"
        for line in lines
    )
