"""States and causes: the closed vocabulary of verdicts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

State = Literal[
    "planned",
    "pending",
    "running",
    "held",
    "succeeded",
    "failed",
    "cancelled",
    "lost",
    "unknown",
]
Cause = Literal[
    "exit_code",
    "signal",
    "oom",
    "timeout",
    "disk",
    "node",
    "preempted",
    "stage_in",
    "stage_out",
    "held_policy",
    "cancelled",
    "setup",
    "bad_output",
    "vanished",
    "disagree",
]
STATES: tuple[str, ...] = get_args(State)
CAUSES: tuple[str, ...] = get_args(Cause)

SEVERAL_GOOD = "attempts are good, the first to end counts"
"""How the evidence of a shard ends that succeeded more than once."""
STORED_THE_SAME = "attempts stored the same bytes"
"""How it ends where that makes no difference: which of them counts is nobody's question."""

_BAD_STATES = frozenset(("failed", "cancelled", "lost", "held"))
_ALLOWED: dict[str, frozenset[str]] = {
    "failed": frozenset(CAUSES) - {"held_policy", "cancelled", "vanished", "disagree"},
    "cancelled": frozenset(("cancelled",)),
    "lost": frozenset(("vanished", "node", "oom", "timeout", "signal", "disk", "preempted")),
    "held": frozenset(("held_policy", "oom", "disk", "timeout", "stage_in", "stage_out", "setup")),
    "unknown": frozenset(("disagree",)),
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is known about an attempt or a shard, never without its evidence."""

    state: State
    cause: Cause | None
    evidence: str


def allowed(state: str, cause: str | None) -> bool:
    """Say whether the pair makes sense; the table in docs/verdicts.md is made from this."""
    if cause is None:
        return state not in ("failed", "cancelled", "lost", "held")
    return cause in _ALLOWED.get(state, frozenset())


def is_bad(state: str, cause: str | None) -> bool:
    """Say whether a shard stands in ``bad``: somebody has to do something about it."""
    return state in _BAD_STATES or cause == "disagree"
