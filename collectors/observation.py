"""What a scheduler says about one execution of a shard, in words that all schedulers share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from manifest.states import Cause

Kind = Literal[
    "pending",
    "held",
    "running",
    "completed",
    "failed",
    "setup",
    "oom",
    "disk",
    "timeout",
    "node",
    "preempted",
    "cancelled",
    "requeued",
    "stage_in",
    "stage_out",
    "vanished",
    "unknown",
]
LIVE = frozenset(("pending", "held", "running", "unknown"))
"""Kinds that may change yet. Unknown: the scheduler itself cannot say, so nothing is concluded."""


_NOT_KEPT = ("native_id", "submission")  # the attempt has them


class Observation(NamedTuple):
    """One execution of one native id, or its waiting. Absent facts are None, never 0."""

    source: str
    """Who says so: sacct, event log, job report."""
    native_id: str
    kind: Kind
    state: str
    """The scheduler's own word, such as OUT_OF_MEMORY."""
    why: str = ""
    """What else it says, in words."""
    code: int | None = None
    signal: int | None = None
    submitted: float | None = None
    """Seconds since the epoch, of what waits: since when it does."""
    started: float | None = None
    """None: not started."""
    ended: float | None = None
    node: str | None = None
    peak: int | None = None
    """Bytes."""
    memory: int | None = None
    """Bytes that were asked for."""
    cpus: int | None = None
    cpu_s: float | None = None
    limit_s: int | None = None
    preliminary: bool = False
    """It has ended, and somebody else may yet say more about how."""
    weak: bool = False
    """Nobody was asked: what a scheduler answered before counts for more."""
    oom: bool = False
    """Something in the job was killed for its memory, whatever the job itself came to."""
    submission: int | None = None
    cause: Cause | None = None
    """Of what is held: why, if not for a policy."""
    advice: str = ""
    """Of what is held: what to do about it."""
    packed: bool = False
    """The job runs several shards: its end is that of one of them."""

    def facts(self) -> dict[str, Any]:
        """Return what the manifest keeps of it: what is known, and no more."""
        # Not "falsy": an exit code of 0 is known.
        return {
            name: value
            for name, value in zip(self._fields, self, strict=True)
            if value is not None and value is not False and value != "" and name not in _NOT_KEPT
        }


@dataclass(frozen=True, slots=True)
class Observed:
    """The answers of a scheduler, by shard."""

    shards: Mapping[int, list[Observation]] = field(default_factory=dict)
    queue: str | None = None
    """Who listed all that waits or runs (squeue); None: nobody, so nothing is known to be gone."""
    asked: float = 0.0
    schedulers: frozenset[str] = frozenset()
    """Of whose attempts this tells."""
    jobs: Mapping[int, frozenset[str]] = field(default_factory=dict)
    """The ids of the jobs of each submission, without elements."""
    modes: Mapping[int, str] = field(default_factory=dict)
    """Which of a scheduler's several ways was taken, by submission, where that can be told."""
    begun: frozenset[str] | None = None
    """Native ids with a record; None where no job runs several shards."""
    notes: tuple[str, ...] = ()
    """What the user should know about the asking."""
