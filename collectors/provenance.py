"""What attempts noted of their software: a digest in the manifest, the text in their records."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from manifest.layout import block_of, records_dir

MOST = 200
"""So many different ones of a run are read for a comparison."""
_PARTS = ("versions", "checkouts", "container", "environment")


def digest_of(line: Mapping[str, Any]) -> str:
    """Return a short digest of what was noted: the same for attempts that noted the same."""
    data = orjson.dumps(line, option=orjson.OPT_SORT_KEYS)
    return hashlib.blake2b(data, digest_size=8).hexdigest()


def noted(data: bytes | None) -> dict[str, Any] | None:
    """Return what the record of an attempt says of its software, or None."""
    for line in (data or b"").split(b"\n"):
        if line.startswith(b'{"event":"provenance"'):
            try:
                found = orjson.loads(line)
            except orjson.JSONDecodeError:
                continue
            return {key: value for key, value in found.items() if key != "event"}
    return None


def record_of(run: str, shard: int, attempt: str) -> str:
    """Return the path of an attempt's record."""
    return os.path.join(records_dir(run, block_of(shard)), f"{shard}.{attempt}.jsonl")


@dataclass(slots=True)
class Group:
    """Attempts that noted the same."""

    shards: list[int] = field(default_factory=list)
    witness: str = ""
    """The record of one of them."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that attempts disagree about: (value, its shards), the most frequent first."""

    what: str
    values: list[tuple[str, list[int]]]


class Software:
    """What the accepted attempts of a run noted."""

    def __init__(self) -> None:
        """Begin with no attempt."""
        self.groups: dict[str, Group] = {}
        self.silent: list[int] = []
        """Shards whose accepted attempt noted nothing."""

    def add(self, run: str, shard: int, attempt: Mapping[str, Any]) -> None:
        """Count an accepted attempt."""
        digest = attempt["provenance"]
        if digest is None:
            self.silent.append(shard)
            return
        group = self.groups.setdefault(digest, Group())
        group.shards.append(shard)
        group.witness = group.witness or record_of(run, shard, attempt["attempt"])

    def differences(self, read: Mapping[str, bytes | None]) -> list[Difference]:
        """Return what the groups differ in; ``read``: the bytes of their witnesses."""
        tables: dict[str, dict[str, list[int]]] = {}
        flat = {
            digest: dict(_flat(noted(read.get(group.witness)) or {}))
            for digest, group in self.groups.items()
            if group.witness in read
        }
        for what in dict.fromkeys(key for values in flat.values() for key in values):
            for digest, values in flat.items():
                shown = values.get(what, "not set")
                tables.setdefault(what, {}).setdefault(shown, []).extend(self.groups[digest].shards)
        return [
            Difference(what, sorted(table.items(), key=lambda item: (-len(item[1]), item[0])))
            for what, table in tables.items()
            if len(table) > 1
        ]

    def witnesses(self) -> list[str]:
        """Return the records that a comparison reads: of many groups those of the largest."""
        sizes = Counter({digest: len(group.shards) for digest, group in self.groups.items()})
        return [self.groups[digest].witness for digest, _ in sizes.most_common(MOST)]


def _flat(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield everything comparable, as (what, value in words)."""
    for part in _PARTS:
        said = document.get(part)
        if part == "container":
            if isinstance(said, dict):
                yield part, f"{said.get('image')} {said.get('digest') or 'of unknown digest'}"
        elif isinstance(said, dict):
            for name, value in said.items():
                yield f"{part}.{name}", in_words(value)


def in_words(value: Any) -> str:  # noqa: ANN401 (any JSON)
    """Return a version, a variable or a checkout as people say it; None: unknown.

    >>> in_words({"commit": "0123456789ab99", "branch": "main", "dirty": False})
    '0123456789ab on main, clean'
    """
    if value is None:
        return "unknown"
    if not isinstance(value, dict):
        return str(value)
    branch = f" on {value['branch']}" if value.get("branch") else ""
    state = f"dirty (diff {str(value.get('diff'))[:8]})" if value.get("dirty") else "clean"
    return f"{str(value.get('commit'))[:12]}{branch}, {state}"
