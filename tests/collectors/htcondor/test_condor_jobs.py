"""Events folded into the course of a job: disorder within a second, gaps, what belongs together."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from collectors.condor_events import (
    ABORTED,
    DISCONNECTED,
    EVICTED,
    EXECUTE,
    HELD,
    IMAGE_SIZE,
    RECONNECT_FAILED,
    RECONNECTED,
    RELEASED,
    REMOTE_ERROR,
    SHADOW_EXCEPTION,
    SUBMIT,
    SUSPENDED,
    TERMINATED,
    UNSUSPENDED,
    Row,
)
from collectors.condor_holds import hold
from collectors.condor_jobs import Course, course

HOLD = {"why": "full", "code": 34, "subcode": 102}


def row(number: int, at: float, **facts: Any) -> Row:
    return [number, at, facts]


def began(at: float = 2, node: str = "n1") -> list[Row]:
    return [row(SUBMIT, 1), row(EXECUTE, at, node=node)]


def runs(found: Course) -> list[tuple[str, str, float | None]]:
    return [
        (run.get("kind", "running"), run.get("node", "-"), run.get("ended")) for run in found.runs
    ]


def test_nothing_is_known_of_a_job_without_events() -> None:
    assert course([]) == Course()


def test_within_one_second_first_comes_what_can() -> None:
    """Whoever writes first: schedd and shadow write into one log."""
    for rows in itertools.permutations(
        [row(SUBMIT, 1), row(EXECUTE, 1, node="n1"), row(TERMINATED, 1, exit=3)]
    ):
        found = course(list(rows))
        assert (found.state, runs(found)) == ("completed", [("failed", "n1", 1)])
    for tail in itertools.permutations([row(HELD, 5, **HOLD), row(RELEASED, 5)]):
        assert course([*began(), *tail]).state == "idle"
    for tail in itertools.permutations(
        [row(EVICTED, 5, why="full", memory=7), row(HELD, 5, **HOLD)]
    ):
        found = course([*began(), *tail])
        assert (found.state, runs(found)) == ("held", [("oom", "n1", 5)])
        assert found.runs[0]["memory"] == 7


def test_a_job_that_was_submitted_on_hold_and_released() -> None:
    """No event tells of the hold."""
    found = course([row(SUBMIT, 1), row(RELEASED, 1), row(EXECUTE, 1), row(HELD, 1, **HOLD)])
    assert found.state == "held"
    assert course([row(SUBMIT, 1), row(RELEASED, 4)]).state == "idle"


@pytest.mark.parametrize(
    ("tail", "state", "kind"),
    [
        ([row(EVICTED, 5), row(ABORTED, 6, why="rm")], "removed", "cancelled"),
        ([row(EVICTED, 5), row(ABORTED, 600, why="rm")], "removed", "preempted"),
        ([row(ABORTED, 6, why="rm")], "removed", "cancelled"),
        ([row(EVICTED, 5, why="rm"), row(ABORTED, 6, why="rm")], "removed", "cancelled"),
        ([row(EVICTED, 5, why="drained"), row(ABORTED, 6, why="rm")], "removed", "preempted"),
        ([row(EVICTED, 5), row(HELD, 5, why="x", code=1)], "held", "cancelled"),
        ([row(EVICTED, 5, why="x"), row(HELD, 6, why="x", code=12)], "held", "stage_out"),
        ([row(EVICTED, 5, why="drained"), row(HELD, 6, why="x", code=12)], "held", "preempted"),
        ([row(EVICTED, 5), row(HELD, 500, why="x", code=12)], "held", "preempted"),
        ([row(EVICTED, 5, code=1014)], "idle", "preempted"),
        *(([row(EVICTED, 5, code=c)], "idle", "node") for c in (1002, 1006, 1007, 1008, 1012)),
        *(([row(EVICTED, 5, code=c)], "idle", "preempted") for c in (1000, 1011, 1013, 1018, 1019)),
        ([row(EVICTED, 5, code=34, subcode=102)], "idle", "oom"),
        ([row(SHADOW_EXCEPTION, 5)], "idle", "node"),
        ([row(DISCONNECTED, 5), row(RECONNECT_FAILED, 9)], "idle", "node"),
        ([row(EXECUTE, 9, node="n2")], "running", "node"),
    ],
)
def test_how_an_execution_ends(tail: list[Row], state: str, kind: str) -> None:
    found = course([*began(), *tail])
    assert (found.state, found.runs[0]["kind"]) == (state, kind)


def test_an_eviction_of_what_was_not_started_belongs_to_nothing_before() -> None:
    """It failed to start the second time; how the first one ended stays as it was."""
    tail = [
        row(EVICTED, 5),
        row(EVICTED, 8, why="no stdout"),
        row(HELD, 8, why="no stdout", code=7),
    ]
    found = course([*began(), *tail])
    assert (found.state, found.trouble, runs(found)) == (
        "held", "no stdout", [("preempted", "n1", 5)],
    )  # fmt: skip


@pytest.mark.parametrize(
    "events",
    [
        [row(SHADOW_EXCEPTION, 3, why="no room")], [row(REMOTE_ERROR, 3, why="no room")],
        [row(EVICTED, 3, why="no room")],
    ],
)  # fmt: skip
def test_why_it_could_not_be_started(events: list[Row]) -> None:
    found = course([row(SUBMIT, 1), *events])
    assert (found.state, found.trouble, found.runs) == ("idle", "no room", [])
    assert course([row(SUBMIT, 1), *events, row(EXECUTE, 4)]).trouble == ""


def test_what_is_over_stays_over() -> None:
    done = [*began(), row(TERMINATED, 5, exit=0)]
    late = [
        row(ABORTED, 6), row(HELD, 6), row(EVICTED, 6), row(RELEASED, 6), row(EXECUTE, 6),
        row(TERMINATED, 7, exit=1), row(IMAGE_SIZE, 7, peak=9), row(SHADOW_EXCEPTION, 8),
    ]  # fmt: skip
    expected = course(done)
    for event in late:
        assert course([*done, event]) == expected
    gone = [row(SUBMIT, 1), row(ABORTED, 2, why="rm")]
    for event in late[1:5]:
        assert course([*gone, event]).state == "removed"
    # That it came to its end after all is better known than that it was to be removed.
    assert course([*began(), row(ABORTED, 4), row(TERMINATED, 5, exit=0)]).state == "completed"


def test_a_missing_beginning_is_at_the_earliest_that_of_waiting() -> None:
    found = course(
        [row(SUBMIT, 1), row(HELD, 2, **HOLD), row(RELEASED, 9), row(TERMINATED, 20, exit=1)]
    )
    assert found.runs == [
        {"started": 9, "kind": "failed", "state": "terminated", "ended": 20, "code": 1}
    ]


def test_a_job_that_ended_and_is_run_again() -> None:
    found = course([*began(), row(EVICTED, 5, exit=5, why="OnExitRemove"), row(EXECUTE, 7)])
    assert [run.get("code") for run in found.runs] == [5, None]
    assert found.runs[0]["kind"] == "failed"
    found = course([*began(), row(EVICTED, 5, signal=11)])
    assert (found.runs[0]["kind"], found.runs[0]["signal"]) == ("failed", 11)


def test_the_largest_size_counts() -> None:
    sizes = [row(IMAGE_SIZE, 3, peak=5), row(IMAGE_SIZE, 4, peak=3)]
    assert course([*began(), *sizes, row(TERMINATED, 5, exit=0, peak=4)]).runs[0]["peak"] == 5
    assert course([*began(), *sizes, row(TERMINATED, 5, exit=0, peak=9)]).runs[0]["peak"] == 9
    assert course([row(SUBMIT, 1), *sizes]).runs == []


def test_what_is_said_of_a_run_goes_when_it_goes_on() -> None:
    for event, after in ((DISCONNECTED, RECONNECTED), (SUSPENDED, UNSUSPENDED)):
        assert "why" in course([*began(), row(event, 3)]).runs[0]
        assert "why" not in course([*began(), row(event, 3), row(after, 4)]).runs[0]
        assert "why" not in course([row(SUBMIT, 1), row(event, 3)]).held


MODE = "farmhand resubmit --held --mode transfer"


@pytest.mark.parametrize(
    ("code", "subcode", "words"),
    [
        (6, 13, ["runs as another user, who cannot read the run", MODE, "not executable"]),
        (6, 2, ["the machine does not see the run", MODE, "the file is gone"]),
        (6, 8, ["runs as another user or elsewhere", MODE]),
        (7, 13, ["runs as another user, who cannot enter the run", MODE]),
        (9, 13, [MODE]),
        (14, 13, [MODE]),
        (7, 2, ["is logs/ of the run there?", MODE]),
        (7, 28, ["is logs/ of the run there?"]),
        (13, 2, ["put back what is missing and type condor_release"]),
        (34, 102, ["farmhand resubmit --held asks for more"]),
        (21, 102, ["farmhand resubmit --held asks for more"]),
    ],
)
def test_advice_by_errno(code: int, subcode: int, words: list[str]) -> None:
    advice = hold(code, subcode).advice
    assert all(word in advice for word in words), advice
