"""The journal of submitting chunk by chunk: RUN/submissions/<k>.chunks.jsonl.

One line before each chunk is handed to the batch command, and one with what became of it. A chunk
whose last line is "about to" was cut short: whether its job is there, the journal cannot know.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import orjson

from collectors.records import lines_of
from manifest.errors import UserError

Event = Literal["about to", "submitted", "refused", "no answer"]


@dataclass(frozen=True, slots=True)
class Handed:
    """What became of a chunk when it was handed to the batch command last."""

    outcome: Literal["submitted", "refused", "doubtful"]
    time: float | None = None
    job: str | None = None
    text: str = ""


def journal_path(run: str, submission: int) -> str:
    """Return where the journal of a submission lies."""
    return os.path.join(run, "submissions", f"{submission}.chunks.jsonl")


def read_chunks(run: str, submission: int) -> dict[int, Handed]:
    """Return shard -> what became of it; nothing was submitted this way: an empty mapping."""
    try:
        with open(journal_path(run, submission), "rb") as stream:
            data = stream.read()
    except FileNotFoundError:
        return {}
    found: dict[int, Handed] = {}
    for line in lines_of(data):
        shard, event = line.get("shard"), line.get("event")
        if not isinstance(shard, int):
            continue
        at, job, text = line.get("time"), line.get("job"), line.get("text")
        rest = (
            float(at) if isinstance(at, int | float) else None,
            job if isinstance(job, str) else None,
            text if isinstance(text, str) else "",
        )
        if event in ("about to", "no answer"):
            found[shard] = Handed("doubtful", *rest)
        elif event == "submitted":
            found[shard] = Handed("submitted", *rest)
        elif event == "refused":
            found[shard] = Handed("refused", *rest)
    return found


def read_all(run: str, submissions: Iterable[int]) -> dict[int, dict[int, Handed]]:
    """Return the journals of submissions that have one, by their numbers."""
    return {number: found for number in submissions if (found := read_chunks(run, number))}


def write_chunk(
    run: str,
    submission: int,
    event: Event,
    shard: int,
    command: str,
    *,
    job: str | None = None,
    code: int | None = None,
    text: str = "",
) -> None:
    """Append one line.

    What was about to be done is on disk before it is done. The outcome need not be: were it lost
    with the machine, the chunk would be doubtful.

    Raises:
        UserError: it cannot be written.
    """
    line = {
        "event": event,
        "shard": shard,
        "time": time.time(),
        "job": job,
        "code": code,
        "text": text,
        "command": command.encode(errors="backslashreplace").decode(),
    }
    path = journal_path(run, submission)
    try:
        with open(path, "ab+") as stream:
            # A line that a full disk or a kill cut short must not swallow this one.
            size = stream.tell()
            torn = size > 0 and os.pread(stream.fileno(), 1, size - 1) != b"\n"
            stream.write(b"\n" * torn + orjson.dumps(line) + b"\n")
            stream.flush()
            if event == "about to":
                os.fsync(stream.fileno())
    except OSError as error:
        raise UserError(
            f"the journal of what was submitted cannot be written: {error.strerror}",
            where=path,
            hint="make it writable and type the same again: nothing is submitted twice",
        ) from error
