"""The journal of submitting: what was about to be submitted, and what became of it.

One line before each submission and one after it, in RUN/submissions/journal.jsonl. A line that
says "about to" and has no successor was cut short: whether the scheduler has the job is asked of
the scheduler, by the job's name.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import Any

import orjson

from collectors.records import lines_of
from manifest.errors import UserError

_NAME = os.path.join("submissions", "journal.jsonl")
Place = tuple[int, int]
"""Submission, and part of it counted from 0."""


@dataclass(frozen=True, slots=True)
class Journal:
    """What the journal says."""

    submitted: dict[Place, str]
    """Place -> id of its job."""
    times: dict[Place, float]
    """Place -> when that was, in seconds since the epoch."""
    doubtful: dict[Place, float]
    """Place -> when it was about to be submitted; what became of it is not known."""
    unanswered: dict[Place, float]
    """Of those: when the scheduler was given up, which may have taken the job and been late."""


def read_journal(run: str) -> Journal:
    """Read the journal of a run; there is none yet: an empty one."""
    submitted: dict[Place, str] = {}
    times: dict[Place, float] = {}
    doubtful: dict[Place, float] = {}
    unanswered: dict[Place, float] = {}
    try:
        with open(os.path.join(run, _NAME), "rb") as stream:
            data = stream.read()
    except FileNotFoundError:
        return Journal(submitted, times, doubtful, unanswered)
    for line in lines_of(data):
        place = (line.get("submission"), line.get("part"))
        if not (isinstance(place[0], int) and isinstance(place[1], int)):
            continue
        known = (place[0], place[1])
        event, said = line.get("event"), line.get("time")
        at = float(said) if isinstance(said, int | float) else 0.0
        unanswered.pop(known, None)
        if event == "about to":
            doubtful[known] = at
        elif event == "no answer":
            unanswered[known] = at
        elif event in ("submitted", "not submitted"):
            doubtful.pop(known, None)
        if event == "submitted":
            submitted[known] = str(line.get("job"))
            times[known] = at
    return Journal(submitted, times, doubtful, unanswered)


def write_line(run: str, event: str, place: Place, **more: Any) -> None:  # noqa: ANN401 (any JSON)
    """Append one line, on disk before this returns.

    Raises:
        UserError: it cannot be written.
    """
    submission, part = place
    line = {"event": event, "submission": submission, "part": part, "time": time.time(), **more}
    path = os.path.join(run, _NAME)
    try:
        with open(path, "ab") as stream:
            # A line that a full disk or a kill cut short must not swallow this one.
            stream.write(b"\n" * (stream.tell() > 0) + orjson.dumps(line) + b"\n")
            stream.flush()
            os.fsync(stream.fileno())
    except OSError as error:
        raise UserError(
            f"the journal of what was submitted cannot be written: {error.strerror}",
            where=path,
            hint="make it writable and type the same again: nothing is submitted twice",
        ) from error
