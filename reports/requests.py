"""What good attempts used beside what they had asked for, and what to ask for next time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from reports.spread import quantile

_MARGIN = 1.25
"""The next jobs are not these: a quarter more than the largest that was seen."""
_FEW = 10
"""Of fewer, the largest says little about the next one."""
_MINUTE, _HOUR = 60, 3600
_MB = 1 << 20
_LACKED = {"walltime": "timeout", "memory": "oom"}
_HALF = 0.5


@dataclass(frozen=True, slots=True)
class Request:
    """One resource of one component."""

    component: str | None
    what: str
    """``walltime`` (seconds), ``memory`` (bytes) or ``cpus``."""
    asked: tuple[float, ...]
    """What the good attempts had asked for, ascending; none: nothing was asked."""
    median: float | None
    most: float | None
    known: int
    """Good attempts of which the use is known."""
    unknown: int
    lacking: int
    """Shards that are bad now for want of it."""
    suggested: float | None

    @property
    def is_sure(self) -> bool:
        """Return whether enough were seen for the largest to say something."""
        return self.known >= _FEW

    def as_json(self) -> dict[str, Any]:
        """Return what ``report --json`` says of it."""
        return {
            "component": self.component,
            "resource": self.what,
            "asked": list(self.asked),
            "median": self.median,
            "max": self.most,
            "known": self.known,
            "unknown": self.unknown,
            "lacking": self.lacking,
            "suggested": self.suggested,
        }


@dataclass(slots=True)
class _Used:
    asked: set[float] = field(default_factory=set)
    values: list[float] = field(default_factory=list)
    unknown: int = 0


class Requests:
    """Gathers what accepted attempts used; one ``add`` a shard."""

    def __init__(self, resources: Mapping[int, Mapping[str, Any]]) -> None:
        """``resources``: what each submission asked for."""
        self._resources = resources
        self._used: dict[tuple[str | None, str], _Used] = {}
        self._lacking: Counter[tuple[str | None, str]] = Counter()

    def add(self, component: str | None, row: dict[str, Any]) -> None:
        """Add a shard's result."""
        for what, cause in _LACKED.items():
            self._lacking[component, what] += row["cause"] == cause and row["state"] != "succeeded"
        accepted = set(row["accepted_attempts"])
        for attempt in row["attempts"]:
            if attempt["attempt"] in accepted:
                self._add_attempt(component, attempt)

    def _add_attempt(self, component: str | None, attempt: dict[str, Any]) -> None:
        asked = self._resources.get(attempt.get("submission") or 0, {})
        observed = attempt.get("observed") or {}
        wall, cpu = attempt.get("wall_s"), attempt.get("cpu_s")
        peaks = ((attempt.get("peak") or {}).get("bytes"), observed.get("peak"))
        memory = max((float(peak) for peak in peaks if peak), default=None)
        cores = cpu / wall if wall and cpu is not None else None
        for what, value in (("walltime", wall), ("memory", memory), ("cpus", cores)):
            used = self._used.setdefault((component, what), _Used())
            if asked.get(what) is not None:
                used.asked.add(float(asked[what]))
            if value is None:
                used.unknown += 1
            else:
                used.values.append(float(value))

    def rows(self) -> Iterator[Request]:
        """Yield the table, component by component."""
        for (component, what), used in self._used.items():
            ordered = sorted(used.values)
            lacking = self._lacking[component, what]
            yield Request(
                component=component,
                what=what,
                asked=tuple(sorted(used.asked)),
                median=quantile(ordered, 0.5) if ordered else None,
                most=ordered[-1] if ordered else None,
                known=len(ordered),
                unknown=used.unknown,
                lacking=lacking,
                suggested=_suggested(what, ordered, used.asked, lacking),
            )


def _suggested(what: str, ordered: list[float], asked: set[float], lacking: int) -> float | None:
    if not ordered or lacking:  # what lacked it needs more than any good one had
        return None
    if what == "cpus":
        most = max(asked, default=0.0)
        busy = quantile(ordered, 0.5)
        return float(max(1, -int(-busy // 1))) if most > 1 and busy < most * _HALF else None
    if what == "walltime":
        return round_up_time(ordered[-1] * _MARGIN)
    return round_up_memory(ordered[-1] * _MARGIN)


def round_up_time(seconds: float) -> float:
    """Return a walltime that a person would write, not below ``seconds``.

    >>> round_up_time(7.5), round_up_time(400), round_up_time(8000), round_up_time(100000)
    (60.0, 600.0, 9000.0, 100800.0)
    """
    for limit, grain in ((5 * _MINUTE, _MINUTE), (_HOUR, 5 * _MINUTE), (12 * _HOUR, _HOUR // 2)):
        if seconds <= limit:
            return float(-int(-seconds // grain) * grain)
    return float(-int(-seconds // _HOUR) * _HOUR)


def round_up_memory(amount: float) -> float:
    """Return a memory that a person would write, not below ``amount`` bytes.

    >>> round_up_memory(30e6) / 2**20, round_up_memory(1.2e9) / 2**20, round_up_memory(5e9) / 2**30
    (50.0, 1200.0, 5.0)
    """
    for limit, grain in ((500 * _MB, 50 * _MB), (2048 * _MB, 100 * _MB)):
        if amount <= limit:
            return float(-int(-amount // grain) * grain)
    return float(-int(-amount // (512 * _MB)) * 512 * _MB)
