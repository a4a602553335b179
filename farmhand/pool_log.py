"""The run log: what the pool does, one line an event with its time in UTC, for ``tail -f``."""

from __future__ import annotations

import os
import time

from manifest.units import format_time

RUN_LOG = os.path.join("logs", "run.log")


class RunLog:
    """Appends whole lines; what cannot be written (a full disk) is dropped."""

    def __init__(self, run: str) -> None:
        """Open it; without a log the pool goes on."""
        self._lines: list[str] = []
        try:
            path = os.path.join(run, RUN_LOG)
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        except OSError:
            self._file = -1

    def add(self, text: str) -> None:
        """Add an event, written with the next `flush`."""
        if self._file >= 0:
            self._lines.append(f"{format_time(time.time())} {text}\n")

    def flush(self) -> None:
        """Write what was added, in one call."""
        if not self._lines:
            return
        data, self._lines = "".join(self._lines), []
        try:
            os.write(self._file, data.encode(errors="backslashreplace"))
        except OSError:
            return

    def close(self) -> None:
        """Write the rest."""
        self.flush()
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
