"""What the pool saw of its children, one JSON line each: evidence that no payload can write itself.

Line: ``{"v":1,"event":"ended","shard":0,"pid":1,"pid_start":2,"boot":"…","host":"…","code":0,
"signal":null,"wall_s":0.1,"cpu_s":0.1,"peak_bytes":null,"peak_source":null,
"time":1700000000.1}``. ``code`` is the exit code or 128 + ``signal``; ``time`` is the end in
seconds since the epoch; ``peak_bytes`` is null where it is not known. A job killed for its memory
has a line of its own, written first:
``{"v":1,"event":"oom",…,"by":"pool","bytes":2,"request":1,"why":"…"}``.
"""

from __future__ import annotations

import os
import socket
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import orjson

from manifest.errors import UserError
from runners.processes import boot_id

if TYPE_CHECKING:
    from runners.job import Ended
    from runners.memory_guard import Struck

_KEPT_BYTES = 64 << 20  # of lines that cannot be written now, about 250,000


class PoolJournal:
    """Appends lines, gathered until `flush`; a write that fails is kept and tried again.

    Raises:
        UserError: the file cannot be opened.
    """

    def __init__(self, path: str) -> None:
        """Open the file and close a line that a killed pool left open."""
        try:
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        except OSError as error:
            raise UserError(
                f"the pool's journal cannot be opened: {error.strerror}", where=path
            ) from error
        self._path = path
        self._pending = bytearray()
        self._constant = {"boot": boot_id(), "host": socket.gethostname()}
        self._lost = 0
        self._problem: str | None = None
        size = os.fstat(self._descriptor).st_size
        if size and os.pread(self._descriptor, 1, size - 1) != b"\n":
            self._pending += b"\n"

    @property
    def error(self) -> str | None:
        """Return what could not be written and why, once `close` was called."""
        return self._problem if self._pending or self._lost else None

    def add(self, ended: Ended, pid_start: int, time: float) -> None:
        """Add one line, written with the next `flush`; `time` in seconds since the epoch."""
        line = {
            "v": 1,
            "event": "ended",
            "shard": ended.shard,
            "pid": ended.pid,
            "pid_start": pid_start,
            **self._constant,
            "code": ended.code,
            "signal": os.WTERMSIG(ended.status) if os.WIFSIGNALED(ended.status) else None,
            "wall_s": round(ended.wall_s, 6),
            "cpu_s": round(ended.cpu_s, 6),
            "peak_bytes": ended.peak_bytes,
            "peak_source": ended.peak_source,
            "time": round(time, 3),
        }
        self._add(line)

    def struck(self, shard: int, pid: int, pid_start: int, struck: Struck) -> None:
        """Write that a job is about to be killed for its memory, or was."""
        line = {"v": 1, "event": "oom", "shard": shard, "pid": pid, "pid_start": pid_start}
        self._add(line | self._constant | asdict(struck))
        self.flush()

    def _add(self, line: dict[str, Any]) -> None:
        if len(self._pending) < _KEPT_BYTES:
            self._pending += orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)
        else:
            self._lost += 1

    def flush(self) -> None:
        """Write what is pending, all in one call where the disk takes it."""
        if not self._pending:
            return
        try:
            written = os.write(self._descriptor, self._pending)
        except OSError as error:
            self._problem = f"{self._path}: {error.strerror}"
            return
        del self._pending[:written]

    def close(self) -> None:
        """Write the rest and close; look at `error` afterwards."""
        self.flush()
        os.close(self._descriptor)
