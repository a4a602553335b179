"""How many shards run at once on this host."""

from __future__ import annotations

from dataclasses import dataclass

from manifest.errors import Refusal, UserError
from manifest.units import format_bytes
from runners.host_limits import HostLimits, host_limits


@dataclass(frozen=True, slots=True)
class Slots:
    """The number of slots, why so many, and what speaks against it."""

    count: int
    why: str
    warning: str | None = None


def choose_slots(
    *,
    cpus: int = 1,
    memory: int | None = None,
    jobs: int | None = None,
    reserve_cores: int = 0,
    limits: HostLimits | None = None,
) -> Slots:
    """Return the slots for jobs that ask `cpus` cores and `memory` bytes each.

    Args:
        cpus: cores a job asks for, at least 1.
        memory: bytes a job asks for; None: nothing asked.
        jobs: the user's own number; it wins, with a warning when memory does not allow it.
        reserve_cores: cores left to others.
        limits: what the host allows; read from it when None.

    Raises:
        UserError: a number that makes no sense.
        Refusal: not even one job fits.
    """
    host = limits or host_limits()
    by_memory = host.free_bytes // memory if memory and host.free_bytes is not None else None
    if jobs is not None:
        return _asked(jobs, by_memory, host, memory)
    if reserve_cores < 0:
        raise UserError(f"--reserve-cores {reserve_cores} is negative", hint="give 0 or more")
    usable = host.cores - reserve_cores
    by_cores = max(0, usable) // cpus
    if by_cores == 0:
        raise Refusal(
            f"no job fits: each asks {_cores(cpus)}, {_cores_text(host, reserve_cores)}",
            hint="lower resources.cpus or --reserve-cores, or say --jobs 1 to run one anyway",
        )
    if by_memory == 0:
        raise Refusal(
            f"no job fits: each asks {format_bytes(memory or 0)} of memory, "
            f"{format_bytes(host.free_bytes or 0)} are free ({host.memory_by})",
            hint="lower resources.memory, or say --jobs 1 to run one anyway",
        )
    why = f"{_cores_text(host, reserve_cores)}, {cpus} a job"
    if by_memory is None:
        return Slots(by_cores, why)
    free = format_bytes(host.free_bytes or 0)
    if by_memory < by_cores:
        return Slots(by_memory, f"{free} free, {format_bytes(memory or 0)} a job; {why}")
    return Slots(by_cores, f"{why}; {free} free would allow {by_memory}")


def _asked(jobs: int, by_memory: int | None, host: HostLimits, memory: int | None) -> Slots:
    if jobs < 1:
        raise UserError(f"--jobs {jobs} would run nothing", hint="give 1 or more")
    warning = None
    if by_memory is not None and by_memory < jobs:
        warning = (
            f"{jobs} jobs of {format_bytes(memory or 0)} ask for more than the "
            f"{format_bytes(host.free_bytes or 0)} that are free ({host.memory_by}): "
            f"{by_memory} would fit"
        )
    return Slots(jobs, f"--jobs {jobs}", warning)


def _cores_text(host: HostLimits, reserve_cores: int) -> str:
    text = _cores(host.cores)
    if host.cores_by != "affinity":
        text += f" ({host.cores_by})"
    return f"{text} less {reserve_cores} reserved" if reserve_cores else text


def _cores(count: int) -> str:
    return f"{count} core" if count == 1 else f"{count} cores"
