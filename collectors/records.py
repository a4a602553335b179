"""The records that attempts write about themselves: the first source of evidence.

A record is append-only JSON lines: line 1 start, line 2 end. What cannot be parsed is counted and
passed over; a last line that cannot be parsed means that there is no end yet.
"""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Iterable, Iterator, Mapping
from operator import contains
from types import NoneType
from typing import Any

import orjson

from collectors.provenance import digest_of
from manifest.layout import records_dir
from manifest.rows import damaged

Attempt = dict[str, Any]
"""The facts of one attempt, as the manifest holds them. Absent facts are None, never 0."""

_WHOLE, _TEXT = {int, NoneType}, {str, NoneType}
_REAL = {float, int, NoneType}
# What a record may say, and as what: anything else (a torn or foreign line) counts as not said.
_START = {
    "submission": _WHOLE,
    "native_id": _TEXT,
    "scheduler": _TEXT,
    "restarts": _WHOLE,
    "host": _TEXT,
    "pid": _WHOLE,
    "pid_start": _WHOLE,
    "boot": _TEXT,
    "node": _TEXT,
    "array": _TEXT,
    "dir": _TEXT,
}
_END = {
    "exit_code": _WHOLE,
    "stopped_by": _WHOLE,
    "warned": _WHOLE,
    "wall_s": _REAL,
    "cpu_s": _REAL,
    "peak": {dict, NoneType},
    "note": _TEXT,
    "staged": {list, NoneType},
    "stored": {list, NoneType},
}


def new_attempt(attempt: str) -> Attempt:
    """Return an attempt of which nothing is known yet, keys in the manifest's order."""
    return {**_UNKNOWN, "attempt": attempt}


_UNKNOWN: Attempt = {
    "attempt": "",
    "state": "unknown",
    "cause": None,
    "evidence": "",
    "plan": None,
    "submission": None,
    "native_id": None,
    "scheduler": None,
    "restarts": None,
    "host": None,
    "pid": None,
    "pid_start": None,
    "boot": None,
    "dir": None,
    "started": None,
    "ended": None,
    "exit_code": None,
    "reported": None,
    "stopped_by": None,
    "warned": None,
    "wall_s": None,
    "cpu_s": None,
    "peak": None,
    "note": None,
    "node": None,
    "array": None,
    "staged": None,
    "stored": None,
    "provenance": None,
    "pool": None,
    "observed": None,
    "outputs": None,
    "destination": None,
}


def known_attempts(row: dict[str, Any], path: str) -> dict[str, Attempt]:
    """Return the attempts of a result by id; what a damaged one lacks, its record tells again.

    Raises:
        UserError: what stands there is no list of attempts.
    """
    try:
        return {attempt["attempt"]: _whole(attempt) for attempt in row["attempts"]}
    except (KeyError, TypeError) as error:
        raise damaged(path, f"attempts of shard {row['shard_index']}: {error!r}") from error


def _whole(known: Attempt) -> Attempt:
    attempt = _UNKNOWN | known
    math.fsum((attempt["started"] or 0.0, attempt["ended"] or 0.0))  # TypeError: no numbers
    return attempt


def list_block(run: str, block: int) -> list[str]:
    """Return the names of a block's records, sorted; a directory that is missing has none."""
    try:
        names = os.listdir(records_dir(run, block))
    except FileNotFoundError:
        return []
    return sorted(name for name in names if name.endswith(".jsonl"))


def digest(names: Iterable[str]) -> str:
    """Return a fingerprint of a block's record names."""
    return hashlib.blake2b(os.fsencode("\n".join(names)), digest_size=12).hexdigest()


def split_name(name: str) -> tuple[int, str] | None:
    """Return (shard, attempt) of ``<shard>.<attempt>.jsonl``, or None for a stranger's file."""
    shard, _, attempt = name[: -len(".jsonl")].partition(".")
    return (int(shard), attempt) if shard.isdecimal() and attempt and name.isascii() else None


def read_record(path: str) -> bytes | None:
    """Return the bytes of a record, or None when it cannot be read (again next time)."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        data = os.read(handle, 1 << 16)
        while len(data) % (1 << 16) == 0 and (more := os.read(handle, 1 << 16)):
            data += more
    except OSError:
        return None
    finally:
        os.close(handle)
    return data


def written_at(path: str) -> float:
    """Return when a record was last written, in seconds since the epoch; gone: infinity."""
    try:
        return os.stat(path).st_mtime
    except OSError:
        return math.inf


def lines_of(data: bytes) -> Iterator[dict[str, Any]]:
    """Yield the lines that are JSON objects."""
    for line in data.split(b"\n"):
        if line:
            try:
                parsed = orjson.loads(line)
            except orjson.JSONDecodeError:
                continue
            if isinstance(parsed, dict):
                yield parsed


def apply_record(attempt: Attempt, data: bytes, plan_id: str) -> None:
    """Fold a record into an attempt; doing it twice changes nothing."""
    for line in lines_of(data):
        event = line.get("event")
        if event == "start" and attempt["started"] is None:
            attempt.update(_said(line, _START))
            attempt["started"] = _number(line.get("time"))
            other = line.get("plan")
            attempt["plan"] = None if other == plan_id else str(other)
        elif event == "provenance" and attempt["provenance"] is None:
            attempt["provenance"] = digest_of(line)
        elif event == "end" and attempt["ended"] is None:
            seen = attempt["peak"]
            attempt.update(_said(line, _END))
            told = (attempt["peak"] or {}).get("bytes")
            if type(told) is not int or (seen and seen["bytes"] > told):
                attempt["peak"] = seen  # by the pool, if its journal came first
            cause = line.get("cause")
            attempt["reported"] = cause if cause is None else str(cause)
            attempt["ended"] = _number(line.get("time"))


def _said(line: dict[str, Any], kinds: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    values = tuple(map(line.get, kinds))
    if not all(map(contains, kinds.values(), map(type, values))):
        pairs = zip(values, kinds.values(), strict=True)
        values = tuple(value if type(value) in kind else None for value, kind in pairs)
    return zip(kinds, values, strict=True)


def _number(value: Any) -> float | None:  # noqa: ANN401 (any JSON)
    return float(value) if isinstance(value, int | float) else None
