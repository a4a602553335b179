"""Evidence becomes verdicts: pure functions of the facts of a shard's attempts."""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from collectors.observation import Observed
from collectors.observed_verdict import (
    NFS_LAG_S,
    confronted,
    observed_verdict,
)
from collectors.records import Attempt
from collectors.stored_verdict import overwritten_by, stored_the_same, stored_verdict
from collectors.words import signal_name, struck_text, with_text
from manifest.states import SEVERAL_GOOD, STORED_THE_SAME, Cause, State, Verdict
from manifest.units import format_bytes, format_duration

LATE_S = 600  # design: start + walltime + grace + 10 min are over
_CLOCKS_S = 1.0  # by which the scheduler's clock may be behind the payload's
_WARNED_EARLY_S = 60  # SLURM's warning may come so much too early: sbatch(1), --signal
_NEAR = 0.95  # of the request: a peak is sampled, and a limit counts a little more than the peak
_PAYLOAD_CODES = {
    90: "the plan was changed after this was rendered",
    91: "the job could not be set up",
    92: "an input could not be staged in",
    94: "an output or the record could not be written",
    95: "stopped before it started",
}
_KILLED = 137  # 128 + SIGKILL
_COMMAND_CODES = {126: "cannot be executed", 127: "not found"}


@dataclass(frozen=True, slots=True)
class Limits:
    """What the submission of an attempt had asked for."""

    walltime: int | None = None
    grace: int | None = None
    memory: int | None = None


@dataclass(frozen=True, slots=True)
class World:
    """What is known now, beside the records."""

    now: float
    host: str
    alive: Callable[[Attempt], bool | None]
    """Whether an attempt's process lives; None when this host cannot know."""
    limits: Mapping[int, Limits]
    tail: Callable[[Attempt], str]
    """The first line of the error in an attempt's stderr, or ''."""
    observed: tuple[Observed, ...] = ()
    """What schedulers say, if any were asked."""


def attempt_verdict(
    attempt: Attempt,
    world: World,
    *,
    started_again: bool = False,
    siblings: Sequence[Attempt] = (),
) -> Verdict:
    """Judge one attempt.

    Args:
        attempt: what is known of it.
        world: what is known beside it.
        started_again: the same native id has begun another one since.
        siblings: all attempts of its shard, which may have stored their outputs over its own.
    """
    observed = attempt["observed"]
    if attempt["ended"] is None and observed is not None and attempt["plan"] is None:
        remote = attempt["host"] != world.host
        verdict = observed_verdict(attempt, observed, world.now, world.tail, remote=remote)
        if verdict is not None:
            return verdict
    if started_again and attempt["ended"] is None and attempt["started"] is not None:
        text = f"{attempt['native_id']} was started again, and this one left no end record"
        return Verdict("lost", "vanished", text + with_text(world.tail(attempt)))
    verdict = _recorded_verdict(attempt, world)
    if observed is not None and attempt["ended"] is not None:
        verdict = confronted(verdict, attempt, observed)
    if verdict.state == "succeeded" and _was_out_of_time(attempt):
        text = "the record says exit code 0, but LSF had told it to stop: SIGUSR2, at the run limit"
        return Verdict("unknown", "disagree", text)
    if verdict.state == "succeeded" and (later := overwritten_by(attempt, siblings)):
        text = f"exit code 0, but what it stored was overwritten by {later}"
        return Verdict("failed", "bad_output", text)
    return verdict


def _was_out_of_time(attempt: Attempt) -> bool:
    """Say whether LSF began to end an attempt at its run limit (bsub(1), -W).

    A command that catches what it is sent and ends with 0 has hardly done all of its work, and
    LSF-like schedulers then call the job done. A grace period is announced by SIGUSR1.
    """
    return attempt["scheduler"] == "lsf" and bool(attempt["warned"] == signal.SIGUSR2)


def _recorded_verdict(attempt: Attempt, world: World) -> Verdict:
    """Judge by what an attempt and the pool recorded."""
    if attempt["plan"] is not None:
        return Verdict("failed", "setup", f"it ran another plan ({attempt['plan'][:12]}…)")
    if attempt["ended"] is None:
        return _open_verdict(attempt, world)
    if attempt["started"] is None:
        return _unrecorded(attempt)
    code, pool = attempt["exit_code"], attempt["pool"]
    if not isinstance(code, int):
        return Verdict("unknown", "disagree", "the end record has no exit code")
    if code == 0 and attempt["reported"] is None:
        if pool and pool["code"] not in (0, None) and attempt["scheduler"] == "local":
            text = f"the record says exit code 0, the pool saw {pool['code']}"
            return Verdict("unknown", "disagree", text)
        return _outputs_verdict(attempt, world)
    return _failure(attempt, code, world)


