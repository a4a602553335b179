"""One table of state and cause, and what resubmit does about each."""

from __future__ import annotations

from typing import Any

import pytest

from manifest.policy import Decision, decide
from manifest.resources import Resources
from manifest.spec import Retry
from manifest.states import CAUSES, STATES, allowed, is_bad

GB = 1 << 30
ASKED = Resources(memory=2 * GB, walltime=3600, disk=GB)

# state -> the causes it may have; '' = none
TABLE = {
    "planned": [""],
    "pending": [""],
    "running": [""],
    "held": ["held_policy", "oom", "disk", "timeout", "stage_in", "stage_out", "setup"],
    "succeeded": [""],
    "failed": [
        "exit_code", "signal", "oom", "timeout", "disk", "node", "preempted", "stage_in",
        "stage_out", "setup", "bad_output",
    ],
    "cancelled": ["cancelled"],
    "lost": ["vanished", "node", "oom", "timeout", "signal", "disk", "preempted"],
    "unknown": ["", "disagree"],
}  # fmt: skip
BAD = ("failed", "cancelled", "lost", "held")


def test_the_table_of_state_and_cause() -> None:
    found = {
        state: {cause or "" for cause in (None, *CAUSES) if allowed(state, cause)}
        for state in STATES
    }
    assert found == {state: set(causes) for state, causes in TABLE.items()}


def test_bad_is_what_somebody_must_do_something_about() -> None:
    for state, causes in TABLE.items():
        for cause in causes:
            assert is_bad(state, cause or None) == (state in BAD or cause == "disagree")


def attempts(*causes: str, **last: Any) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = [
        {"cause": cause, "state": "failed", "exit_code": 1} for cause in causes
    ]
    made[-1].update(last)
    return made


def asked_again(cause: str, retry: Retry | None = None, **more: Any) -> Resources | None:
    """What is asked for the second time; None: it is not tried again."""
    forced = more.pop("forced", False)
    found = decide(cause, attempts(cause, **more), ASKED, retry or Retry(), forced=forced)
    assert found.why
    return found.resources if found.again else None


MORE = {
    "oom": ASKED.model_copy(update={"memory": 4 * GB}),
    "timeout": ASKED.model_copy(update={"walltime": 5400}),
    "disk": ASKED.model_copy(update={"disk": 2 * GB}),
}
ONCE_MORE = ("exit_code", "signal", "bad_output")
BY_HAND = ("setup", "cancelled", "held_policy", "disagree")


@pytest.mark.parametrize("cause", CAUSES)
def test_the_default_for_each_cause(cause: str) -> None:
    expected = None if cause in BY_HAND else MORE.get(cause, ASKED)
    assert asked_again(cause) == expected
    assert asked_again(cause, forced=True) == (expected or ASKED)


@pytest.mark.parametrize("cause", CAUSES)
def test_after_two_of_the_same(cause: str) -> None:
    found = decide(cause, attempts(cause, cause), ASKED, Retry())
    assert found.again == (cause not in BY_HAND and cause not in ONCE_MORE)
    if cause in ONCE_MORE:
        assert found.why == f"2 attempts ended in {cause}; not tried again by itself"
        assert decide(cause, attempts("node", cause), ASKED, Retry()).again
        assert decide(cause, attempts(cause, cause), ASKED, Retry(), forced=True).again


def test_the_larger_of_asked_and_seen_is_raised() -> None:
    peak = {"bytes": 3 * GB, "source": "wait4"}
    found = asked_again("oom", peak=peak)
    assert found
    assert found.memory == 6 * GB
    found = asked_again("timeout", wall_s=7200.5)
    assert found
    assert found.walltime == 10800


def test_what_was_not_asked_for_is_not_raised() -> None:
    found = decide("oom", attempts("oom"), Resources(), Retry())
    assert (found.again, found.resources) == (True, Resources())
    assert "no memory was asked for" in found.why


