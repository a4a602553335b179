"""Where everything lies in a run directory (the layout is an interface others script against)."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

BLOCK = 1000
MANIFEST = "manifest.json"
COLLECTED = "manifest.collected.json"


def block_of(index: int) -> int:
    """Return the block of a shard: no directory holds more than about 1,000 entries."""
    return index // BLOCK


def is_nested(shards: int) -> bool:
    """Say whether shard directories lie under shards/<block>/ (above 1,000 shards)."""
    return shards > BLOCK


def shard_dir(index: int, name: str, *, nested: bool) -> str:
    """Return a shard's directory, relative to the run."""
    return f"shards/{block_of(index)}/{name}" if nested else f"shards/{name}"


def blocks(shards: int) -> int:
    """Return the number of blocks."""
    return -(-shards // BLOCK)


def records_dir(run: str, block: int) -> str:
    """Return the directory of a block's records."""
    return os.path.join(run, "records", str(block))


def is_run(path: str) -> bool:
    """Say whether a directory is a run directory."""
    return os.path.isdir(os.path.join(path, "plan")) and (
        os.path.exists(os.path.join(path, MANIFEST))
        or os.path.exists(os.path.join(path, "plan", "id"))
    )


def ranges(indices: Iterable[int]) -> str:
    """Return sorted shard numbers as text: ``0-2,5``.

    >>> ranges([5, 0, 1, 2])
    '0-2,5'
    """
    spans: list[list[int]] = []
    for index in sorted(set(indices)):
        if spans and index == spans[-1][1] + 1:
            spans[-1][1] = index
        else:
            spans.append([index, index])
    return ",".join(f"{a}-{b}" if b > a else f"{a}" for a, b in spans)


def parse_ranges(text: str) -> Iterator[int]:
    """Yield the shard numbers of ``3,7-9``.

    Raises:
        ValueError: not numbers and ranges, or a range that runs backwards.
    """
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        first, dash, last = part.partition("-")
        if not part.isascii() or not first.isdigit() or (dash and not last.isdigit()):
            message = f"'{part}' is not a shard number or range; write for example 3,7-9"
            raise ValueError(message)
        low, high = int(first), int(last or first)
        if high < low:
            message = f"'{part}' runs backwards"
            raise ValueError(message)
        yield from range(low, high + 1)