def _open_verdict(attempt: Attempt, world: World) -> Verdict:
    tail = with_text(world.tail(attempt))
    pool = attempt["pool"]
    if pool is not None and pool.get("code") is not None:
        if oom := pool.get("oom"):
            return Verdict("lost", "oom", f"{struck_text(oom)}; no end record")
        how = f"killed by {signal_name(pool['signal'])}" if pool["signal"] else "gone"
        cause: Cause = "signal" if pool["signal"] else "vanished"
        return Verdict("lost", cause, f"the payload was {how} and left no end record{tail}")
    if attempt["started"] is None:
        if attempt["reported"] == "setup":
            return Verdict("failed", "setup", attempt["note"])
        return Verdict("unknown", None, "its record has no readable line (yet)")
    alive = world.alive(attempt)
    who = f"pid {attempt['pid']} on {attempt['host']}"
    if alive:
        return Verdict("running", None, f"{who}, {format_duration(_age(attempt, world))} so far")
    if alive is False:
        return Verdict("lost", "vanished", f"{who} is gone and left no end record{tail}")
    limits = world.limits.get(attempt["submission"], Limits())
    if limits.walltime is not None:
        last = limits.walltime + (limits.grace or 0) + LATE_S
        if _age(attempt, world) > last:
            text = f"started {format_duration(_age(attempt, world))} ago"
            wall = format_duration(limits.walltime)
            return Verdict("lost", "vanished", f"{text}, walltime {wall}, no end record{tail}")
    return Verdict("unknown", None, f"started on {attempt['host']}, no end record; ask there")


def _age(attempt: Attempt, world: World) -> float:
    started: float = attempt["started"]
    return max(0.0, world.now - started)


def _unrecorded(attempt: Attempt) -> Verdict:
    pool = attempt["pool"]
    if pool is None:
        text = "its record has an end, but no start that can be read"
        return Verdict("unknown", "disagree", text)
    code = pool.get("code")
    if oom := pool.get("oom"):
        return Verdict("lost", "oom", f"{struck_text(oom)}; no record")
    if pool.get("signal"):
        return Verdict(
            "lost", "signal", f"killed by {signal_name(pool['signal'])} before its first record"
        )
    if code == 0:
        return Verdict("unknown", "disagree", "the pool saw exit code 0, but there is no record")
    why = _PAYLOAD_CODES.get(code or 0, "see the pool's log")
    return Verdict("failed", "setup", f"exit code {code} and no record: {why} (logs/pool.log)")


def _outputs_verdict(attempt: Attempt, world: World) -> Verdict:
    outputs = attempt["outputs"] or []
    for output in outputs:
        if output["problem"] is None:
            continue
        recent = world.now - attempt["ended"] < NFS_LAG_S and attempt["host"] != world.host
        if recent and output["bytes"] is None:
            return Verdict("unknown", None, f"{output['problem']} (yet: it ended moments ago)")
        return Verdict("failed", "bad_output", f"exit code 0, but {output['problem']}")
    away = stored_verdict(attempt, world.now, remote=attempt["host"] != world.host)
    if away is not None:
        return away
    files = sum(output["path"] is not None for output in outputs)
    what = f"{files} output{'s' * (files != 1)} good" if files else "no outputs declared"
    return Verdict("succeeded", None, f"exit code 0, {what}")


