"""Events of an HTCondor job folded into its course: executions, and how it stands now.

Events may come in disorder, twice, or not at all: only submit before terminate is promised, and an
execute event may be missing. So the course is made anew from all that was ever read of a job, in
the order of the events' times. Those are whole seconds: of what happened within one, that is taken
first which can follow.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from typing import Any

from collectors.condor_events import (
    ABORTED,
    DISCONNECTED,
    EVICTED,
    EXECUTE,
    HELD,
    IMAGE_SIZE,
    RECONNECT_FAILED,
    RECONNECTED,
    RELEASED,
    REMOTE_ERROR,
    SHADOW_EXCEPTION,
    SUBMIT,
    SUSPENDED,
    TERMINATED,
    UNSUSPENDED,
    Row,
)
from collectors.condor_holds import hold

Facts = dict[str, Any]
# Vacate codes ("Vacate Reason Codes" of the manual) that say that something broke: shadow, claim,
# starter, contact, startd. The others from 1000 on say that somebody wanted the machine.
_BROKE = {1002, 1006, 1007, 1008, 1012}
_CLOSE_S = 60.0  # an eviction is followed so soon by the hold or the removal that it was for
_OVER = ("completed", "removed")
_WHILE_RUNNING = {
    EVICTED, TERMINATED, IMAGE_SIZE, SHADOW_EXCEPTION, ABORTED, HELD, REMOTE_ERROR, DISCONNECTED,
    RECONNECTED, RECONNECT_FAILED, SUSPENDED, UNSUSPENDED,
}  # fmt: skip
_CAN_FOLLOW = {
    # Of being submitted on hold no event tells, of the release from it one does.
    "idle": {SUBMIT, EXECUTE, ABORTED, HELD, RELEASED, REMOTE_ERROR, SHADOW_EXCEPTION},
    "running": {SUBMIT, *_WHILE_RUNNING},
    "held": {SUBMIT, RELEASED, ABORTED},
    "removed": {SUBMIT},
    "completed": {SUBMIT},
}


@dataclass(slots=True)
class Course:
    """What became of a job. An execution is what is known of it by the names of Observation."""

    state: str = "idle"
    """idle, running, held, removed or completed."""
    waits: float | None = None
    """Since when it waits, or did before it was started."""
    held: Facts = field(default_factory=dict)
    """Of what is held: why, code, subcode, time."""
    removed: Facts = field(default_factory=dict)
    """Of what is removed: why, time, the hold that it was in, and whether an execution tells it."""
    trouble: str = ""
    """What went wrong when it was to be started."""
    runs: list[Facts] = field(default_factory=list)

    @property
    def current(self) -> Facts | None:
        """The execution that has not ended."""
        return self.runs[-1] if self.runs and "ended" not in self.runs[-1] else None

    @property
    def over(self) -> bool:
        """Whether it has left, or is to leave, the queue."""
        return self.state in _OVER

    def end(self, facts: Facts, time: float, kind: str, state: str) -> None:
        """End the execution that has not ended."""
        run = self.current
        if run is None:
            return
        kept = {n: v for n, v in facts.items() if n in ("why", "memory", "cpus", "code", "signal")}
        run.pop("why", None)
        run.update(kept, kind=kind, state=state, ended=time)
        _peak(run, facts)

    def wait(self, time: float) -> None:
        """Note that it waits from now on."""
        self.state, self.waits, self.held = "idle", time, {}


def course(rows: list[Row]) -> Course:
    """Return the course of a job with these events."""
    found = Course()
    for row in _in_order(rows, found):
        handler = _HANDLERS.get(row[0])
        if handler and not (found.over and row[0] != TERMINATED):
            handler(found, row[2], row[1])
    return found


def _in_order(rows: list[Row], so_far: Course) -> Iterator[Row]:
    """Yield events by time; within one second first what can follow on the state reached."""
    for _, same in groupby(sorted(rows, key=itemgetter(1)), key=itemgetter(1)):
        waiting = list(same)
        while waiting:
            can = _CAN_FOLLOW[so_far.state]
            kinds = {row[0] for row in waiting}
            if EVICTED in kinds and EXECUTE not in kinds:  # from where it could not be started
                can = can | {EVICTED}
            at = next((i for i, row in enumerate(waiting) if row[0] in can), 0)
            yield waiting.pop(at)


def _submitted(job: Course, _: Facts, time: float) -> None:
    if job.waits is None or not job.runs:
        job.waits = time


def _executes(job: Course, facts: Facts, time: float) -> None:
    # The end of the one before was not told.
    job.end({"why": "it was started again elsewhere"}, time, "node", "lost")
    kept = {n: v for n, v in facts.items() if n != "slot"}
    job.runs.append({"started": time, **kept})
    job.state, job.held, job.trouble = "running", {}, ""


def _image_size(job: Course, facts: Facts, _: float) -> None:
    if job.current:
        _peak(job.current, facts)


def _peak(run: Facts, facts: Facts) -> None:
    peak = max(run.get("peak") or 0, facts.get("peak") or 0)
    if peak:
        run["peak"] = peak


def _terminated(job: Course, facts: Facts, time: float) -> None:
    if job.state == "completed":
        return  # told twice
    if job.current is None:  # its beginning was not told: it began, at the earliest, with waiting
        job.runs.append({"started": job.waits or time})
    _end_by_itself(job, facts, time)
    job.state, job.held, job.removed = "completed", {}, {}


def _end_by_itself(job: Course, facts: Facts, time: float) -> None:
    code = facts.get("exit")
    known = {n: v for n, v in facts.items() if n != "exit"}
    if code is not None:
        known["code"] = code
    job.end(known, time, "completed" if code == 0 else "failed", "terminated")


def _evicted(job: Course, facts: Facts, time: float) -> None:
    if job.state == "held":
        if job.runs and job.runs[-1].get("ended") == time:  # told after the hold that it was for
            job.runs[-1].update({n: v for n, v in facts.items() if n == "memory"})
            _peak(job.runs[-1], facts)
        return
    if job.current is None:  # it was not started there, or its start was not told
        job.trouble = facts.get("why") or job.trouble or "evicted before it was started"
    elif "exit" in facts or "signal" in facts:
        _end_by_itself(job, facts, time)
    else:
        code, subcode = facts.get("code"), facts.get("subcode")
        cause = hold(code, subcode).cause
        kind = "node" if code in _BROKE else "preempted"
        if cause in ("oom", "disk"):
            kind = cause
        # Its code is why it was evicted, no exit code.
        known = {n: v for n, v in facts.items() if n != "code"}
        job.end(known, time, kind, "evicted")
    job.wait(time)


def _shadow_exception(job: Course, facts: Facts, time: float) -> None:
    why = facts.get("why") or "shadow exception"
    if job.current is None:
        job.trouble = why
        return
    job.end({**facts, "why": why}, time, "node", "lost")
    job.wait(time)


def _reconnect_failed(job: Course, facts: Facts, time: float) -> None:
    why = facts.get("why") or "the machine could not be reached again"
    job.end({**facts, "why": why}, time, "node", "lost")
    job.wait(time)


def _aborted(job: Course, facts: Facts, time: float) -> None:
    why = facts.get("why") or "removed"
    told = True
    if job.current is not None:
        job.end({"why": why}, time, "cancelled", "removed")
    elif _just_ended(job, time, why):
        job.runs[-1].update(kind="cancelled", state="removed", why=why)
    elif job.held and job.runs and job.runs[-1]["state"].startswith("held"):
        job.runs[-1]["why"] += f", then removed: {why}"
    else:
        told = False
    job.removed = {"why": why, "time": time, "held": job.held, "told": told}
    job.state, job.held = "removed", {}


def _held(job: Course, facts: Facts, time: float) -> None:
    why = facts.get("why") or "no reason given"
    code, subcode = facts.get("code"), facts.get("subcode")
    cause = hold(code, subcode).cause
    kind = "cancelled" if cause == "held_policy" else cause
    state = f"held {code or 0}/{subcode or 0}"
    if job.current is not None:
        job.end({"why": why}, time, kind, state)
    elif _just_ended(job, time, why):
        job.runs[-1].update(kind=kind, state=state, why=why)
    job.state = "held"
    job.held = {"why": why, "code": code, "subcode": subcode, "time": time}


def _just_ended(job: Course, time: float, why: str) -> bool:
    """Say whether the last execution was evicted in order to be held or removed."""
    if not job.runs or job.state != "idle" or job.trouble:
        return False
    last = job.runs[-1]
    own = last.get("why")
    return time - last["ended"] <= _CLOSE_S and last["state"] == "evicted" and own in (None, why)


def _released(job: Course, _: Facts, time: float) -> None:
    if job.state == "held":
        job.wait(time)


def _remote_error(job: Course, facts: Facts, _: float) -> None:
    if job.current is not None:
        job.current["why"] = facts.get("why") or "remote error"
    else:
        job.trouble = facts.get("why") or job.trouble


def _disconnected(job: Course, _: Facts, __: float) -> None:
    if job.current is not None:
        job.current["why"] = "the machine is out of reach; HTCondor tries to find it again"


def _suspended(job: Course, _: Facts, __: float) -> None:
    if job.current is not None:
        job.current["why"] = "suspended"


def _goes_on(job: Course, _: Facts, __: float) -> None:
    if job.current is not None:
        job.current.pop("why", None)


_HANDLERS: dict[int, Callable[[Course, Facts, float], None]] = {
    SUBMIT: _submitted,
    EXECUTE: _executes,
    EVICTED: _evicted,
    TERMINATED: _terminated,
    IMAGE_SIZE: _image_size,
    SHADOW_EXCEPTION: _shadow_exception,
    ABORTED: _aborted,
    HELD: _held,
    RELEASED: _released,
    REMOTE_ERROR: _remote_error,
    DISCONNECTED: _disconnected,
    RECONNECTED: _goes_on,
    RECONNECT_FAILED: _reconnect_failed,
    SUSPENDED: _suspended,
    UNSUSPENDED: _goes_on,
}
