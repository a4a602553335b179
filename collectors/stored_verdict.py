"""Verdicts on what an attempt stored: is it still there, and still its own?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from collectors.observed_verdict import NFS_LAG_S
from collectors.records import Attempt
from manifest.states import Verdict


def stored_verdict(attempt: Attempt, now: float, *, remote: bool) -> Verdict | None:
    """Judge by what was last listed at the destination; None: nothing speaks against it.

    ``remote``: it ran elsewhere, so that a directory that both see may not show its file here yet.
    """
    problems = attempt["destination"]
    if not problems:
        return None
    first = problems[0]
    text = _told(first, attempt)
    if remote and first["problem"] != "size" and now - attempt["ended"] < NFS_LAG_S:
        return Verdict("unknown", None, f"{text} (yet: it ended moments ago)")
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return Verdict("failed", "bad_output", f"exit code 0, but {text}{more}")


def _told(problem: dict[str, Any], attempt: Attempt) -> str:
    url = problem["url"]
    if problem["problem"] == "gone":
        return f"what it stored is gone: {url}"
    if problem["problem"] == "companion":
        return f"what belongs to its output is not there: {url}"
    stored = next((told["bytes"] for told in told_stored(attempt) if told["url"] == url), None)
    return f"{url} is {problem['bytes']} bytes, {stored} were stored"


def told_stored(attempt: Attempt) -> Iterator[dict[str, Any]]:
    """Yield what an attempt recorded of storing its outputs, where that is whole."""
    for told in attempt["stored"] or ():
        if isinstance(told, dict) and told.keys() >= {"name", "url", "bytes", "sha256"}:
            yield told


def overwritten_by(attempt: Attempt, siblings: Sequence[Attempt]) -> str | None:
    """Return the attempt that stored another file under the same URL later; None: nobody did."""
    if len(siblings) < 2 or not attempt["stored"]:  # noqa: PLR2004 (itself, and another one)
        return None
    mine = {told["url"]: told["sha256"] for told in told_stored(attempt)}
    for other in siblings:
        if other["ended"] is None or _end(other) <= _end(attempt):
            continue
        for told in told_stored(other):
            if mine.get(told["url"], told["sha256"]) != told["sha256"]:
                return str(other["attempt"])
    return None


def stored_the_same(attempts: Sequence[Attempt]) -> bool:
    """Say whether all of these stored the same bytes under the same URLs."""
    sums = [{told["url"]: told["sha256"] for told in told_stored(one)} for one in attempts]
    return bool(sums[0]) and all(one == sums[0] for one in sums)


def _end(attempt: Attempt) -> tuple[float, str]:
    return attempt["ended"] or 0.0, attempt["attempt"]