def test_a_cap_is_reached_once_and_never_passed() -> None:
    retry = Retry(max_memory=3 * GB)
    found = asked_again("oom", retry)
    assert found
    assert found.memory == 3 * GB
    capped = decide("oom", attempts("oom"), found, retry)
    assert not capped.again
    assert capped.why == "memory is already at its cap (retry.max_memory)"


@pytest.mark.parametrize("cap", [GB, 2 * GB])
def test_force_never_asks_for_less_than_before(cap: int) -> None:
    found = asked_again("oom", Retry(max_memory=cap), forced=True)
    assert found
    assert found.memory == 2 * GB


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        ("again", ASKED),
        ("never", None),
        ("more_memory", MORE["oom"]),
        ("more_walltime", MORE["timeout"]),
        ("more_disk", MORE["disk"]),
    ],
)
def test_the_specs_own_table_by_exit_code(action: Any, expected: Resources | None) -> None:
    retry = Retry(exit_codes={40: action})
    assert asked_again("exit_code", retry, exit_code=40) == expected
    assert asked_again("exit_code", retry, exit_code=41) == ASKED
    third = decide("exit_code", attempts(*["exit_code"] * 3, exit_code=40), ASKED, retry)
    assert third.again == (action != "never")
    assert decide("exit_code", attempts("exit_code", exit_code=40), ASKED, retry, forced=True).again


def test_what_is_held_gets_more_than_was_seen_while_it_ran() -> None:
    """The job that is held is told of twice: how it ran, and that it is held now."""
    ran = {"cause": "oom", "exit_code": None, "native_id": "7.0", "observed": {"peak": 5 * GB}}
    held = {"cause": "oom", "exit_code": None, "native_id": "7.0", "observed": {"kind": "held"}}
    before = {**ran, "native_id": "6.0", "observed": {"peak": 9 * GB}}
    again = decide("oom", [before, ran, held], ASKED, Retry(), forced=True)
    assert again.resources.memory == 10 * GB


@pytest.mark.parametrize("cause", ["stage_in", "stage_out"])
def test_copies_that_fail_one_after_another_end_some_time(cause: str) -> None:
    def again(*causes: str, forced: bool = False) -> bool:
        return decide(cause, attempts(*causes), ASKED, Retry(), forced=forced).again

    assert again(*[cause] * 4)
    assert not again(*[cause] * 5)
    assert again(*[cause] * 4, "exit_code", cause)
    assert again(*[cause] * 6, forced=True)
    good = {"cause": None, "state": "succeeded", "exit_code": 0}
    mixed = [*attempts(*[cause] * 4), good, *attempts(cause)]
    assert decide(cause, mixed, ASKED, Retry()).again


@pytest.mark.parametrize("cause", ONCE_MORE)
def test_what_finishes_items_between_two_failures_goes_on(cause: str) -> None:
    def decided(*new: int) -> bool:
        made = attempts(*[cause] * len(new))
        for attempt, items in zip(made, new, strict=True):
            attempt["ledger"] = {"bytes": 9, "items": 3, "new": items}
        return decide(cause, made, ASKED, Retry()).again

    assert decided(3, 2)
    assert decided(0, 0, 0, 1)
    assert not decided(3, 0)
    assert not decided(3, 2, 0)


def test_what_never_comes_to_its_destination_is_not_redone_for_ever() -> None:
    def decided(number: int, *, forced: bool = False) -> Decision:
        made = attempts(*["bad_output"] * number)
        for attempt in made:
            attempt["destination"] = [{"problem": "no companion"}]
        return decide("bad_output", made, ASKED, Retry(), forced=forced)

    assert decided(4).again
    assert decided(4).why == "again: it is not at its destination as it was stored"
    assert not decided(5).again
    assert "farmhand resubmit --execute --cause bad_output" in decided(5).why
    assert decided(5, forced=True).again
