"""The nearest known name, for messages about a name that is not known."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name most like ``name``, or None when none is alike.

    Case and the choice between ``-`` and ``_`` do not count.

    >>> nearest("n-shard", ["name", "shards"])
    'shards'
    >>> nearest("Wall_Time", ["memory", "walltime"])
    'walltime'
    """
    folded = {_fold(candidate): candidate for candidate in known}
    matches = get_close_matches(_fold(name), folded, n=1, cutoff=0.6)
    return folded[matches[0]] if matches else None


def _fold(name: str) -> str:
    return name.casefold().replace("-", "_")
