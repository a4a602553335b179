"""What event logs have told of jobs, in little memory, and kept beside the log between collects."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from collectors.condor_events import ABORTED, IMAGE_SIZE, TERMINATED, Row, row
from collectors.condor_jobs import Course, course
from collectors.condor_log import Event

STRANGER = -1  # in place of a shard: a job of somebody else's that writes into this log
_LAST_SIZE = re.compile(rb'\[6,[^,]+,\{"peak":(\d+)\}\],\Z')
_SIZE_ROW = 80  # bytes that such a row may have


@dataclass(slots=True)
class Job:
    """What an event log has told of a job."""

    shard: int = STRANGER
    over: bool = False
    """It has left the queue, or is to leave it: no event changes that."""
    rows: bytes = b""
    """Its events as JSON, each with a comma behind it: of 100,000 jobs, lists are too large."""

    def add(self, event: Event) -> None:
        """Note an event, unless the log says it for the second time."""
        new = row(event)
        if new is None:
            return
        text = orjson.dumps(new) + b","
        if text in self.rows:
            return
        if event.type == IMAGE_SIZE:
            last = _LAST_SIZE.search(self.rows, max(0, len(self.rows) - _SIZE_ROW))
            if last:  # of several in a row only the largest matters
                if int(last[1]) >= new[2]["peak"]:
                    return
                self.rows = self.rows[: last.start()]
        self.rows += text
        self.over = self.over or event.type in (TERMINATED, ABORTED)

    def events(self) -> list[Row]:
        """Return what is kept of its events."""
        rows: list[Row] = orjson.loads(b"[%s]" % self.rows[:-1])
        return rows

    def course(self) -> Course:
        """Return what became of it."""
        return course(self.events())


def keep(path: str, head: Mapping[str, Any], jobs: Mapping[str, Job]) -> None:
    """Write what is known; a file that cannot be written is not missed.

    A line that says of what, one for each job, and last the sha256 of all of them.
    """
    temporary = f"{path}.{os.getpid()}.tmp"
    try:
        with open(temporary, "wb") as stream:
            sums = hashlib.sha256()
            line = orjson.dumps(head) + b"\n"
            stream.write(line)
            sums.update(line)
            for name, job in jobs.items():
                line = b"%s %d %d %s\n" % (name.encode(), job.shard, job.over, job.rows)
                stream.write(line)
                sums.update(line)
            stream.write(sums.hexdigest().encode())
        os.replace(temporary, path)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(temporary)


def kept(path: str) -> tuple[dict[str, Any], dict[str, Job]] | None:
    """Return what was kept, or None: nothing, or not whole."""
    jobs: dict[str, Job] = {}
    sums = hashlib.sha256()
    try:
        with open(path, "rb") as stream:
            first = line = stream.readline()
            while line.endswith(b"\n"):
                sums.update(line)
                if line is not first:
                    name, shard, over, rows = line[:-1].split(b" ", 3)
                    jobs[name.decode()] = Job(int(shard), over == b"1", rows)
                line = stream.readline()
    except (OSError, ValueError):
        return None
    if line.decode(errors="replace") != sums.hexdigest():
        return None
    return orjson.loads(first), jobs
