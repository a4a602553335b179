"""Hosts on which work fails: where nothing succeeded, or where the node itself was lost."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

_FEW = 3
"""So many failures, and no success, make a host suspect."""
_ITS_OWN = ("node", "setup", "disk", "stage_in")
"""Causes that lie with a host at least as often as with the work."""


@dataclass(frozen=True, slots=True)
class BadHost:
    """A suspect host."""

    name: str
    failed: int
    attempts: int
    lost: int
    """Attempts that it took along when it went down."""

    def text(self) -> str:
        """Return for example ``n2 (12 of 12 attempts failed)``."""
        if self.lost:
            return f"{self.name} (lost with {self.lost} attempt{'s' * (self.lost != 1)})"
        return f"{self.name} ({self.failed} of {self.attempts} attempts failed)"


def bad_hosts(rows: Iterable[dict[str, Any]]) -> list[BadHost]:
    """Return the suspect hosts among the attempts of ``rows``, the worst first.

    A host is suspect when it was lost itself, or when at least three attempts failed there for
    causes that a host can have and none succeeded, while others succeeded elsewhere.
    """
    failed: dict[str, int] = defaultdict(int)
    lost: dict[str, int] = defaultdict(int)
    ran: dict[str, int] = defaultdict(int)
    good: dict[str, int] = defaultdict(int)
    for row in rows:
        for attempt in row["attempts"]:
            name = _name(attempt)
            if name is None:
                continue
            ran[name] += 1
            good[name] += attempt["state"] == "succeeded"
            lost[name] += attempt["cause"] == "node"
            failed[name] += attempt["cause"] in _ITS_OWN
    elsewhere = sum(good.values())
    found = [
        BadHost(name, failed[name], ran[name], lost[name])
        for name in ran
        if lost[name] or (failed[name] >= _FEW and not good[name] and elsewhere)
    ]
    return sorted(found, key=lambda host: (-host.lost, -host.failed, host.name))


def _name(attempt: dict[str, Any]) -> str | None:
    observed = attempt.get("observed") or {}
    name = attempt.get("node") or observed.get("node") or attempt.get("host")
    return str(name) if name else None