def _failure(attempt: Attempt, code: int, world: World) -> Verdict:
    tail = world.tail(attempt)
    note = attempt["note"] or ""
    limits = world.limits.get(attempt["submission"], Limits())
    reported = attempt["reported"]
    timeout = _timeout(attempt, code, limits)
    if timeout is not None:
        return timeout
    if code == _KILLED and (oom := (attempt["pool"] or {}).get("oom")):
        return Verdict("failed", "oom", struck_text(oom))
    if reported == "cancelled":
        by = f" by {signal_name(attempt['stopped_by'])}" if attempt["stopped_by"] else ""
        return Verdict("cancelled", "cancelled", f"stopped{by}{with_text(note)}")
    if reported in ("setup", "stage_in", "stage_out", "bad_output"):
        why = note or _PAYLOAD_CODES.get(code, f"exit code {code}")
        if reported != "setup" or code in _COMMAND_CODES:
            tail = ""  # it belongs to no command of the user's, or is where the note was taken from
        return Verdict("failed", reported, why + with_text(tail))
    text = f"exit code {code}"
    if "No space left on device" in tail or "Disk quota exceeded" in tail:
        return Verdict("failed", "disk", f"{text}{with_text(tail)}")
    if code in _COMMAND_CODES:
        return Verdict(
            "failed", "setup", f"command {_COMMAND_CODES[code]} ({text}){with_text(tail)}"
        )
    name = signal_name(code - 128) if code > 128 else None  # noqa: PLR2004 (128 + signal: bash(1))
    if name is None or name.isdigit():
        return Verdict("failed", "exit_code", f"{text}{with_text(tail)}")
    peak = (attempt["peak"] or {}).get("bytes")
    if name == "SIGKILL" and peak and limits.memory and peak >= _NEAR * limits.memory:
        need = f"peak {format_bytes(peak)}, request {format_bytes(limits.memory)}"
        return Verdict("failed", "oom", f"killed by SIGKILL, {need}")
    here = name == "SIGKILL" and attempt["scheduler"] == "local"
    hint = "; by hand, or for want of memory: nothing here says which" if here else ""
    return Verdict("failed", "signal", f"killed by {name} ({text}){with_text(tail)}{hint}")


def _timeout(attempt: Attempt, code: int, limits: Limits) -> Verdict | None:
    """Judge an attempt that was ended for its time: by the payload, or by the scheduler."""
    wall, stopped = attempt["wall_s"], attempt["stopped_by"]
    ran = f"ran {format_duration(wall)}" if wall is not None else "ran"
    if attempt["reported"] == "timeout":
        limit = format_duration(limits.walltime) if limits.walltime else "its walltime"
        return Verdict("failed", "timeout", f"{ran}, stopped at the walltime of {limit}")
    if wall is None or limits.walltime is None:
        return None
    of = f"{ran} of {format_duration(limits.walltime)}"
    if attempt["reported"] == "cancelled" and wall >= limits.walltime - _CLOCKS_S:
        return Verdict("failed", "timeout", f"{of}, stopped by {signal_name(stopped)}")
    first_warning = limits.walltime - (limits.grace or 0) - _WARNED_EARLY_S
    if attempt["warned"] is not None and wall >= first_warning:
        return Verdict("failed", "timeout", f"{of}, warned of its end and left with {code}")
    return None


_OPEN: tuple[State, ...] = ("running", "pending", "held")


def shard_verdict(attempts: list[Attempt]) -> tuple[Verdict, list[str]]:
    """Judge a shard from its judged attempts; return the verdict and the accepted attempts.

    Several successes: the one with the least (end, id) is accepted, a pure function of the set,
    so folding in any order gives the same manifest.
    """
    if not attempts:
        return Verdict("planned", None, "no record yet"), []
    good = [a for a in attempts if a["state"] == "succeeded"]
    if good:
        first = min(good, key=lambda a: (a["ended"], a["attempt"]))
        evidence = first["evidence"]
        if len(good) > 1:
            same = stored_the_same(good)
            evidence += f"; {len(good)} {STORED_THE_SAME if same else SEVERAL_GOOD}"
        return Verdict("succeeded", None, evidence), [first["attempt"]]
    for state in _OPEN:
        found = [a for a in attempts if a["state"] == state]
        if found:
            return _verdict_of(min(found, key=lambda a: a["attempt"])), []
    doubtful = [a for a in attempts if a["state"] == "unknown"]
    if doubtful:
        return _verdict_of(min(doubtful, key=lambda a: (a["cause"] is None, a["attempt"]))), []
    last = max(attempts, key=when)
    verdict = _verdict_of(last)
    if len(attempts) > 1:
        text = f"{verdict.evidence} (attempt {len(attempts)})"
        verdict = Verdict(verdict.state, verdict.cause, text)
    return verdict, []


def when(attempt: Attempt) -> tuple[float, str]:
    """Return the key by which attempts are in order of time."""
    observed = attempt["observed"] or {}
    told = (observed.get(name) for name in ("ended", "since", "asked"))
    at = attempt["started"] or attempt["ended"] or next(filter(None, told), 0.0)
    return at, attempt["attempt"]


def _verdict_of(attempt: Attempt) -> Verdict:
    return Verdict(attempt["state"], attempt["cause"], attempt["evidence"])
