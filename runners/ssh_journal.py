"""What became of each launch on a host: RUN/logs/ssh.jsonl, one line an event, never rewritten.

``about to`` stands there before a host is told to start a launch: so that whoever comes after a
killed launcher knows what may be running, and where.
"""

from __future__ import annotations

import os
import threading
import time
from typing import Any, Literal

import orjson

from manifest.errors import UserError

NAME = os.path.join("logs", "ssh.jsonl")

Event = Literal["about to", "started", "not started", "pulled", "lost", "dismissed"]


class SshJournal:
    """Appends lines; each is on disk before ``add`` returns. For use by several threads.

    Raises:
        UserError: it cannot be opened or written.
    """

    def __init__(self, run: str) -> None:
        """Open it, and close a line that was cut short."""
        self._path = os.path.join(run, NAME)
        self._lock = threading.Lock()
        self._cut = False
        """Whether the last line may be cut short: the next begins anew."""
        try:
            os.makedirs(os.path.dirname(self._path), exist_ok=True)
            self._stream = open(self._path, "ab", buffering=0)  # noqa: SIM115 (close)
            if self._stream.tell():
                self._stream.write(b"\n")
        except OSError as error:
            raise self._unwritable(error) from error

    def add(self, event: Event, lines: list[dict[str, Any]]) -> None:
        """Append a line for each launch."""
        now = time.time()
        said = b"".join(orjson.dumps({"event": event, "time": now, **x}) + b"\n" for x in lines)
        with self._lock:
            try:
                said = b"\n" * self._cut + said
                self._cut = True
                while said:  # a disk that is nearly full takes a part, and says so only then
                    said = said[self._stream.write(said) :]
                os.fsync(self._stream.fileno())
                self._cut = False
            except OSError as error:
                raise self._unwritable(error) from error

    def close(self) -> None:
        """Close it."""
        self._stream.close()

    def _unwritable(self, error: OSError) -> UserError:
        return UserError(
            f"the journal of launches cannot be written: {error.strerror}",
            where=self._path,
            hint="make room or make it writable, and type the same again: nothing is done twice",
        )
