"""One at a time: for a run's manifest, and for submitting its jobs."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator

from manifest.errors import Refusal, UserError

_WRITING_S = 60.0
_SUBMITTING_S = 240.0  # longer than any sbatch may take
_PAUSE_S = 0.05


@contextlib.contextmanager
def manifest_lock(run: str) -> Iterator[None]:
    """Hold the run's manifest lock; waits for another holder, at most a minute.

    Raises:
        Refusal: the lock is still held after a minute.
        UserError: the run directory cannot be written.
    """
    with _lock(
        run, ".manifest.lock", _WRITING_S, "another farmhand has been writing this manifest"
    ):
        yield


@contextlib.contextmanager
def submit_lock(run: str) -> Iterator[int]:
    """Hold the lock on submitting a run's jobs, and yield its descriptor.

    Commands that submit inherit the descriptor: when we are killed they hold the lock until they
    are done, so that whoever comes next finds all that was submitted.

    Raises:
        Refusal: the lock is still held after some minutes.
        UserError: the run directory cannot be written.
    """
    what = "another farmhand, or a command it started, has been submitting jobs of this run"
    with _lock(run, ".submit.lock", _SUBMITTING_S, what) as handle:
        yield handle


@contextlib.contextmanager
def merge_lock(run: str) -> Iterator[None]:
    """Hold the lock on a run's merged components.

    Raises:
        Refusal: another merge is at work.
        UserError: the run directory cannot be written.
    """
    with _lock(run, ".merge.lock", 0.0, "another farmhand is merging this run"):
        yield


@contextlib.contextmanager
def sweep_lock(folder: str) -> Iterator[None]:
    """Hold the lock on the runs of a sweep, which are run one after the other.

    Raises:
        Refusal: another sweep submit is at work.
        UserError: the directory cannot be written.
    """
    with _lock(folder, ".sweep.lock", 0.0, "another farmhand is running this sweep"):
        yield


@contextlib.contextmanager
def _lock(run: str, name: str, patience_s: float, busy: str) -> Iterator[int]:
    path = os.path.join(run, name)
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise UserError(
            f"the run directory cannot be written: {error.strerror}",
            where=run,
            hint="work as the user who owns the run, or on a copy of it",
        ) from error
    try:
        _acquire(handle, path, patience_s, busy)
        yield handle
    finally:
        os.close(handle)


def _acquire(handle: int, path: str, patience_s: float, busy: str) -> None:
    deadline = time.monotonic() + patience_s
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                minutes = round(patience_s / 60)
                raise Refusal(
                    f"{busy} for {minutes} minute{'s' * (minutes != 1)}" if minutes else busy,
                    where=path,
                    hint="wait for it, or end it, and try again",
                ) from None
            time.sleep(_PAUSE_S)
        except OSError:  # no locks on this filesystem: the revision check has to do
            return
        else:
            return
