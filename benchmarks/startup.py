"""A row for how long farmhand takes to say anything at all."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from benchmarks.measure import cost_of, side_by_side
from benchmarks.table import Row

if TYPE_CHECKING:
    from collections.abc import Iterator


def startup_rows(times: int) -> Iterator[Row]:
    """Measure the root help beside the import of the library that reads the command line."""
    ours, theirs = side_by_side(
        times,
        lambda: cost_of(["farmhand", "--help"]),
        lambda: cost_of([sys.executable, "-c", "import typer"]),
    )
    yield Row("farmhand --help", None, ours, 'python -c "import typer"', theirs)
