"""How long jobs took: which of them count, and what those come to.

A job counts when it is known to have done all its work. One that failed, or whose log holds a START
without its END, counts in no phase: part of its time would make the others look faster than they
are.
A tag that is damaged takes its job out of the phase it belongs to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from manifest.states import STATES
from manifest.timing import TOTAL
from outputs.tag_log import PROBLEMS, Pair
from reports.concurrency import Concurrency, concurrency
from reports.spread import Rate, Spread, rate, spread

OUTPUT = "output"
"""The quantity that is bytes."""
REASONS: Mapping[str, str] = {
    **{state: f"the shard is {state}" for state in STATES},
    "failed_log": "a line that failed jobs have",
    "unreadable": "its log cannot be read",
    **PROBLEMS,
}
"""Why a job does not count, in words."""


@dataclass(frozen=True, slots=True)
class TimedJob:
    """A shard, or a log that no shard is known of."""

    name: str
    shard: int | None = None
    component: str | None = None
    attempt: str | None = None
    log: str | None = None
    events: int | None = None
    output: int | None = None
    """Bytes of its outputs."""
    pairs: Mapping[str, Pair] = field(default_factory=dict)
    recorded: Pair | None = None
    """Its wall time as farmhand recorded it."""
    reason: str | None = None
    """Why it counts in no phase."""

    def seconds(self, phase: str) -> float | None:
        """Return how long a phase took, or None where that does not count."""
        pair = self.pairs.get(phase)
        return None if self.reason or pair is None else pair.seconds


@dataclass(frozen=True, slots=True)
class Quantity:
    """A phase, or the bytes of outputs."""

    name: str
    spread: Spread | None
    rate: Rate | None
    """What comes on one event, of the jobs whose events are known."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Jobs that do not count, for one reason."""

    phase: str | None
    """None: in no phase."""
    reason: str
    names: tuple[str, ...]

    def text(self) -> str:
        """Return the reason in words."""
        return (f"{self.phase}: " if self.phase else "") + REASONS[self.reason]


@dataclass(frozen=True, slots=True)
class Timing:
    """What the jobs come to."""

    jobs: Sequence[TimedJob]
    quantities: Sequence[Quantity]
    left_out: Sequence[LeftOut]
    counted: int
    """Jobs that count in one phase at least."""
    recorded: bool
    """Whether ``total`` is the wall time of the records, for no log has its tags."""
    again: tuple[str, ...]
    """Counted jobs whose logs hold several STARTs of a phase: the last counts."""
    concurrency: Concurrency | None

    @property
    def phases(self) -> list[str]:
        """Return the names of the phases."""
        return [one.name for one in self.quantities if one.name != OUTPUT]


def timing(found: Sequence[TimedJob]) -> Timing:
    """Judge the jobs and count those that have done all their work."""
    recorded = not _any_tags(found, TOTAL) and any(job.recorded for job in found)
    jobs = [_judged(job, recorded=recorded) for job in found]
    phases = [name for name in _phase_names(jobs) if _any_tags(jobs, name)]
    counted = [job for job in jobs if any(job.seconds(name) is not None for name in phases)]
    quantities = [_quantity(name, jobs, _phase(name)) for name in phases]
    if any(job.output is not None for job in counted):
        quantities.append(_quantity(OUTPUT, counted, lambda job: job.output))
    ran = [job.pairs[TOTAL] for job in counted if job.seconds(TOTAL) is not None]
    spans = [(pair.start, pair.end) for pair in ran]
    return Timing(
        jobs=jobs,
        quantities=quantities,
        left_out=_left_out(jobs, phases),
        counted=len(counted),
        recorded=recorded,
        again=tuple(
            job.name for job in counted if any(pair.starts > 1 for pair in job.pairs.values())
        ),
        concurrency=concurrency((a, b) for a, b in spans if a is not None and b is not None),
    )


def sizes_and(
    jobs: Sequence[TimedJob], of: Callable[[TimedJob], float | None]
) -> list[tuple[int, float]]:
    """Return (events, value) of the jobs that have both."""
    both = ((job.events, of(job)) for job in jobs)
    return [(size, value) for size, value in both if size and value is not None]


def _phase(name: str) -> Callable[[TimedJob], float | None]:
    return lambda job: job.seconds(name)


def _quantity(
    name: str, jobs: Sequence[TimedJob], of: Callable[[TimedJob], float | None]
) -> Quantity:
    values = [value for job in jobs if (value := of(job)) is not None]
    return Quantity(name, spread(values), rate(sizes_and(jobs, of)))


def _any_tags(jobs: Sequence[TimedJob], phase: str) -> bool:
    pairs = (job.pairs.get(phase) for job in jobs)
    return any(pair is not None and pair.problem != "no_tags" for pair in pairs)


def _phase_names(jobs: Sequence[TimedJob]) -> list[str]:
    return list(dict.fromkeys(name for job in jobs for name in job.pairs))


def _judged(job: TimedJob, *, recorded: bool) -> TimedJob:
    if job.reason:
        return job
    if recorded:
        total = job.recorded or Pair(problem="no_wall_time", starts=0)
        job = replace(job, pairs={TOTAL: total, **_without(job.pairs, TOTAL)})
    if not job.pairs:
        return replace(job, reason="unreadable")
    if any(pair.problem == "unfinished" for pair in job.pairs.values()):
        return replace(job, reason="unfinished")
    return job


def _without(pairs: Mapping[str, Pair], name: str) -> dict[str, Pair]:
    return {phase: pair for phase, pair in pairs.items() if phase != name}


def _left_out(jobs: Sequence[TimedJob], phases: Sequence[str]) -> list[LeftOut]:
    found: dict[tuple[str | None, str], list[str]] = {}
    for job in jobs:
        for phase, reason in _reasons(job, phases):
            found.setdefault((phase, reason), []).append(job.name)
    order: list[str | None] = [None, *phases]
    groups = sorted(found.items(), key=lambda item: (order.index(item[0][0]), -len(item[1])))
    return [LeftOut(phase, reason, tuple(names)) for (phase, reason), names in groups]


def _reasons(job: TimedJob, phases: Sequence[str]) -> Iterator[tuple[str | None, str]]:
    if job.reason:
        yield None, job.reason
        return
    for phase in phases:
        pair = job.pairs.get(phase)
        if pair is None or pair.problem:
            yield phase, "no_tags" if pair is None else str(pair.problem)
