"""One pool a run: a lock held by the kernel for as long as the pool's process lives."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import socket
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Self

from manifest.errors import Refusal, UserError
from runners.processes import alive, boot_id, start_ticks

if TYPE_CHECKING:
    from types import TracebackType

_UNSUPPORTED = {errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS}
_NAME = ".pool.lock"


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds the lock; `since` is UTC text for people."""

    host: str
    pid: int
    pid_start: int
    boot: str
    since: str

    def __str__(self) -> str:
        """Return the holder as messages name it."""
        return f"pid {self.pid} on host {self.host}, since {self.since}"


class PoolLock:
    """Holds RUN/.pool.lock between enter and exit; the file stays, empty when free.

    flock(2) belongs to the open file, whose descriptor no child inherits beyond its exec: when the
    pool is killed with -9 the lock is free, and a payload it was just starting is in its exec.
    Where a filesystem has no flock, the recorded process decides.

    Raises:
        Refusal: another pool works on the run.
        UserError: the run directory cannot be written.
    """

    def __init__(self, run_dir: str) -> None:
        """Take nothing yet."""
        self._path = os.path.join(run_dir, _NAME)
        self._descriptor = -1

    def __enter__(self) -> Self:
        """Take the lock or say who has it."""
        try:
            self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise UserError(
                f"the lock file cannot be opened: {error.strerror}",
                where=self._path,
                hint="run the pool where the run directory can be written",
            ) from error
        try:
            self._take()
        except BaseException:
            os.close(self._descriptor)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Empty the file and let go."""
        try:
            os.ftruncate(self._descriptor, 0)
        finally:
            os.close(self._descriptor)

    def _take(self) -> None:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise self._refusal(self._holder()) from None
        except OSError as error:
            if error.errno not in _UNSUPPORTED:
                raise
            self._take_by_record()
        else:
            self._write(_own())

    def _take_by_record(self) -> None:
        """Decide by the record; a pool of another host cannot be asked, so it counts as alive."""
        holder = self._holder()
        own = _own()
        if holder and (holder.host != own.host or alive(holder.pid, holder.pid_start, holder.boot)):
            raise self._refusal(holder)
        self._write(own)
        seen = self._holder()
        if seen != own:  # two came at once: the one that wrote last stays
            raise self._refusal(seen)

    def _refusal(self, holder: Holder | None) -> Refusal:
        who = f" ({holder})" if holder else ""
        return Refusal(
            f"another pool{who} works on this run",
            where=self._path,
            hint="wait for it or stop it; the lock is free as soon as it ends",
        )

    def _holder(self) -> Holder | None:
        """Return who wrote itself in; None for an empty or half-written file."""
        try:
            return Holder(**json.loads(os.pread(self._descriptor, 4096, 0)))
        except (ValueError, TypeError):
            return None

    def _write(self, holder: Holder) -> None:
        os.ftruncate(self._descriptor, 0)
        try:
            os.pwrite(self._descriptor, json.dumps(asdict(holder)).encode() + b"\n", 0)
        except OSError as error:
            if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
                raise
            # A full disk: flock holds all the same, only the message to a second pool is poorer.


def _own() -> Holder:
    pid = os.getpid()
    since = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime())
    return Holder(socket.gethostname(), pid, start_ticks(pid) or 0, boot_id(), since)
