"""Verdicts where a scheduler has spoken: of attempts without an end, and beside the records'."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from collectors.observation import LIVE
from collectors.records import Attempt
from collectors.words import signal_name, with_text
from manifest.states import Cause, State, Verdict
from manifest.units import format_bytes, format_duration, format_time

NFS_LAG_S = 120  # attributes of files on NFS may be a minute old: nfs(5), acregmax
_NEAR = 0.5
_RESERVED = {
    90: "the plan was changed after this was rendered",
    91: "the job could not be set up: see the scheduler's own output in logs/",
}
_KILLED = 137
"""The exit code of what SIGKILL ended: for its memory, or with everything else on its node."""
_ENDED: dict[str, tuple[State, Cause]] = {
    "setup": ("failed", "setup"),
    "oom": ("failed", "oom"),
    "disk": ("failed", "disk"),
    "timeout": ("failed", "timeout"),
    "node": ("lost", "node"),
    "preempted": ("lost", "preempted"),
    "cancelled": ("cancelled", "cancelled"),
    "requeued": ("cancelled", "cancelled"),
    "stage_in": ("failed", "stage_in"),
    "stage_out": ("failed", "stage_out"),
    "vanished": ("lost", "vanished"),
}
_STOPPED = ("oom", "timeout", "node", "preempted", "cancelled", "requeued")
"""How a scheduler ends what runs: the code that it then shows is not the command's."""

_IN_WORDS = ("job report", "bjobs", "bhist", "bacct")
"""Sources whose own words tell the code."""

Said = dict[str, Any]
"""An observation as the manifest keeps it."""


def observed_verdict(
    attempt: Attempt, said: Said, now: float, tail: Callable[[Attempt], str], *, remote: bool
) -> Verdict | None:
    """Judge an attempt that has no end record by what the scheduler said; None: it does not know.

    ``remote``: it ran elsewhere, so that an end record may yet come to light here.
    """
    kind = said.get("kind")
    if kind is None or (kind in LIVE and "absent" in said):
        return _absent(said, now, with_text(tail(attempt)))
    if kind in LIVE:
        return _live(said)
    if kind in ("completed", "failed"):
        return _ended_unrecorded(attempt, said, now, tail, remote=remote)
    state, cause = _ENDED[kind]
    return Verdict(state, cause, account(said, attempt) + with_text(tail(attempt)))


def _live(said: Said) -> Verdict:
    state: State = said["kind"]
    where = f" on {said['node']}" if said.get("node") else ""
    asked = f" ({said['source']}, {format_time(said['asked'])})"
    text = f"{said['state']}{where}{with_text(said.get('why', ''))}{asked}"
    if state != "held":
        return Verdict(state, None, text)
    return Verdict(
        state, said.get("cause", "held_policy"), text + with_text(said.get("advice", ""))
    )


def _absent(said: Said, now: float, tail: str) -> Verdict | None:
    who, since = said["absent"], said["since"]
    if now - since < NFS_LAG_S:
        return Verdict(
            "unknown",
            None,
            f"no longer listed by {who}, and no end record yet; ask again in two minutes",
        )
    text = f"not listed by {who} since {format_time(since)}, and no end record"
    if said.get("state"):
        text += f"; {said['source']} had said {said['state']}"
    return Verdict("lost", "vanished", text + tail)


def _ended_unrecorded(
    attempt: Attempt, said: Said, now: float, tail: Callable[[Attempt], str], *, remote: bool
) -> Verdict:
    recorded = attempt["dir"] is not None
    code, number = said.get("code", 0), said.get("signal", 0)
    told = account(said, attempt)
    ended: float = said.get("ended") or said.get("asked") or now
    if code in _RESERVED and not recorded:  # the wrapper's own: there is no record to come
        return Verdict("failed", "setup", f"{_RESERVED[code]} ({told}, no record)")
    if remote and now - ended < NFS_LAG_S:
        late = "its end record is" if recorded else "its records are"
        return Verdict("unknown", None, f"{told}; it ended moments ago, and {late} not here yet")
    missing = "no end record" if recorded else "no record"
    if said["kind"] == "completed":
        return Verdict("unknown", "disagree", f"{told}, but there is {missing}")
    text = f"{told}, {missing}"
    if said.get("oom"):
        return Verdict("failed", "oom", text + with_text(tail(attempt)))
    if number or code > 128:  # noqa: PLR2004 (128 + signal: bash(1))
        name = signal_name(number or code - 128)
        return Verdict("failed", "signal", f"killed by {name} ({text}){with_text(tail(attempt))}")
    if not recorded or code in _RESERVED:
        why = _RESERVED.get(code, "it ended before the payload wrote anything; see logs/")
        return Verdict("failed", "setup", f"{why} ({text})")
    return Verdict("failed", "exit_code", text + with_text(tail(attempt)))


