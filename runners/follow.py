"""Showing what running shards print, as ``tail -f`` does for many files."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_POLL_S = 0.1
_PART = 65536


class Follower:
    """Copies bytes appended to files since the last `poll` to `out`.

    A line ``==> NAME <==`` precedes each change from one attempt directory to another; NAME is the
    shard's, the directory above the attempt.
    """

    def __init__(self, out: BinaryIO) -> None:
        """Start with no file seen."""
        self._out = out
        self._positions: dict[str, int] = {}
        self._current: str | None = None
        self._at_line_start = True

    def poll(self, paths: Sequence[str]) -> int:
        """Copy what is new; return how many bytes. Files that do not exist yet are no error."""
        copied = sum(self._copy(path) for path in paths)
        if copied:
            self._out.flush()
        return copied

    def _copy(self, path: str) -> int:
        try:
            with open(path, "rb", buffering=0) as file:
                begin = at = file.seek(self._positions.get(path, 0))
                end = os.fstat(file.fileno()).st_size  # a fast writer must not keep us here
                while at < end and (part := file.read(min(_PART, end - at))):
                    self._show(path, part)
                    at = self._positions[path] = at + len(part)
                return at - begin
        except OSError:
            return 0

    def _show(self, path: str, part: bytes) -> None:
        source = os.path.dirname(path)
        if source != self._current:
            if not self._at_line_start:
                self._out.write(b"\n")
            name = os.path.basename(os.path.dirname(source))
            self._out.write(b"==> " + os.fsencode(name) + b" <==\n")
            self._current = source
        self._out.write(part)
        self._at_line_start = part.endswith(b"\n")


def follow(paths: Callable[[], list[str]], stop: Callable[[], bool], out: BinaryIO) -> None:
    """Show what is appended to the files until `stop` says so, and then the rest.

    Args:
        paths: the files to follow now, stdout and stderr of attempt directories; may grow.
        stop: asked about ten times a second.
        out: where the bytes go, unchanged: a terminal's binary stream.
    """
    follower = Follower(out)
    while not stop():
        if not follower.poll(paths()):
            time.sleep(_POLL_S)
    follower.poll(paths())
