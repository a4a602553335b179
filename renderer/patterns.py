"""Patterns of file names that lose nothing: a directory that cannot be read is an error.

The standard library's glob passes over what it may not look into, and a sample would be short of
those files without a word.
"""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Iterator

_MAGIC = re.compile(r"[*?[]")


def has_pattern(path: str) -> bool:
    """Say whether a path has ``*``, ``?`` or ``[`` in it."""
    return _MAGIC.search(path) is not None


def matching(pattern: str) -> list[str]:
    """Return the paths that match an absolute pattern, in the order of their names.

    ``**`` stands for any number of directories. As in a shell, names that begin with a dot match
    only a pattern that does.

    Raises:
        OSError: a directory on the way cannot be read.
    """
    parts = [part for part in pattern.split(os.sep) if part]
    return sorted(set(_below(os.sep, parts)))


def _below(top: str, parts: list[str]) -> Iterator[str]:
    if not parts:
        yield top
        return
    part, rest = parts[0], parts[1:]
    if part == "**":
        yield from _below(top, rest)
        for entry in _entries(top, "*"):
            if entry.is_dir(follow_symlinks=False):
                yield from _below(entry.path, parts)
    elif has_pattern(part):
        for entry in _entries(top, part):
            if not rest or entry.is_dir():
                yield from _below(entry.path, rest)
    elif os.path.lexists(path := os.path.join(top, part)):
        yield from _below(path, rest)
    elif os.path.isdir(top) and not os.access(top, os.X_OK):
        raise PermissionError(13, "it may not be entered", top)


def _entries(folder: str, pattern: str) -> Iterator[os.DirEntry[str]]:
    wanted = re.compile(fnmatch.translate(pattern))
    try:
        with os.scandir(folder) as found:
            entries = list(found)
    except (FileNotFoundError, NotADirectoryError):
        return
    hidden = pattern.startswith(".")
    for entry in entries:
        if wanted.match(entry.name) and (hidden or not entry.name.startswith(".")):
            yield entry
