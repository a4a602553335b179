"""The words between the pool and its caller: jobs in, events and a result out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping


class Ask(NamedTuple):
    """What a job asks for; no memory: not said."""

    cpus: int = 1
    memory: int | None = None


NOTHING_SAID = Ask()


@dataclass(frozen=True, slots=True)
class Job:
    """One call of the payload."""

    shard: int
    argv: tuple[str, ...]
    ask: Ask = NOTHING_SAID


@dataclass(frozen=True, slots=True)
class Adopted:
    """A payload that lives on from an earlier pool; never started again, ended with the rest."""

    shard: int
    pid: int
    pid_start: int
    ask: Ask = NOTHING_SAID


@dataclass(frozen=True, slots=True)
class Ended:
    """How a job's payload ended.

    ``status`` is wait(2)'s word, ``code`` the exit code or 128 + signal. ``peak_bytes`` is the
    largest resident set of one process (``peak_source`` wait4), or what all of the job's processes
    were seen to hold together where that is more (sampled); None where neither is known.
    """

    shard: int
    pid: int
    status: int
    code: int
    wall_s: float
    cpu_s: float
    peak_bytes: int | None
    peak_source: str | None
    started_at: float


@dataclass(frozen=True, slots=True)
class Seen:
    """What a pool sees of itself while it runs; memory by process id of the payload."""

    in_use: Mapping[int, int]
    peaks: Mapping[int, int]
    adopted: frozenset[int] = frozenset()
    """Process ids of the adopted payloads that live."""
    waiting: str | None = None
    """Why a job that would have a slot waits."""
    stopping: bool = False


class Listener(Protocol):
    """Who is told what happens, from within `run_pool`; it must be quick and start no process."""

    def started(self, job: Job, pid: int) -> None:
        """A payload was started."""

    def ended(self, ended: Ended) -> None:
        """A payload ended; its slot is filled again after this call."""

    def tick(self, seen: Seen) -> None:
        """Time passed; called at least every 0.25 s, whether or not something ends."""

    def told(self, text: str) -> None:
        """Take note of what the pool did of its own accord."""


@dataclass(frozen=True, slots=True)
class PoolResult:
    """What became of the jobs.

    Args:
        done: jobs that ended, `ok` with code 0, `failed` with another.
        not_started: jobs never begun (of `total`).
        stopped_by: the signal that stopped the pool.
        why_stopped: a sentence, when the pool stopped before all jobs were begun or ended.
        adopted_ended: shards of adopted payloads that ended meanwhile.
        unended: ids of processes that survived KILL (they hang in the kernel), normally none.
        journal_error: what could not be written to the journal.
    """

    done: int
    ok: int
    failed: int
    not_started: int
    stopped_by: int | None
    why_stopped: str | None
    adopted_ended: tuple[int, ...] = ()
    unended: tuple[int, ...] = ()
    journal_error: str | None = None
