"""Progress on a terminal, and silence elsewhere."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

_SLOW_SHARDS = 2000  # below this a bar would only flicker


class Bar:
    """A bar on stderr while it is a terminal; ``update`` costs nothing elsewhere."""

    def __init__(
        self, label: str, total: int, *, quiet_below: int = 0, narrow: bool = False
    ) -> None:
        """Prepare; nothing is drawn before ``__enter__``. ``narrow`` leaves room for a note."""
        self._label = label
        self._total = total
        self._narrow = narrow
        self._shown = sys.stderr.isatty() and total > quiet_below
        self._progress: Progress | None = None
        self._bar: TaskID | None = None

    def __enter__(self) -> Self:
        """Begin to draw."""
        if self._shown:
            from rich.console import Console  # noqa: PLC0415 (slow, and only for terminals)
            from rich.progress import (  # noqa: PLC0415
                BarColumn,
                MofNCompleteColumn,
                Progress,
                TextColumn,
                TimeElapsedColumn,
            )

            bar = BarColumn(bar_width=10 if self._narrow else 40)
            columns = [TextColumn("{task.description}"), bar, MofNCompleteColumn()]
            columns += [TimeElapsedColumn(), TextColumn("{task.fields[note]}")]
            self._progress = Progress(*columns, console=Console(stderr=True), transient=True)
            self._progress.start()
            self._bar = self._progress.add_task(self._label, total=self._total, note="")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Take the bar away."""
        if self._progress:
            self._progress.stop()

    def update(self, done: int, total: int | None = None, note: str = "") -> None:
        """Show ``done`` of all."""
        del total
        if self._progress is not None and self._bar is not None:
            self._progress.update(self._bar, completed=done, note=note)


def collecting(shards: int) -> Bar:
    """Return the bar of a collect."""
    return Bar("collecting", shards, quiet_below=_SLOW_SHARDS)
