"""An output as it lies on the disk: a file, or a directory with all files in it."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Measured:
    """What is remembered of an output, to tell later whether it is still the same."""

    bytes: int
    """Size of the file, or of all files together."""
    mtime_ns: int
    """Of the file, or the latest of all files."""
    files: int | None
    """Number of files in a directory, None for a file."""


Known = tuple[int, int]
"""Bytes and mtime_ns of a file."""


class Absent(Protocol):
    """Files that were taken away after a merge, by absolute path."""

    def file(self, path: str) -> Known | None:
        """Return what is known of one file."""

    def below(self, folder: str) -> Mapping[str, Known]:
        """Return what is known of the files that lay below a directory."""


def measure(path: str, absent: Absent | None = None) -> Measured:
    """Measure an output; files that are known to be absent count as if they still lay there.

    Raises:
        OSError: it is not there, or cannot be read.
    """
    try:
        status = os.stat(path)
    except FileNotFoundError:
        file = absent.file(path) if absent else None
        if file is not None:
            return Measured(*file, None)
        gone = absent.below(path) if absent else {}
        if not gone:
            raise
        return _sum(gone)
    if not stat.S_ISDIR(status.st_mode):
        return Measured(status.st_size, status.st_mtime_ns, None)
    known = dict(absent.below(path)) if absent else {}
    for name in files_in(path):
        full = os.path.join(path, name)
        here = os.stat(full)
        known[full] = here.st_size, here.st_mtime_ns
    return _sum(known)


def _sum(files: Mapping[str, Known]) -> Measured:
    return Measured(
        sum(size for size, _ in files.values()),
        max((when for _, when in files.values()), default=0),
        len(files),
    )


def files_in(folder: str) -> list[str]:
    """Return all files below a directory, relative to it, sorted; links to directories stay out.

    Raises:
        OSError: a directory cannot be read.
    """
    found: list[str] = []
    waiting = [""]
    while waiting:
        inside = waiting.pop()
        with os.scandir(os.path.join(folder, inside)) as entries:
            for entry in entries:
                name = os.path.join(inside, entry.name)
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(name)
                elif entry.is_file():
                    found.append(name)
    return sorted(found)
