"""The local pool's journal: how each payload ended as its parent saw it (wait4)."""

from __future__ import annotations

import os
from collections import defaultdict
from typing import Any

from collectors.records import Attempt, lines_of, new_attempt

JOURNAL = os.path.join("logs", "pool.jsonl")
_WHOLE = ("shard", "pid", "pid_start", "code")
_FACTS = ("code", "signal", "wall_s", "cpu_s", "peak_bytes", "time")

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
    for end in ends:
        process = (end.get("pid"), end.get("pid_start"), end.get("boot"))
        for attempt in attempts.values():
            if (attempt["pid"], attempt["pid_start"], attempt["boot"]) == process:
                break
        else:
            name = f"pool.{end.get('pid')}.{end.get('pid_start')}"
            attempt = attempts.setdefault(name, new_attempt(name))
            attempt.update(
                scheduler="local",
                host=end.get("host"),
                pid=process[0],
                pid_start=process[1],
                boot=process[2],
                ended=end.get("time"),
            )
        attempt["pool"] = {key: end.get(key) for key in _FACTS}
        peak = end.get("peak_bytes")
        if attempt["peak"] is None and peak:
            attempt["peak"] = {"bytes": peak, "source": "wait4"}
