"""The status file of a pool: how it stands, for others to watch while it runs.

It is replaced whole about once a second. A pool that was killed leaves its last one behind; who
reads it asks whether the very process that wrote it still lives.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping
from typing import Any

import orjson

from farmhand.talk import short_path
from manifest.units import format_bytes, format_duration, format_time
from reports.remaining import Remaining
from runners.processes import alive, boot_id, start_ticks

STATUS = os.path.join("logs", "pool-status.json")
_STALE_S = 60  # after so long without a word, another host's pool counts as silent
_LISTED = 20


class StatusFile:
    """Writes it; a disk that is full only makes it old."""

    def __init__(self, run: str) -> None:
        """Say who writes."""
        self._path = os.path.join(run, STATUS)
        pid = os.getpid()
        self._who = {
            "v": 1,
            "host": socket.gethostname(),
            "pid": pid,
            "pid_start": start_ticks(pid),
            "boot": boot_id(),
            "started": format_time(time.time()),
        }

    def write(self, facts: Mapping[str, Any]) -> None:
        """Replace the file."""
        data = {**self._who, "updated": format_time(time.time()), **facts}
        temporary = f"{self._path}.{os.getpid()}.tmp"
        try:
            with open(temporary, "wb") as file:
                file.write(orjson.dumps(data, option=orjson.OPT_INDENT_2))
            os.replace(temporary, self._path)
        except OSError:
            return


def read_status(run: str) -> dict[str, Any] | None:
    """Return how the last pool of a run stands, with ``lives``; None: there was none.

    ``lives`` is true or false where that can be known: on the pool's own host. Elsewhere it is null
    while the file is fresh.
    """
    path = os.path.join(run, STATUS)
    try:
        with open(path, "rb") as file:
            found = orjson.loads(file.read())
            age = time.time() - os.fstat(file.fileno()).st_mtime
    except (OSError, ValueError):
        return None
    if not isinstance(found, dict) or found.get("v") != 1:
        return None
    if found["state"] == "ended":
        lives: bool | None = False
    elif found["host"] == socket.gethostname():
        lives = alive(found["pid"], found["pid_start"], found["boot"])
    else:
        lives = None if age < _STALE_S else False
    return {**found, "lives": lives}


def remaining_text(found: Remaining | None) -> str:
    """Return how long it will take, with its spread.

    >>> remaining_text(Remaining(7200, 3600, 10800))
    'about 2h00m left (1h00m to 3h00m)'
    """
    if found is None:
        return "time left not known before a job has ended"
    low, likely, high = (format_duration(round(s)) for s in (found.low, found.likely, found.high))
    return f"about {likely} left" + (f" ({low} to {high})" if low != high else "")


def status_lines(status: Mapping[str, Any], run: str) -> list[str]:
    """Return what ``farmhand status`` says of the pool; nothing of one that has ended."""
    who = f"pid {status['pid']} on {status['host']}"
    again = f"farmhand run {short_path(run)}"
    if status["state"] == "ended":
        return []
    if status["lives"] is False:
        left = "what it had started may still run" if status["running"] else "nothing ran"
        return [f"the pool ({who}) is gone without a word; {left}. Go on with: {again}"]
    stopping = ", stopping" if status["state"] == "stopping" else ""
    counts = f"{status['done']} of {status['due']} done, {len(status['running'])} running"
    lines = [
        f"pool: {who}, since {status['started']}, last word {status['updated']}{stopping}",
        f"  {counts}, {status['failed']} failed, {status['left']} to start; {_left(status)}",
    ]
    memory = status["memory"]
    if memory["in_use"]:
        limit = f" of {format_bytes(memory['may_use'])}" if memory["may_use"] else ""
        asked = f", {format_bytes(memory['asked'])} asked for" if memory["asked"] else ""
        lines.append(f"  memory: {format_bytes(memory['in_use'])} in use{limit}{asked}")
    if status["waiting"]:
        lines.append(f"  {status['waiting']}")
    for one in status["running"][:_LISTED]:
        peak = f", peak {format_bytes(one['peak'])}" if one["peak"] else ""
        lines.append(f"  {one['name']}: pid {one['pid']} since {one['since']}{peak}")
    if len(status["running"]) > _LISTED:
        lines.append(f"  and {len(status['running']) - _LISTED} more (--json)")
    return lines


def _left(status: Mapping[str, Any]) -> str:
    found = status["remaining_s"]
    return remaining_text(Remaining(**found) if found else None)
