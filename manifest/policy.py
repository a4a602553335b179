"""Policy: from a verdict to what resubmit does about it, and with which resources."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import takewhile
from typing import Any

from manifest.resources import Resources
from manifest.spec import Retry

_AGAIN = {"node", "preempted", "vanished"}
_COPIES = {"stage_in", "stage_out"}
_ONCE_MORE = {"exit_code", "signal", "bad_output"}
_RAISE = {
    "oom": ("memory", Fraction(2)),
    "timeout": ("walltime", Fraction(3, 2)),
    "disk": ("disk", Fraction(2)),
}
_ACTIONS = {"more_memory": "oom", "more_walltime": "timeout", "more_disk": "disk"}
_FATAL_AFTER = 2  # failures for the same reason
_HOPELESS_AFTER = 5  # one after another, at a store: one that is down comes back


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a shard is submitted again, with what, and why (not)."""

    again: bool
    resources: Resources
    why: str


def decide(
    cause: str | None,
    attempts: list[dict[str, Any]],
    asked: Resources,
    retry: Retry,
    *,
    forced: bool = False,
) -> Decision:
    """Decide about one bad shard.

    Args:
        cause: of the shard's verdict.
        attempts: all its attempts, judged, oldest first.
        asked: the resources of its latest submission.
        retry: the spec's own policy.
        forced: the user named this shard or cause.
    """
    last = attempts[-1] if attempts else {}
    action = retry.exit_codes.get(last.get("exit_code") or 0)
    if action == "never" and not forced:
        return Decision(False, asked, f"retry: exit code {last['exit_code']} is never tried again")
    kind = _ACTIONS.get(action or "", cause)
    if kind in _RAISE:
        return _raised(kind, _of_last_job(attempts), asked, retry, forced=forced)
    if cause == "bad_output" and any(attempt.get("destination") for attempt in attempts):
        why = "again: it is not at its destination as it was stored"
        return Decision(True, asked, why) if forced else _again(cause, attempts, asked, why)
    if forced or action == "again" or cause in _AGAIN:
        return Decision(True, asked, "again, same resources")
    if cause in _COPIES:
        return _again(cause, attempts, asked, "again, same resources")
    if cause in _ONCE_MORE:
        same = sum(attempt["cause"] == cause for attempt in _since_progress(attempts))
        if same < _FATAL_AFTER:
            return Decision(True, asked, "once more, same resources")
        return Decision(
            False, asked, f"{same} attempts ended in {cause}; not tried again by itself"
        )
    return Decision(False, asked, f"{cause} needs a hand first; it is not tried again by itself")


def _since_progress(attempts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the attempts from the last one on that finished items no earlier one had."""
    for number in range(len(attempts) - 1, 0, -1):
        if (attempts[number].get("ledger") or {}).get("new"):
            return attempts[number:]
    return attempts


def _again(cause: str, attempts: list[dict[str, Any]], asked: Resources, why: str) -> Decision:
    """Decide about what a store did not take or keep: again, but not for ever."""
    ended = [attempt for attempt in attempts if attempt["cause"] or attempt["state"] == "succeeded"]
    same = list(takewhile(lambda attempt: attempt["cause"] == cause, reversed(ended)))
    if len(same) < _HOPELESS_AFTER:
        return Decision(True, asked, why)
    return Decision(
        False,
        asked,
        f"the last {_HOPELESS_AFTER} attempts or more ended in {cause}; look at the evidence "
        "(farmhand check), at the store and at credentials. When they are right again: "
        f"farmhand resubmit --execute --cause {cause}",
    )


def _of_last_job(attempts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the attempts of the last job: what is held was started before, and measured then."""
    native = attempts[-1].get("native_id") if attempts else None
    if native is None:
        return attempts[-1:]
    return [attempt for attempt in attempts if attempt.get("native_id") == native]


def _raised(
    kind: str, job: list[dict[str, Any]], asked: Resources, retry: Retry, *, forced: bool
) -> Decision:
    name, factor = _RAISE[kind]
    now = getattr(asked, name)
    found = [_seen(kind, attempt) for attempt in job]
    if now is None:  # nothing was asked for, so the site's own limit stood
        found += [_limit(kind, attempt) for attempt in job]
    seen = max((value for value in found if value is not None), default=None)
    larger = max((value for value in (now, seen) if value is not None), default=None)
    if larger is None:
        return Decision(True, asked, f"again; no {name} was asked for, so none is raised")
    wanted = -int(-larger * factor // 1)
    cap = getattr(retry, f"max_{name}")
    if cap is not None and wanted > cap:
        wanted = cap
        if now is not None and wanted <= now:
            return Decision(forced, asked, f"{name} is already at its cap (retry.max_{name})")
    return Decision(True, asked.model_copy(update={name: wanted}), f"{name} raised")


def _seen(kind: str, attempt: dict[str, Any]) -> int | None:
    if kind == "oom":
        observed = attempt.get("observed") or {}
        peaks = ((attempt.get("peak") or {}).get("bytes"), observed.get("peak"))
        return max((int(peak) for peak in peaks if peak), default=None)
    if kind == "timeout" and attempt.get("wall_s") is not None:
        return int(attempt["wall_s"])
    return None


def _limit(kind: str, attempt: dict[str, Any]) -> int | None:
    """Return the limit that the scheduler had set."""
    observed = attempt.get("observed") or {}
    value = observed.get({"oom": "memory", "timeout": "limit_s"}.get(kind, ""))
    return None if value is None else int(value)
