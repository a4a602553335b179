"""The local pool's journal: how each payload ended as its parent saw it (wait4)."""

from __future__ import annotations

import os
from collections import defaultdict
from typing import Any

from collectors.records import Attempt, lines_of, new_attempt

JOURNAL = os.path.join("logs", "pool.jsonl")
_WHOLE = ("shard", "pid", "pid_start", "code")
_FACTS = ("code", "signal", "wall_s", "cpu_s", "peak_bytes", "time")

_UNRECORDED = "pool."
"""How the ids of attempts begin that only the journal knows: no native id begins so."""

Ends = dict[int, list[dict[str, Any]]]
"""Shard -> how payloads that ran it ended."""


def read_journal(run: str, offset: int) -> tuple[Ends, int]:
    """Return the entries after ``offset`` by shard, and the offset after the last whole line."""
    ends: Ends = defaultdict(list)
    try:
        with open(os.path.join(run, JOURNAL), "rb") as stream:
            stream.seek(0, os.SEEK_END)
            if stream.tell() < offset:  # somebody replaced it: read it all
                offset = 0
            stream.seek(offset)
            data = stream.read()
    except OSError:
        return ends, offset
    whole = data[: data.rfind(b"\n") + 1]
    for line in lines_of(whole):
        if line.get("event") == "ended" and all(type(line.get(key)) is int for key in _WHOLE):
            ends[line["shard"]].append(line)
    return ends, offset + len(whole)


def apply_ends(attempts: dict[str, Attempt], ends: list[dict[str, Any]]) -> None:
    """Attach each entry to the attempt of that process; one that left no record gets its own."""
    _reunite(attempts)
    for end in ends:
        process = (end["pid"], end["pid_start"], end.get("boot"))
        attempt = _recorded(attempts, process)
        if attempt is None:
            name = f"{_UNRECORDED}{process[0]}.{process[1]}"
            attempt = attempts.setdefault(name, new_attempt(name))
            attempt.update(
                scheduler="local",
                host=end.get("host"),
                pid=process[0],
                pid_start=process[1],
                boot=process[2],
                ended=end.get("time"),
            )
        _attach(attempt, {key: end.get(key) for key in _FACTS})


def _recorded(attempts: dict[str, Attempt], process: tuple[Any, ...]) -> Attempt | None:
    for name, attempt in attempts.items():
        if (
            attempt["pid"],
            attempt["pid_start"],
            attempt["boot"],
        ) == process and not name.startswith(_UNRECORDED):
            return attempt
    return None


def _reunite(attempts: dict[str, Attempt]) -> None:
    """Hand entries on to attempts whose records came to light later: NFS may show them late."""
    for name in [name for name in attempts if name.startswith(_UNRECORDED)]:
        alone = attempts[name]
        attempt = _recorded(attempts, (alone["pid"], alone["pid_start"], alone["boot"]))
        if attempt is not None:
            _attach(attempt, attempts.pop(name)["pool"])


def _attach(attempt: Attempt, pool: dict[str, Any]) -> None:
    attempt["pool"] = pool
    if attempt["peak"] is None and pool["peak_bytes"]:
        attempt["peak"] = {"bytes": pool["peak_bytes"], "source": "wait4"}
