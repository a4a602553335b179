"""Reading many ROOT files side by side: reading one is work for a processor, not for the disk."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from concurrent.futures import ProcessPoolExecutor
from typing import TYPE_CHECKING

from outputs.root_file import Content, RootError, read_root

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

_FEW = 40
"""Files that are read before another interpreter has started."""
_MOST = 8
"""Processes; more would only wait for one disk."""


def read_many(paths: Sequence[str]) -> Generator[Content | RootError | OSError]:
    """Yield what is in each file, in order, or what is wrong with it."""
    workers = min(_MOST, len(os.sched_getaffinity(0)), len(paths) // _FEW + 1)
    if workers == 1:
        yield from map(_read, paths)
        return
    # spawn: a fork of a process with threads (uproot's) may hang (multiprocessing's manual)
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_be_a_worker)
    try:
        yield from pool.map(_read, paths, chunksize=4)
    finally:
        pool.shutdown(cancel_futures=True)


def _read(path: str) -> Content | RootError | OSError:
    try:
        return read_root(path)
    except (RootError, OSError) as error:
        return error


def _be_a_worker() -> None:
    """Leave ^C to the process that asked, and go when it is gone, however it went."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:

        def follow() -> None:
            parent.join()
            os._exit(1)

        threading.Thread(target=follow, daemon=True).start()
