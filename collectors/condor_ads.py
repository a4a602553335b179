"""What condor_q and condor_history say of jobs, where the event log does not know or lags behind.

Attributes are those of "Job ClassAd Attributes" in HTCondor's manual.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from collectors.condor_events import (
    ABORTED,
    EXECUTE,
    HELD,
    SUBMIT,
    TERMINATED,
    Row,
)
from collectors.condor_jobs import Course, course

Ad = Mapping[str, Any]
ATTRIBUTES = (
    "ClusterId", "ProcId", "JobStatus", "SubmitEventNotes", "GlobalJobId", "QDate",
    "JobCurrentStartExecutingDate", "EnteredCurrentStatus", "CompletionDate", "RemoteHost",
    "LastRemoteHost", "ExitBySignal", "ExitCode", "ExitSignal", "RemoveReason", "HoldReason",
    "HoldReasonCode", "HoldReasonSubCode", "ResidentSetSize_RAW", "RequestMemory",
)  # fmt: skip
"""What is asked for."""
_IDLE, _RUNNING, _REMOVED, _COMPLETED, _HELD = 1, 2, 3, 4, 5
_KIB, _MIB = 1 << 10, 1 << 20


@dataclass(frozen=True, slots=True)
class Ads:
    """Answers of a schedd."""

    queue: Mapping[str, Ad] | None = None
    """``cluster.proc`` -> what is in the queue; None: nobody could say."""
    history: Mapping[str, Ad] = field(default_factory=dict)
    """Of what has left it, as far as that was asked for."""

    def of(self, native_id: str) -> tuple[Ad | None, Ad | None]:
        """Return what is said of a job: in the queue, and after."""
        return (self.queue or {}).get(native_id), self.history.get(native_id)

    def __iter__(self) -> Iterator[tuple[str, Ad]]:
        """Go through all of it."""
        yield from (self.queue or {}).items()
        yield from self.history.items()


def read_ads(text: str) -> dict[str, Ad]:
    """Read what ``-json`` prints; nothing is printed for no jobs.

    Raises:
        ValueError: that is no such answer.
    """
    ads = json.loads(text) if text.strip() else []
    return {f"{ad['ClusterId']}.{ad['ProcId']}": ad for ad in ads}


def rows_of(ad: Ad) -> Iterator[Row]:
    """Yield the events that a job of which only its ad is known must have had."""
    yield [SUBMIT, _time(ad, "QDate"), {}]
    if ad.get("JobCurrentStartExecutingDate"):
        yield [EXECUTE, _time(ad, "JobCurrentStartExecutingDate"), {"node": _node(ad)}]
    if ad["JobStatus"] == _HELD:
        yield [HELD, _time(ad, "EnteredCurrentStatus"), held(ad)]
    if ad["JobStatus"] in (_COMPLETED, _REMOVED):
        yield end_of(ad)


def end_of(ad: Ad) -> Row:
    """Return the event by which a job that has left the queue ended."""
    if ad["JobStatus"] == _REMOVED:
        why = {"why": ad.get("RemoveReason", "removed")}
        return [ABORTED, _time(ad, "EnteredCurrentStatus"), why]
    name, key = ("ExitSignal", "signal") if ad.get("ExitBySignal") else ("ExitCode", "exit")
    facts = {
        key: ad.get(name),
        "peak": _scaled(ad, "ResidentSetSize_RAW", _KIB),
        "memory": _scaled(ad, "RequestMemory", _MIB),
    }
    known = {n: value for n, value in facts.items() if value}
    if key == "exit" and ad.get(name) == 0:
        known["exit"] = 0
    return [TERMINATED, _time(ad, "CompletionDate") or _time(ad, "EnteredCurrentStatus"), known]


def held(ad: Ad) -> dict[str, Any]:
    """Return why a job is held."""
    return {
        "why": ad.get("HoldReason", ""),
        "code": ad.get("HoldReasonCode"),
        "subcode": ad.get("HoldReasonSubCode"),
    }


def corrected(rows: list[Row], queued: Ad | None, left: Ad | None) -> tuple[Course, str | None]:
    """Return the course of a job by its events and ads, and who told how it stands now.

    The ads were asked for after the log was read, so where they differ the log is behind, or
    lacks something: that a job was submitted on hold, say. None: the log told.
    """
    found = course(rows)
    if left is not None and not found.over:
        number, time, facts = end_of(left)
        last = max((row[1] for row in rows), default=0.0)
        return course([*rows, [number, max(time, last), facts]]), "condor_history"
    if queued is None or found.over:
        return found, None
    status = queued["JobStatus"]
    if status == _HELD and found.state != "held":
        found.state = "held"
        found.held = held(queued) | {"time": _time(queued, "EnteredCurrentStatus")}
    elif status == _RUNNING and found.state in ("idle", "held"):
        found.state, found.held = "starting", {"node": _node(queued)}
    elif status == _IDLE and found.state == "held":
        found.state, found.held = "idle", {}
    else:
        return found, None
    return found, "condor_q"


def schedd_of(ad: Ad | None) -> str | None:
    """Return the name of the schedd that has a job: GlobalJobId begins with it."""
    return str(ad["GlobalJobId"]).partition("#")[0] if ad and "GlobalJobId" in ad else None


def _time(ad: Ad, name: str) -> float:
    return float(ad.get(name) or 0.0)


def _node(ad: Ad) -> str | None:
    host = ad.get("RemoteHost") or ad.get("LastRemoteHost")
    return str(host).rpartition("@")[2] if host else None


def _scaled(ad: Ad, name: str, unit: int) -> int | None:
    amount = ad.get(name)
    return amount * unit if isinstance(amount, int) else None  # it may be an expression