def confronted(verdict: Verdict, attempt: Attempt, said: Said) -> Verdict:
    """Confront the verdict of the records with what the scheduler says of the same execution.

    What it adds (out of memory, over time) refines the verdict; what it denies makes it disagree.
    """
    kind = said.get("kind")
    if kind is None or kind in LIVE or kind == "vanished" or verdict.cause == "disagree":
        return verdict  # it has not caught up with the record, or there is enough already
    code = attempt["exit_code"]
    if code == 0 and attempt["reported"] is None:
        if said.get("packed") or verdict.state == "unknown":
            return verdict
        if kind != "completed" or said.get("oom"):
            text = f"the record says exit code 0, {account(said, attempt)}"
            return Verdict("unknown", "disagree", text)
        return verdict
    if kind in _STOPPED and not (said.get("packed") and not attempt["stopped_by"]):
        return _stopped(verdict, attempt, said)
    if said.get("oom") and (not said.get("packed") or code == _KILLED):
        return Verdict("failed", "oom", account(said, attempt) + with_text(verdict.evidence))
    if not said.get("packed") and isinstance(code, int) and not _same_code(code, said):
        text = f"the record says exit code {code}, {account(said, attempt)}"
        return Verdict("unknown", "disagree", text)
    return verdict


def _stopped(verdict: Verdict, attempt: Attempt, said: Said) -> Verdict:
    state, cause = _ENDED[said["kind"]]
    if said["kind"] in ("node", "preempted"):
        state = "failed"  # its end is known, unlike that of one without an end record
    was_stopped = attempt["stopped_by"] or attempt["exit_code"] == _KILLED
    if said["kind"] in ("cancelled", "requeued", "node", "preempted") and not was_stopped:
        return verdict  # it had come to its own end before
    own = verdict.evidence if verdict.state == "failed" and verdict.cause != cause else ""
    return Verdict(state, cause, account(said, attempt) + with_text(own))


def _same_code(code: int, said: Said) -> bool:
    """Say whether an exit code is the one that accounting shows.

    Schedulers fold codes: sacct takes 128 from those above it, so 255 is shown as 127:0, and a
    signal that a shell reports as 128 + n may come back as n:0 or 0:n (seen with SLURM 22.05).
    """
    shown, number = said.get("code"), said.get("signal")
    if shown is None and number is None:
        return True
    if code == 0 or not number:
        return bool(code % 128 == (shown or 0) % 128 and not number)
    return bool(code % 128 == number)


def account(said: Said, attempt: Attempt) -> str:
    """Return what a scheduler says in words: state, codes, and used against asked for."""
    parts = [f"{said['source']}: {said['state']}"]
    if (said.get("code") or said.get("signal")) and said["source"] not in _IN_WORDS:
        parts[0] += f" {said.get('code', 0)}:{said.get('signal', 0)}"
    if said.get("why"):
        parts.append(said["why"])
    if said.get("node") and said["kind"] == "node":
        parts.append(f"node {said['node']}")
    parts += _used(said, attempt)
    return ", ".join(parts)


def _used(said: Said, attempt: Attempt) -> list[str]:
    if said["kind"] == "oom" or said.get("oom"):
        peak = max(said.get("peak") or 0, (attempt["peak"] or {}).get("bytes") or 0)
        asked = said.get("memory")
        if not asked:
            return [f"peak {format_bytes(peak)}"] if peak else []
        # Peaks are sampled: one far below the request only says when the sample was taken.
        near = peak >= _NEAR * asked
        return [f"{f'peak {format_bytes(peak)} of ' if near else 'request '}{format_bytes(asked)}"]
    started, ended = said.get("started", attempt["started"]), said.get("ended")
    if said["kind"] == "timeout" and started is not None and ended is not None:
        limit = f" of {format_duration(said['limit_s'])}" if said.get("limit_s") else ""
        return [f"ran {format_duration(ended - started)}{limit}"]
    if started is not None and ended is not None and said["kind"] in _STOPPED:
        return [f"after {format_duration(ended - started)}"]
    never = started is None and not said.get("node") and said["kind"] in _STOPPED
    return ["never started"] if never else []
