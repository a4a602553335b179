from __future__ import annotations

from typing import Any

import pytest

from collectors.records import new_attempt
from collectors.verdicts import Limits, World, attempt_verdict, shard_verdict
from manifest.states import CAUSES, STATES, allowed, is_bad

MB = 1 << 20
DONE = {"started": 100.0, "ended": 200.0, "submission": 1, "host": "n1", "pid": 7, "exit_code": 0}


def judged(tail: str = "", alive: bool | None = None, now: float = 1e6, **facts: Any) -> Any:
    attempt = new_attempt("1.100.a")
    attempt.update(DONE | facts)
    limits = {1: Limits(walltime=60, memory=1000 * MB)}
    world = World(now, "here", lambda _: alive, limits, lambda _: tail)
    return attempt_verdict(attempt, world)


OPEN = {"ended": None, "exit_code": None}
NO_RECORD = {"started": None, "exit_code": None, "submission": None}


def output(problem: str | None, size: int | None = 5) -> list[dict[str, Any]]:
    return [{"name": "o", "path": "p", "bytes": size, "mtime_ns": 1, "problem": problem}]


@pytest.mark.parametrize(
    ("facts", "state", "cause", "evidence"),
    [
        ({}, "succeeded", None, "exit code 0, no outputs declared"),
        ({"outputs": output(None)}, "succeeded", None, "exit code 0, 1 output good"),
        ({"outputs": output("o is empty")}, "failed", "bad_output", "o is empty"),
        ({"exit_code": 3, "tail": "Error: x"}, "failed", "exit_code", "exit code 3; Error: x"),
        ({"exit_code": 255}, "failed", "exit_code", "exit code 255"),
        ({"exit_code": 200}, "failed", "exit_code", "exit code 200"),
        ({"exit_code": 139}, "failed", "signal", "killed by SIGSEGV"),
        ({"exit_code": 137}, "failed", "signal", "killed by SIGKILL"),
        (
            {"exit_code": 137, "peak": {"bytes": 990 * MB, "source": "wait4"}},
            "failed", "oom", "peak 990 MB, request 1000 MB",
        ),
        ({"exit_code": 127}, "failed", "setup", "command not found"),
        ({"exit_code": 126}, "failed", "setup", "command cannot be executed"),
        (
            {"exit_code": 1, "tail": "cp: No space left on device"},
            "failed", "disk", "No space left",
        ),
        ({"exit_code": 90, "reported": "setup", "note": "other plan"}, "failed", "setup", "other"),
        ({"exit_code": 92, "reported": "stage_in", "note": "in"}, "failed", "stage_in", "in"),
        ({"exit_code": 93, "reported": "bad_output", "note": "n"}, "failed", "bad_output", "n"),
        ({"exit_code": 143, "reported": "timeout", "wall_s": 61.0}, "failed", "timeout", "1m01s"),
        (
            {"exit_code": 143, "reported": "cancelled", "stopped_by": 15},
            "cancelled", "cancelled", "SIGTERM",
        ),
        ({"plan": "f" * 64}, "failed", "setup", "another plan"),
        ({"exit_code": None}, "unknown", "disagree", "no exit code"),
        (
            {"pool": {"code": 1, "signal": None}, "scheduler": "local"},
            "unknown", "disagree", "the pool saw 1",
        ),
        ({**OPEN, "alive": True}, "running", None, "pid 7 on n1"),
        ({**OPEN, "alive": False}, "lost", "vanished", "is gone"),
        ({**OPEN, "now": 150.0}, "unknown", None, "ask there"),
        ({**OPEN, "now": 10_000.0}, "lost", "vanished", "walltime 1m00s"),
        ({**OPEN, "pool": {"code": 137, "signal": 9}}, "lost", "signal", "killed by SIGKILL"),
        ({**NO_RECORD, "pool": {"code": 91, "signal": None}}, "failed", "setup", "no record"),
        ({**NO_RECORD, "pool": {"code": 0, "signal": None}}, "unknown", "disagree", "no record"),
        (
            {"outputs": output("o does not exist", None), "now": 210.0},
            "unknown", None, "moments ago",
        ),
    ],
)  # fmt: skip
def test_verdicts(facts: dict[str, Any], state: str, cause: str | None, evidence: str) -> None:
    verdict = judged(**facts)
    assert (verdict.state, verdict.cause) == (state, cause), verdict
    assert evidence in verdict.evidence
    assert allowed(verdict.state, verdict.cause)


def attempts(*pairs: tuple[str, str | None]) -> list[dict[str, Any]]:
    found = []
    for number, (state, cause) in enumerate(pairs):
        attempt = new_attempt(f"{number}")
        attempt.update(
            state=state, cause=cause, evidence=f"e{number}", started=number + 1, ended=100 - number
        )
        found.append(attempt)
    return found


@pytest.mark.parametrize(
    ("pairs", "state", "accepted"),
    [
        ([], "planned", []),
        ([("failed", "exit_code"), ("succeeded", None)], "succeeded", ["1"]),
        ([("succeeded", None), ("succeeded", None)], "succeeded", ["1"]),
        ([("failed", "exit_code"), ("running", None)], "running", []),
        ([("unknown", None), ("failed", "oom")], "unknown", []),
        ([("lost", "vanished"), ("failed", "oom")], "failed", []),
        ([("failed", "oom"), ("cancelled", "cancelled")], "cancelled", []),
    ],
)
def test_a_shard_is_judged_from_the_set_of_its_attempts(
    pairs: list[tuple[str, str | None]], state: str, accepted: list[str]
) -> None:
    found = attempts(*pairs)
    verdict, chosen = shard_verdict(found)
    assert (verdict.state, chosen) == (state, accepted)
    assert shard_verdict(found[::-1])[0] == verdict


def test_the_table_of_states_and_causes() -> None:
    pairs = {
        (state, cause) for state in STATES for cause in (None, *CAUSES) if allowed(state, cause)
    }
    assert {state for state, cause in pairs if cause is None} == {
        "planned", "pending", "running", "succeeded", "unknown",
    }  # fmt: skip
    assert {state for state, cause in pairs if is_bad(state, cause)} == {
        "failed", "cancelled", "lost", "held", "unknown",
    }  # fmt: skip
    assert {cause for state, cause in pairs if state == "unknown"} == {None, "disagree"}


def test_a_record_without_a_line_is_waited_for_and_then_a_failure() -> None:
    empty = {**NO_RECORD, "ended": None}
    assert judged(**empty).state == "unknown"
    verdict = judged(**empty, reported="setup", note="its start record could not be written")
    assert (verdict.state, verdict.cause) == ("failed", "setup")
