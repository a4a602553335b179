"""Attempts by host, and the hosts on which work fails more often than chance would have it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from reports.amounts import short_time

_FEW = 3
"""Fewer failures say nothing about a host."""
_CHANCE = 0.01
"""A host stands out when luck explains less than this, over all hosts."""
_ITS_OWN = ("node", "setup", "disk", "stage_in")
"""Causes that lie with a host at least as often as with the work."""
_NOT_ITS_OWN = ("oom", "timeout", "preempted", "held_policy")
"""Causes that lie with what was asked for, or with the queue."""
_SHOWN = 20


@dataclass(slots=True)
class Host:
    """What became of the attempts on one host that have ended."""

    name: str
    succeeded: int = 0
    failed: int = 0
    """Failed, lost and held ones."""
    causes: Counter[str] = field(default_factory=Counter)
    """Of those."""
    within_s: float | None = None
    """The longest that a failed one took; None: not known of any."""
    stands_out: bool = False

    @property
    def attempts(self) -> int:
        """Return how many ended, cancelled ones not counted."""
        return self.succeeded + self.failed

    @property
    def lost(self) -> int:
        """Return how many attempts it took along when it went down."""
        return self.causes["node"]

    @property
    def blamed(self) -> int:
        """Return how many failures may be the host's fault."""
        return self.failed - sum(self.causes[cause] for cause in _NOT_ITS_OWN)

    def as_json(self) -> dict[str, Any]:
        """Return what ``check --json`` lists."""
        return {
            "host": self.name,
            "attempts": self.attempts,
            "succeeded": self.succeeded,
            "failed": self.failed,
            "within_s": self.within_s,
            "causes": dict(self.causes.most_common()),
            "stands_out": self.stands_out,
        }


class HostCount:
    """Counts attempts by host; one ``add`` a shard."""

    def __init__(self) -> None:
        """Begin with none."""
        self._found: dict[str, Host] = {}

    def add(self, row: dict[str, Any]) -> None:
        """Add the attempts of a shard."""
        for attempt in row["attempts"]:
            name = host_of(attempt)
            if name is not None:
                _count(self._found.setdefault(name, Host(name)), attempt)

    def hosts(self) -> list[Host]:
        """Return the hosts; those that stand out first, then by failures.

        A host stands out when it went down itself; when at least three attempts failed there for
        causes that are a host's own, none succeeded, and others did elsewhere; or when so many
        failures there would come about by chance, at the rate of the other hosts, less than once in
        a hundred times (binomial tail, times the number of hosts).
        """
        hosts = [host for host in self._found.values() if host.attempts]
        ended = sum(host.attempts for host in hosts)
        good = sum(host.succeeded for host in hosts)
        blamed = sum(host.blamed for host in hosts)
        for host in hosts:
            # Laplace's rule of succession: no failure in 3 is not a rate of 0
            elsewhere = (blamed - host.blamed + 1) / (ended - host.attempts + 2)
            chance = _tail(host.blamed, host.attempts, elsewhere) * len(hosts)
            own = sum(host.causes[cause] for cause in _ITS_OWN)
            host.stands_out = (
                host.lost > 0
                or (own >= _FEW and not host.succeeded and good > 0)
                or (host.blamed >= _FEW and good > host.succeeded and chance < _CHANCE)
            )
        return sorted(hosts, key=lambda one: (not one.stands_out, -one.lost, -one.failed, one.name))


def by_host(rows: Iterable[dict[str, Any]]) -> list[Host]:
    """Return ``HostCount.hosts`` of all ``rows``."""
    counted = HostCount()
    for row in rows:
        counted.add(row)
    return counted.hosts()


def host_of(attempt: dict[str, Any]) -> str | None:
    """Return where an attempt ran, if that is known."""
    observed = attempt.get("observed") or {}
    name = attempt.get("node") or observed.get("node") or attempt.get("host")
    return str(name) if name else None


def _count(host: Host, attempt: dict[str, Any]) -> None:
    if attempt["state"] == "succeeded":
        host.succeeded += 1
    elif attempt["state"] in ("failed", "lost", "held"):
        host.failed += 1
        host.causes[attempt["cause"] or attempt["state"]] += 1
        took = _took(attempt)
        if took is not None:
            host.within_s = max(host.within_s or 0.0, took)


def _took(attempt: dict[str, Any]) -> float | None:
    if attempt.get("wall_s") is not None:
        return float(attempt["wall_s"])
    observed = attempt.get("observed") or {}
    start = attempt.get("started") or observed.get("started")
    end = attempt.get("ended") or observed.get("ended")
    return max(0.0, end - start) if start and end else None


def _tail(least: int, number: int, rate: float) -> float:
    """Return the chance of at least ``least`` of ``number``, each with the chance ``rate``.

    >>> round(_tail(3, 3, 0.1), 6), _tail(0, 5, 0.2)
    (0.001, 1.0)
    """
    if least <= 0:
        return 1.0
    if rate >= least / number:
        return 1.0  # no more than expected, and nothing has to be known exactly
    whole = math.lgamma(number + 1)
    logs = (
        whole
        - math.lgamma(hits + 1)
        - math.lgamma(number - hits + 1)
        + hits * math.log(rate)
        + (number - hits) * math.log1p(-rate)
        for hits in range(least, number + 1)
    )
    return min(1.0, math.fsum(map(math.exp, logs)))


def standing_out(hosts: Iterable[Host]) -> list[Host]:
    """Return those that stand out, in their order."""
    return [host for host in hosts if host.stands_out]


def host_lines(hosts: list[Host], only: list[Host] | None = None) -> Iterator[str]:
    """Yield a table of the hosts on which something failed.

    Args:
        hosts: of ``by_host``.
        only: of these, the ones to name; all others share one line, to compare with.
    """
    wanted = [host for host in hosts if host.failed] if only is None else only
    shown = wanted[:_SHOWN]
    named = {host.name for host in shown}
    column = max((len(host.name) for host in shown), default=0)
    column = max(min(column, 40), len("all others"))
    yield f"{'host':<{column}}  {'failed':>14}  {'within':>7}  why"
    for host in shown:
        yield _line(column, host)
    others = [host for host in hosts if host.name not in named]
    if others:
        yield _line(column, _together(others))


def _line(column: int, host: Host) -> str:
    within = "" if not host.failed else "?" if host.within_s is None else short_time(host.within_s)
    failed = f"{host.failed} of {host.attempts}"
    why = ", ".join(f"{count} {cause}" for cause, count in host.causes.most_common(3))
    return f"{host.name:<{column}}  {failed:>14}  {within:>7}  {why}".rstrip()


def _together(hosts: list[Host]) -> Host:
    walls = [host.within_s for host in hosts if host.within_s is not None]
    return Host(
        "all others",
        sum(host.succeeded for host in hosts),
        sum(host.failed for host in hosts),
        sum((host.causes for host in hosts), Counter()),
        max(walls, default=None),
    )
