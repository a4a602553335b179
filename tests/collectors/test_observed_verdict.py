"""Every row of the table in docs/slurm.md, with records and without: state, cause, evidence."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.observation import Observed
from collectors.observing import apply_observed
from collectors.records import Attempt, new_attempt
from collectors.slurm_observation import observation
from collectors.slurm_rows import SlurmRow
from collectors.verdicts import Limits, World, attempt_verdict, shard_verdict
from manifest.policy import decide
from manifest.resources import Resources
from manifest.spec import Retry
from manifest.states import Verdict, allowed

MB = 1 << 20
NOW = 10_000.0
START = {"started": 1000.5, "submission": 1, "host": "h", "pid": 7, "dir": "shards/s0/x"}
END = {"ended": 1060.0, "exit_code": 0, "wall_s": 59.0}


def row(**more: Any) -> SlurmRow:
    fixed: dict[str, Any] = dict.fromkeys(SlurmRow._fields)
    fixed |= {"job": 7, "elements": (range(3, 4),), "truncated": False, "source": "sacct"}
    fixed |= {"state": "FAILED", "flags": frozenset(), "name": "r.1", "oom": False, "nodes": "n1"}
    fixed |= {"submit": 900.0, "start": 1000.0, "end": 1060.0, "elapsed_s": 60, "limit_s": 60}
    fixed |= {"asked_memory": 100 * MB, "code": 0, "signal": 0}
    return SlurmRow(**(fixed | more))


def waits(**more: Any) -> SlurmRow:
    nothing = dict.fromkeys(("start", "end", "elapsed_s", "nodes", "code", "signal"))
    return row(**({"state": "PENDING"} | nothing | more))


def seen(*rows: SlurmRow, now: float = NOW, packed: bool = False, **facts: Any) -> list[Attempt]:
    """The judged attempts of one shard: with facts, the first left a record."""
    attempts = {}
    if facts:
        name = "7_3.1000.a"
        attempts[name] = new_attempt(name) | {"native_id": "7_3", "scheduler": "slurm"} | facts
        attempts[name]["restarts"] = 0
    said = [observation(one, "7_3", 1, packed=packed) for one in rows]
    observed = Observed({0: said}, asked=now, schedulers=frozenset(("slurm",)))
    apply_observed(attempts, 0, observed)
    limits = {1: Limits(memory=100 * MB)}
    world = World(now, "here", lambda _: None, limits, lambda a: "Error: x" * bool(a["dir"]))
    for attempt in attempts.values():
        verdict = attempt_verdict(attempt, world)
        assert allowed(verdict.state, verdict.cause)
        attempt.update(state=verdict.state, cause=verdict.cause, evidence=verdict.evidence)
    return list(attempts.values())


def judged(*rows: SlurmRow, **more: Any) -> Verdict:
    return shard_verdict(seen(*rows, **more))[0]


def ended(code: int, **more: Any) -> dict[str, Any]:
    return START | END | {"exit_code": code} | more


def stopped(number: int = 15) -> dict[str, Any]:
    return ended(128 + number, stopped_by=number, reported="cancelled")


OOM = row(state="OUT_OF_MEMORY", signal=125, oom=True, peak=3 * MB)
ON_A_STEP = row(state="FAILED", code=9, oom=True, peak=90 * MB)
CANCELLED = {"state": "CANCELLED", "by": 1001}
NEVER = {"start": None, "elapsed_s": None, "nodes": None}
AT = " (sacct, 1970-01-01T02:46:40Z)"
WRAPPER = "the job could not be set up: see the scheduler's own output in logs/"
NO_OUTPUT = (
    "SLURM could not open its output file or enter the run directory: "
    "is the run, with its logs/, on a filesystem of the node?"
)
KILLED = "killed by SIGKILL (exit code 137); Error: x"
SAYS_0 = "the record says exit code 0, sacct: "


@pytest.mark.parametrize(
    ("said", "facts", "state", "cause", "evidence"),
    [
        (
            OOM, ended(137), "failed", "oom",
            f"sacct: OUT_OF_MEMORY 0:125, request 100 MB; {KILLED}",
        ),
        (OOM, START, "failed", "oom", "sacct: OUT_OF_MEMORY 0:125, request 100 MB; Error: x"),
        (OOM, {}, "failed", "oom", "sacct: OUT_OF_MEMORY 0:125, request 100 MB"),
        (OOM, ended(0), "unknown", "disagree", SAYS_0 + "OUT_OF_MEMORY 0:125, request 100 MB"),
        (
            ON_A_STEP, ended(137), "failed", "oom",
            f"sacct: FAILED 9:0, peak 90 MB of 100 MB; {KILLED}",
        ),
        (
            ON_A_STEP, START, "failed", "oom",
            "sacct: FAILED 9:0, peak 90 MB of 100 MB, no end record; Error: x",
        ),
        (
            row(state="COMPLETED", oom=True), ended(0), "unknown", "disagree",
            SAYS_0 + "COMPLETED, request 100 MB",
        ),
        (
            row(state="TIMEOUT"), stopped(), "failed", "timeout",
            "sacct: TIMEOUT, ran 1m00s of 1m00s",
        ),
        (
            row(state="TIMEOUT"), START, "failed", "timeout",
            "sacct: TIMEOUT, ran 1m00s of 1m00s; Error: x",
        ),
        (
            row(state="TIMEOUT"), ended(3), "failed", "timeout",
            "sacct: TIMEOUT, ran 1m00s of 1m00s; exit code 3; Error: x",
        ),
        (
            row(state="NODE_FAIL"), START, "lost", "node",
            "sacct: NODE_FAIL, node n1, after 1m00s; Error: x",
        ),
        (row(state="NODE_FAIL"), {}, "lost", "node", "sacct: NODE_FAIL, node n1, after 1m00s"),
        (
            row(state="NODE_FAIL"), ended(137), "failed", "node",
            f"sacct: NODE_FAIL, node n1, after 1m00s; {KILLED}",
        ),
        (row(state="NODE_FAIL"), ended(3), "failed", "exit_code", "exit code 3; Error: x"),
        (
            row(state="NODE_FAIL"), ended(0), "unknown", "disagree",
            SAYS_0 + "NODE_FAIL, node n1, after 1m00s",
        ),
        (
            row(state="BOOT_FAIL", **NEVER), {}, "lost", "node",
            "sacct: BOOT_FAIL, never started",
        ),
        (
            row(state="PREEMPTED"), START, "lost", "preempted",
            "sacct: PREEMPTED, after 1m00s; Error: x",
        ),
        (row(state="PREEMPTED"), stopped(), "failed", "preempted", "sacct: PREEMPTED, after 1m00s"),
        (
            row(state="PREEMPTED", start=None, elapsed_s=None), stopped(), "failed", "preempted",
            "sacct: PREEMPTED, after 59.5s",
        ),
        (row(state="PREEMPTED", start=None), {}, "lost", "preempted", "sacct: PREEMPTED"),
        (
            row(**CANCELLED), stopped(), "cancelled", "cancelled",
            "sacct: CANCELLED, by uid 1001, after 1m00s",
        ),
        (
            row(**CANCELLED), START, "cancelled", "cancelled",
            "sacct: CANCELLED, by uid 1001, after 1m00s; Error: x",
        ),
        (
            row(**CANCELLED | NEVER), {}, "cancelled", "cancelled",
            "sacct: CANCELLED, by uid 1001, never started",
        ),
        (row(**CANCELLED), ended(3), "failed", "exit_code", "exit code 3; Error: x"),
        (
            row(state="DEADLINE", **NEVER), {}, "cancelled", "cancelled",
            "sacct: DEADLINE, its deadline passed, never started",
        ),
        (
            row(state="REVOKED", **NEVER), {}, "cancelled", "cancelled",
            "sacct: REVOKED, never started",
        ),
        (
            row(signal=53), {}, "failed", "setup",
            f"sacct: FAILED 0:53, {NO_OUTPUT}",
        ),
        (
            row(code=91), {}, "failed", "setup",
            f"{WRAPPER} (sacct: FAILED 91:0, no record)",
        ),
        (
            row(code=2), {}, "failed", "setup",
            "it ended before the payload wrote anything; see logs/ (sacct: FAILED 2:0, no record)",
        ),
        (
            row(code=3), START, "failed", "exit_code",
            "sacct: FAILED 3:0, no end record; Error: x",
        ),
        (
            row(signal=9), START, "failed", "signal",
            "killed by SIGKILL (sacct: FAILED 0:9, no end record); Error: x",
        ),
        (row(code=3), ended(3), "failed", "exit_code", "exit code 3; Error: x"),
        (
            row(code=3), ended(3, plan="f" * 64), "failed", "setup",
            "it ran another plan (ffffffffffff…)",
        ),
        (
            row(code=4), ended(3), "unknown", "disagree",
            "the record says exit code 3, sacct: FAILED 4:0",
        ),
        (row(state="COMPLETED"), ended(0), "succeeded", None, "exit code 0, no outputs declared"),
        (
            row(state="COMPLETED"), ended(3), "unknown", "disagree",
            "the record says exit code 3, sacct: COMPLETED",
        ),
        (row(code=3), ended(0), "unknown", "disagree", SAYS_0 + "FAILED 3:0"),
        (
            row(state="COMPLETED"), START, "unknown", "disagree",
            "sacct: COMPLETED, but there is no end record",
        ),
        (
            row(state="COMPLETED"), {}, "unknown", "disagree",
            "sacct: COMPLETED, but there is no record",
        ),
        (
            waits(reason="JobHeldUser"), {}, "held", "held_policy",
            "PENDING; held by its owner (scontrol release starts it)" + AT,
        ),
        (
            waits(reason="DependencyNeverSatisfied"), {}, "held", "held_policy",
            "PENDING; what it depends on failed, so it will never start" + AT,
        ),
        (
            waits(reason="QOSMaxWallDurationPerJobLimit"), {}, "held", "held_policy",
            "PENDING; it asks for more than a job may have (QOSMaxWallDurationPerJobLimit)" + AT,
        ),
        (
            waits(flags=frozenset({"SPECIAL_EXIT"})), {}, "held", "held_policy",
            "SPECIAL_EXIT; held after a requeue (no reason given)" + AT,
        ),
        (
            waits(reason="Licenses"), {}, "pending", None,
            "PENDING; waits: Licenses (sacct, 1970-01-01T02:46:40Z)",
        ),
        (
            row(state="RUNNING", end=None, source="squeue"), START, "running", None,
            "RUNNING on n1 (squeue, 1970-01-01T02:46:40Z)",
        ),
        (
            row(state="SUSPENDED", end=None, source="squeue"), {}, "running", None,
            "SUSPENDED on n1; suspended (squeue, 1970-01-01T02:46:40Z)",
        ),
        (row(state="RUNNING", end=None), ended(3), "failed", "exit_code", "exit code 3; Error: x"),
    ],
)  # fmt: skip
def test_one_execution(
    said: SlurmRow, facts: dict[str, Any], state: str, cause: str | None, evidence: str
) -> None:
    verdict = judged(said, **facts)
    assert (verdict.state, verdict.cause, verdict.evidence) == (state, cause, evidence)


ASKED = Resources(memory=100 * MB, walltime=60)


@pytest.mark.parametrize(
    ("said", "again", "more"),
    [
        (OOM, True, {"memory": 200 * MB}),
        (row(state="TIMEOUT"), True, {"walltime": 90}),
        (row(state="NODE_FAIL"), True, {}),
        (row(state="PREEMPTED"), True, {}),
        (row(**CANCELLED | NEVER), False, {}),
        (row(signal=53), False, {}),
        (waits(reason="JobHeldUser"), False, {}),
        (row(state="COMPLETED"), False, {}),
    ],
)
def test_what_a_resubmission_does_about_it(
    said: SlurmRow, again: bool, more: dict[str, int]
) -> None:
    attempts = seen(said, **(START if said.nodes and said.signal != 53 else {}))
    decision = decide(attempts[-1]["cause"], attempts, ASKED, Retry())
    assert decision.again is again
    assert decision.resources == ASKED.model_copy(update=more)


def test_a_requeued_element_is_judged_by_its_last_execution() -> None:
    first = row(state="PENDING", flags=frozenset({"REQUEUED"}))
    second = row(code=3, start=1200.0, end=1260.0)
    attempts = seen(first, second, **stopped())
    assert [(a["state"], a["cause"]) for a in attempts] == [
        ("cancelled", "cancelled"),
        ("failed", "setup"),
    ]
    assert attempts[0]["evidence"] == ("sacct: REQUEUED, stopped, to be started again, after 1m00s")
    again = waits(submit=1060.0, reason="BeginTime")
    assert judged(first, again, **stopped()).state == "pending"
    held = waits(submit=1060.0, reason="job requeued in held state")
    assert judged(first, held, **stopped()).state == "held"


def test_what_waited_before_its_record_began_waits_no_longer() -> None:
    facts = START | {"host": "here"}
    assert judged(waits(submit=900.0), **facts).state == "unknown"
    assert judged(waits(submit=1100.0), **facts).state == "pending"


def test_a_job_held_before_it_ran_is_not_held_since() -> None:
    """sacct goes on showing the reason for which it had waited last."""
    first = row(state="PENDING", flags=frozenset({"REQUEUED"}), reason="JobHeldUser")
    assert judged(first, **stopped()).state == "cancelled"


@given(st.integers(1, 255))
def test_codes_are_compared_as_sacct_folds_them(code: int) -> None:
    """143 is shown as 15:0, 255 as 127:0; a signal of the payload itself as 0:n."""
    folded = code if code < 128 else code - 128
    seen_as = [{"code": folded}] + [{"signal": folded}] * (code > 128)
    for shown in seen_as:
        assert judged(row(**shown), **ended(code)).cause != "disagree"
    other = {"code": (folded + 1) % 128 or 1}
    assert judged(row(**other), **ended(code)).cause == "disagree"


@pytest.mark.parametrize(("facts", "text"), [(START, "its end record is"), ({}, "its records are")])
@pytest.mark.parametrize("state", ["COMPLETED", "FAILED"])
def test_a_record_may_be_a_minute_late(state: str, facts: dict[str, Any], text: str) -> None:
    verdict = judged(row(state=state), now=1100.0, **facts)
    assert (verdict.state, verdict.cause) == ("unknown", None)
    assert f"it ended moments ago, and {text} not here yet" in verdict.evidence
    assert judged(row(state=state), now=1200.0, **facts).cause is not None
    preliminary = row(state=state, end=None, source="squeue", code=None, signal=None)
    verdict = judged(preliminary, now=1200.0, **facts)
    assert (verdict.state, verdict.cause) == ("unknown", None), "when it ended is not told"


def test_what_the_wrapper_refused_is_known_at_once() -> None:
    assert judged(row(code=91), now=1061.0).cause == "setup"


@pytest.mark.parametrize(
    ("said", "facts", "cause"),
    [
        (row(state="COMPLETED"), ended(0), None),
        (row(code=3), ended(0), None),
        (OOM, ended(0), None),
        (row(state="NODE_FAIL"), ended(0), None),
        (row(code=4), ended(3), "exit_code"),
        (OOM, ended(3), "exit_code"),
        (OOM, ended(137), "oom"),
        (OOM, START, "oom"),
        (ON_A_STEP, ended(137), "oom"),
        (row(state="TIMEOUT"), ended(3), "exit_code"),
        (row(state="TIMEOUT"), stopped(), "timeout"),
        (row(**CANCELLED), stopped(), "cancelled"),
        (row(code=4), START, "exit_code"),
    ],
)
def test_the_end_of_a_job_of_several_shards_is_that_of_one_of_them(
    said: SlurmRow, facts: dict[str, Any], cause: str | None
) -> None:
    verdict = judged(said, packed=True, **facts)
    assert verdict.cause == cause
    assert verdict.state == "succeeded" or cause


def test_what_is_not_listed_is_lost_after_two_minutes_and_not_before() -> None:
    attempts = {"7_3.1000.a": new_attempt("7_3.1000.a") | {"native_id": "7_3"} | START}
    attempts["7_3.1000.a"]["scheduler"] = "slurm"

    def asked(at: float, *rows: SlurmRow) -> Verdict:
        said = [observation(one, "7_3", 1, packed=False) for one in rows]
        slurm = frozenset(("slurm",))
        apply_observed(attempts, 0, Observed({0: said}, "squeue", at, slurm))
        world = World(at, "here", lambda _: None, {}, lambda _: "")
        return attempt_verdict(attempts["7_3.1000.a"], world)

    running = row(state="RUNNING", source="squeue", end=None)
    assert asked(2000, running).state == "running"
    gone = asked(2010)
    assert (gone.state, gone.cause) == ("unknown", None)
    assert "no longer listed by squeue" in gone.evidence
    assert asked(2129).state == "unknown"
    lost = asked(2130)
    assert (lost.state, lost.cause) == ("lost", "vanished")
    assert lost.evidence == (
        "not listed by squeue since 1970-01-01T00:33:30Z, and no end record; "
        "squeue had said RUNNING"
    )
    assert asked(2200, running).state == "running", "it was only the queue that had a gap"
    assert asked(2210).state == "unknown"
    assert asked(2220, row(state="NODE_FAIL")).cause == "node"
