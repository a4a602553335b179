"""How much of this host a pool may use, and which jobs can never have it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from manifest.errors import Refusal, UserError
from manifest.layout import ranges
from manifest.units import format_bytes
from runners.host_limits import HostLimits, host_limits
from runners.job import Ask

_LISTED = 8


@dataclass(frozen=True, slots=True)
class Room:
    """What the jobs of a pool may use together; None: no limit."""

    jobs: int | None = None
    cores: int | None = None
    memory: int | None = None
    memory_by: str = ""
    """Whose word that is, for people."""
    watched: bool = False
    """Whether the memory is what was free at the start, so that others may take of it."""
    jobs_by: str = "--jobs"
    """Whose word the number of jobs is."""

    def at_once(self, ask: Ask) -> int | None:
        """Return how many such jobs fit beside each other; None: any number."""
        counts = [self.jobs] if self.jobs is not None else []
        if self.cores is not None:
            counts.append(self.cores // ask.cpus)
        if self.memory is not None and ask.memory:
            counts.append(self.memory // ask.memory)
        return min(counts, default=None)

    def text(self, asks: Iterable[Ask]) -> str:
        """Return how many jobs run at a time, and why, for people."""
        known = list(asks)
        counts = sorted({n for ask in known if (n := self.at_once(ask)) is not None})
        if not counts:
            number = "all"
        elif len(counts) == 1:
            number = f"{counts[0]}"
        else:
            number = f"{counts[0]} to {counts[-1]}"
        why = []
        if self.jobs is not None:
            why.append(f"{self.jobs_by} {self.jobs}")
        if self.cores is not None:
            why.append(_cores(self.cores))
        needs = sorted({ask.memory for ask in known if ask.memory})
        if self.memory is not None and needs:
            each = " to ".join(map(format_bytes, {needs[0]: 0, needs[-1]: 0}))
            why.append(f"{format_bytes(self.memory)} {self.memory_by}, {each} a job")
        return f"{number} at a time ({'; '.join(why)})"


def room_here(  # noqa: PLR0913 (all by name)
    *,
    jobs: int | None = None,
    memory: int | None = None,
    memory_by: str = "by --memory",
    jobs_by: str = "--jobs",
    reserve_cores: int = 0,
    in_use: int = 0,
    limits: HostLimits | None = None,
) -> Room:
    """Return what a pool may use of this host.

    Args:
        jobs: the user's own number of jobs at a time; cores are not counted then.
        memory: bytes for all jobs together by the user's or the site's word; None: what is free.
        memory_by: whose word that is.
        jobs_by: whose word the number of jobs is.
        reserve_cores: cores left to others.
        in_use: bytes that jobs of this run hold already.
        limits: what the host allows; read from it when None.

    Raises:
        UserError: a number that makes no sense.
        Refusal: no core is left.
    """
    if jobs is not None and jobs < 1:
        raise UserError(f"--jobs {jobs} would run nothing", hint="give 1 or more")
    if reserve_cores < 0:
        raise UserError(f"--reserve-cores {reserve_cores} is negative", hint="give 0 or more")
    if memory is not None and memory < 1:
        raise UserError("--memory 0 would run nothing", hint="give what the jobs may use together")
    host = limits or host_limits()
    cores = None
    if jobs is None:
        cores = host.cores - reserve_cores
        if cores < 1:
            raise Refusal(
                f"no job fits: {_cores(host.cores)} less {reserve_cores} reserved",
                hint="lower --reserve-cores, or say --jobs 1 to run one anyway",
            )
    if memory is not None:
        return Room(jobs, cores, memory, memory_by, jobs_by=jobs_by)
    if host.free_bytes is None:
        return Room(jobs, cores, jobs_by=jobs_by)
    free = host.free_bytes + in_use
    return Room(jobs, cores, free, f"free by {host.memory_by}", watched=True, jobs_by=jobs_by)


def refuse_unfit(asks: Mapping[int, Ask], room: Room, names: Mapping[int, str]) -> None:
    """Refuse, before anything starts, shards that could never start.

    Raises:
        Refusal: with the shards that would fit, for ``--shards``.
    """
    memory, cores = room.memory, room.cores
    big = [s for s, a in asks.items() if a.memory and memory is not None and a.memory > memory]
    wide = [s for s, a in asks.items() if cores is not None and a.cpus > cores]
    if not big and not wide:
        return
    unfit = {*big, *wide}
    what = []
    if big and memory is not None:
        most = max(big, key=lambda shard: asks[shard].memory or 0)
        what.append(
            f"{_who(big, names)} {_ask(big)} {format_bytes(asks[most].memory or 0)} of "
            f"memory, and the pool has {format_bytes(memory)} ({room.memory_by})"
        )
    if wide and cores is not None:
        most = max(wide, key=lambda shard: asks[shard].cpus)
        what.append(
            f"{_who(wide, names)} {_ask(wide)} {_cores(asks[most].cpus)}, and the pool "
            f"has {_cores(cores)}"
        )
    ways = ["run them on a larger machine"]
    others = [shard for shard in asks if shard not in unfit]
    if others:
        ways.insert(0, f"run the others: --shards {ranges(others)}")
    if big:
        ways.append("or say what the pool may use: --memory SIZE")
    if wide:
        ways.append("or say --jobs 1 to run one anyway")
    raise Refusal("nothing was started: " + "; ".join(what), hint="; ".join(ways))


def _who(shards: list[int], names: Mapping[int, str]) -> str:
    if len(shards) == 1:
        return f"shard {shards[0]} ({names[shards[0]]})"
    more = ",..." if len(shards) > _LISTED else ""
    return f"{len(shards)} shards ({ranges(shards[:_LISTED])}{more})"


def _ask(shards: list[int]) -> str:
    return "asks for" if len(shards) == 1 else "ask for up to"


def _cores(count: int) -> str:
    return f"{count} core" if count == 1 else f"{count} cores"
