"""One writer at a time for a run's manifest."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator

from manifest.errors import Refusal, UserError

_PATIENCE_S = 60.0
_PAUSE_S = 0.05


@contextlib.contextmanager
def manifest_lock(run: str) -> Iterator[None]:
    """Hold the run's manifest lock; waits for another holder, at most a minute.

    Raises:
        Refusal: the lock is still held after a minute.
        UserError: the run directory cannot be written.
    """
    path = os.path.join(run, ".manifest.lock")
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise UserError(
            f"the run directory cannot be written: {error.strerror}",
            where=run,
            hint="work as the user who owns the run, or on a copy of it",
        ) from error
    try:
        _acquire(handle, path)
        yield
    finally:
        os.close(handle)


def _acquire(handle: int, path: str) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise Refusal(
                    "another farmhand has been writing this manifest for a minute",
                    where=path,
                    hint="wait for it, or end it, and try again",
                ) from None
            time.sleep(_PAUSE_S)
        except OSError:  # no locks on this filesystem: the revision check has to do
            return
        else:
            return
