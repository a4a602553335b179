"""The first bytes of a ROOT file: was it closed, and is it all there?

ROOT writes the list of free segments and the header last, when a file is closed. A file that was
not closed has an old header: ROOT then recovers what it can and goes on, hadd with exit code 0,
and without a word where the keys of an earlier save are in place. (TFile's reference, "ROOT file
layout".)
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Callable

_SMALL = struct.Struct(">4siiiiii")
_LARGE = struct.Struct(">4siiqqii")
_LARGE_VERSION = 1_000_000
"""Added to the version of files whose pointers have 64 bits."""
_FURTHEST_BEGIN = 1 << 16
"""The first record begins at byte 100; "root" alone is how /etc/passwd begins, too."""
_KEY = struct.Struct(">ih")
_LENGTHS = struct.Struct(">ihiih")
"""The beginning of every record: bytes, version, bytes of the object, date, bytes before it."""
_FREE = struct.Struct(">hII")
_LARGE_FREE = struct.Struct(">hqq")
_LARGE_SEGMENT = 1000
_KEY_VERSIONS = range(1, 100)


def header_problem(file: BinaryIO, size: int) -> str | None:
    """Return one sentence against a file as a whole, or None when it was closed and is complete."""
    if size == 0:
        return "is empty (0 bytes)"
    start = file.read(_LARGE.size)
    if start[:4] != b"root":
        return "is not a ROOT file"
    if len(start) < _LARGE.size:
        return f"is truncated at {size} bytes, within its header"
    _, version, begin, end, free, free_bytes, _ = _SMALL.unpack_from(start)
    if version >= _LARGE_VERSION:
        _, version, begin, end, free, free_bytes, _ = _LARGE.unpack_from(start)
    if not 0 < begin < _FURTHEST_BEGIN or version < 0:
        return "is not a ROOT file"
    if end > size:
        return f"is truncated at {size} bytes; it had {end}"
    if end <= begin or free <= begin or free_bytes <= 0:
        return "was never closed: its program ended before, or lost its connection"
    if _last_free(file, free, max(0, min(free_bytes, size - free))) not in (end, None):
        return "was not closed: it was opened again, and then its program ended too early"
    if _goes_on(file, end, size):
        return f"was not closed: {size - end} bytes were written after its last save"
    return None


def _last_free(file: BinaryIO, free: int, free_bytes: int) -> int | None:
    """Return where the last free segment begins, as the list of them says: at the file's end."""
    file.seek(free)
    record = file.read(free_bytes)
    if len(record) < _LENGTHS.size:
        return None
    at = _LENGTHS.unpack_from(record)[-1]
    if at < _LENGTHS.size:
        return None  # damaged
    first = None
    while at + _FREE.size <= len(record):
        version, first, _ = _FREE.unpack_from(record, at)
        if version <= _LARGE_SEGMENT:
            at += _FREE.size
        elif at + _LARGE_FREE.size <= len(record):
            _, first, _ = _LARGE_FREE.unpack_from(record, at)
            at += _LARGE_FREE.size
        else:
            break
    return first


def _goes_on(file: BinaryIO, end: int, size: int) -> bool:
    """Say whether a record follows the end: a shortened file has a free segment there instead."""
    if size - end < _KEY.size:
        return False
    file.seek(end)
    length, version = _KEY.unpack(file.read(_KEY.size))
    return length > _KEY.size and end + length <= size and version % 1000 in _KEY_VERSIONS


def problem_of(
    path: str, look: Callable[[BinaryIO, int], str | None] = header_problem
) -> str | None:
    """Return the sentence against the file of a path.

    Raises:
        OSError: it cannot be read.
    """
    with open(path, "rb", buffering=0) as file:
        size = file.seek(0, 2)
        file.seek(0)
        return look(file, size)
