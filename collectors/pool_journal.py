"""The local pool's journal: how each payload ended as its parent saw it (wait4)."""

from __future__ import annotations

import os
from collections import defaultdict
from typing import Any

from collectors.records import Attempt, lines_of, new_attempt

JOURNAL = os.path.join("logs", "pool.jsonl")
_WHOLE = {"ended": ("shard", "pid", "pid_start", "code"), "oom": ("shard", "pid", "pid_start")}
_FACTS = ("code", "signal", "wall_s", "cpu_s", "peak_bytes", "time")
_STRUCK = ("by", "bytes", "request", "why")

_UNRECORDED = "pool."
"""How the ids of attempts begin that only the journal knows: no native id begins so."""

Ends = dict[int, list[dict[str, Any]]]
"""Shard -> how payloads that ran it ended, and which were killed for their memory."""


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
        needed = _WHOLE.get(str(line.get("event")))
        if needed and all(type(line.get(key)) is int for key in needed):
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
            )
        if end.get("event") == "oom":
            facts: dict[str, Any] = {"oom": {key: end.get(key) for key in _STRUCK}}
            peak = end.get("bytes"), "sampled"
        else:
            facts = {key: end.get(key) for key in _FACTS}
            peak = end.get("peak_bytes"), end.get("peak_source") or "wait4"
            if attempt["attempt"].startswith(_UNRECORDED):
                attempt["ended"] = end.get("time")
        _attach(attempt, facts, peak)


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
            peak = alone["peak"] or {}
            _attach(attempt, attempts.pop(name)["pool"], (peak.get("bytes"), peak.get("source")))


def _attach(attempt: Attempt, facts: dict[str, Any], peak: tuple[Any, Any]) -> None:
    nothing: dict[str, Any] = dict.fromkeys(_FACTS)
    attempt["pool"] = {**nothing, **(attempt["pool"] or {}), **facts}
    known, seen = peak[0], (attempt["peak"] or {}).get("bytes")
    if type(known) is int and known > (seen if type(seen) is int else 0):
        attempt["peak"] = {"bytes": known, "source": peak[1]}
