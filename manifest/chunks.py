"""Cutting the work of a component into shards. Pure, and lazy in the shards."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple

from manifest.work import Work


@dataclass(frozen=True, slots=True)
class FileList:
    """The files of a component in the order that the plan has fixed; one entry a file."""

    paths: tuple[str, ...]
    """Absolute paths and URLs."""
    events: tuple[int, ...] | None = None
    """Events in each, where they are known."""


class Cut(NamedTuple):
    """The work of one shard: units, files, or events of one file."""

    start: int
    """First unit, item, file or event, counted over the whole component."""
    size: int
    """Number of units, items, files or events; never 0."""
    file: int = 0
    """First of its files."""
    files: int = 0
    """Number of its files; 0: the work is not files."""
    first: int = 0
    """First event in its file, where files are cut by events."""
    point: tuple[str, ...] = ()
    """Values of the parameters, where the work is a grid."""
    key: str = ""
    """What its seed is made from, where that is not its number."""


def total(work: Work, found: FileList | None) -> int:
    """Return the number of units, files or events in all."""
    if work.count is not None:
        return work.count
    assert found is not None  # noqa: S101 (files are found before they are counted)
    return sum(used_events(work, found)) if work.per_range else len(found.paths)


def used_events(work: Work, found: FileList) -> list[int]:
    """Return how many events of each file are in some shard's range."""
    most, left = work.per_range or 1, work.max_events
    used = []
    for events in found.events or ():
        mine = events if left is None else min(events, left)
        left = None if left is None else left - mine
        used.append(mine - mine % most if work.tail == "drop" else mine)
    return used


def number_of_shards(work: Work, wanted: int, found: FileList | None) -> int:
    """Return how many shards there are; of files there may be fewer than ``wanted``."""
    if work.count is not None:
        return len(work.sizes) or wanted
    assert found is not None  # noqa: S101 (as above)
    if work.per_range:
        return sum(-(-events // work.per_range) for events in used_events(work, found))
    return -(-len(found.paths) // _group(work, wanted, len(found.paths)))


def cuts(work: Work, wanted: int, found: FileList | None) -> Iterator[Cut]:
    """Yield the shards' work in order; together they cover everything once."""
    if work.sizes:
        yield from map(Cut, accumulate(work.sizes, initial=0), work.sizes)
        return
    if work.count is not None:
        for number, (start, size) in enumerate(split_count(work.count, wanted)):
            yield Cut(number if work.modulo else start, size)
        return
    assert found is not None  # noqa: S101 (as above)
    if work.per_range:
        yield from _ranges(used_events(work, found), work.per_range)
        return
    files = len(found.paths)
    group = _group(work, wanted, files)
    for start in range(0, files, group):
        size = min(group, files - start)
        yield Cut(start, size, start, size)


def _group(work: Work, wanted: int, files: int) -> int:
    """Return how many files a chunk has."""
    if work.one_per_file:
        return 1
    return work.files_per_chunk or -(-files // (work.chunks or wanted))


def _ranges(events: Sequence[int], most: int) -> Iterator[Cut]:
    offsets = accumulate(events, initial=0)
    for number, (count, offset) in enumerate(zip(events, offsets, strict=False)):
        for first in range(0, count, most):
            yield Cut(offset + first, min(most, count - first), number, 1, first)


def split_count(count: int, shards: int) -> Iterator[tuple[int, int]]:
    """Yield (start, size) of contiguous shards; the first ``count % shards`` have one unit more."""
    size, extra = divmod(count, shards)
    start = 0
    for index in range(shards):
        mine = size + (index < extra)
        yield start, mine
        start += mine
