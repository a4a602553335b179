"""RUN/plan/items.json and RUN/plan/items/<block>: how many items there are, and whose each is.

A block has one line a shard: its items with tabs between them. Bytes, since names need not be
UTF-8; neither a tab nor a line end is ever part of an item.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

import orjson

from manifest.errors import UserError

NAME, FOLDER = "items.json", "items"


def counts_text(counts: dict[str | None, int]) -> bytes:
    """Return the numbers of items as they are kept in the plan."""
    return orjson.dumps(list(counts.items())) + b"\n"


def read_counts(run: str) -> dict[str | None, int]:
    """Return how many items each component of a run has; a run without items has none.

    Raises:
        UserError: the plan is damaged.
    """
    path = os.path.join(run, "plan", NAME)
    try:
        with open(path, "rb") as stream:
            return {name: int(count) for name, count in orjson.loads(stream.read())}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError) as error:
        raise _damaged(str(error), path) from error


def line_of(items: Iterable[str]) -> bytes:
    """Return one shard's line."""
    return os.fsencode("\t".join(items)) + b"\n"


def read_lines(run: str, block: int) -> list[bytes]:
    """Return the lines of a block, without their ends; a run without items has none.

    Raises:
        UserError: the plan is damaged.
    """
    path = os.path.join(run, "plan", FOLDER, str(block))
    try:
        with open(path, "rb") as stream:
            return stream.read().split(b"\n")[:-1]
    except OSError as error:
        raise _damaged(error.strerror or str(error), path) from error


def read_all(run: str) -> set[str]:
    """Return all items of a run."""
    folder = os.path.join(run, "plan", FOLDER)
    blocks = os.listdir(folder) if os.path.isdir(folder) else []
    lines = (line for block in blocks for line in read_lines(run, int(block)))
    return {item for line in lines for item in os.fsdecode(line).split("\t")} - {""}


def _damaged(why: str, path: str) -> UserError:
    return UserError(
        f"the plan is damaged: {why}",
        where=path,
        hint="restore plan/ from a copy; its checksums are in plan/SHA256SUMS",
    )
