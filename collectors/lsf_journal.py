"""The journal of submitting chunk by chunk: which jobs a batch command said it had made.

RUN/submissions/<k>.chunks.jsonl, one JSON object a line; ``farmhand submit -b`` writes it.
"""

from __future__ import annotations

import os
import re
from typing import NamedTuple

from collectors.records import lines_of, read_record
from manifest.header import Header

_ID = re.compile(r"\d{1,10}(?:\[\d{1,10}\])?", re.ASCII)


class Submitted(NamedTuple):
    """One job."""

    submission: int
    shard: int
    time: float


def read_submitted(run: str, header: Header) -> dict[str, Submitted]:
    """Return the jobs of a run's submissions for LSF by native id; a torn line is passed over."""
    found: dict[str, Submitted] = {}
    for submission in header.submissions:
        if submission.scheduler != "lsf":
            continue
        path = os.path.join(run, "submissions", f"{submission.id}.chunks.jsonl")
        for line in lines_of(read_record(path) or b""):
            job, shard, time = (line.get(key) for key in ("job", "shard", "time"))
            if (
                line.get("event") == "submitted"
                and isinstance(job, str)
                and _ID.fullmatch(job)
                and type(shard) is int
                and 0 <= shard < header.shards
            ):
                at = float(time) if isinstance(time, int | float) else 0.0
                found[job] = Submitted(submission.id, shard, at)
    return found
