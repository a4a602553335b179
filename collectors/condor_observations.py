"""The course of an HTCondor job as observations: its executions, and how it waits or is held."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from collectors.condor_holds import hold
from collectors.condor_jobs import Course
from collectors.observation import Kind, Observation
from manifest.units import format_bytes

SOURCE = "event log"
_COMMAND = re.compile(r"\bcondor_(?:release|rm)\b")


class Subject(NamedTuple):
    """The job that is spoken of."""

    native_id: str
    submission: int
    schedd: str | None
    """The machine of the schedd that has it."""
    teller: str | None = None
    """Who told how it stands now, if not the event log."""


def observations(job: Subject, course: Course) -> Iterator[Observation]:
    """Yield what there is to say about one job: its executions, and its waiting."""
    for run in course.runs:
        last_word = job.teller == "condor_history" and run is course.runs[-1]
        said = Observation(
            str(job.teller) if last_word else SOURCE, job.native_id, "running", "running"
        )
        yield said._replace(submission=job.submission, **run)
    now = _now(job, course)
    if now is not None:
        yield now._replace(source=job.teller or SOURCE, submission=job.submission)


def _now(job: Subject, course: Course) -> Observation | None:
    """Return what there is to say beside the executions."""
    if course.state == "idle":
        said = Observation(SOURCE, job.native_id, "pending", "idle", course.trouble)
        return said._replace(submitted=course.waits)
    if course.state == "starting":
        node: str | None = course.held["node"]
        return Observation(SOURCE, job.native_id, "running", "running", node=node)
    if course.state == "held":
        return _held(job, course)
    if course.state == "removed" and not course.removed["told"]:
        return _removed(job, course)
    return None


def _held(job: Subject, course: Course) -> Observation:
    code, subcode, why = course.held["code"], course.held["subcode"], course.held["why"]
    meaning = hold(code, subcode)
    last = course.runs[-1] if course.runs else {}
    used = ""
    if meaning.cause == "oom" and last.get("peak") and last.get("memory"):
        used = f", peak {format_bytes(last['peak'])} of {format_bytes(last['memory'])}"
    return Observation(
        SOURCE,
        job.native_id,
        "held",
        f"held {code or 0}/{subcode or 0}",
        f"{meaning.meaning}: {why}{used}",
        cause=meaning.cause,
        advice=exact(meaning.advice, job.native_id, job.schedd),
    )


def exact(advice: str, native_id: str, schedd: str | None) -> str:
    """Complete the commands in an advice: which job, and where it is.

    >>> exact("condor_release lets it go on", "7.3", "submit.site")
    'condor_release -name submit.site 7.3 lets it go on'
    """
    where = f" -name {schedd}" if schedd else ""
    return _COMMAND.sub(lambda match: f"{match[0]}{where} {native_id}", advice)


def _removed(job: Subject, course: Course) -> Observation:
    """Say what became of a job that was removed while it did not run.

    What it was held for stays its cause, unless a user or a policy held it.
    """
    held, why = course.removed["held"], course.removed["why"]
    kind: Kind = "cancelled"
    if held:
        cause = hold(held["code"], held["subcode"]).cause
        why = f"{why}; it was held {held['code'] or 0}/{held['subcode'] or 0}: {held['why']}"
        if cause != "held_policy":
            kind = _AS_KIND[cause]
    said = Observation(SOURCE, job.native_id, kind, "removed", why)
    return said._replace(ended=course.removed["time"])


_AS_KIND: dict[str, Kind] = {
    "oom": "oom",
    "disk": "disk",
    "timeout": "timeout",
    "setup": "setup",
    "stage_in": "stage_in",
    "stage_out": "stage_out",
}
