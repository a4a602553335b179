from __future__ import annotations

import random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from reports.hosts import Host, by_host, host_lines, standing_out

ENDS = [("succeeded", None), ("failed", "exit_code"), ("failed", "oom"), ("lost", "node")]


def attempt(host: str, state: str, cause: str | None = None, wall: float = 60.0) -> dict[str, Any]:
    return {"host": host, "state": state, "cause": cause, "wall_s": wall}


def rows(*attempts: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"attempts": [one]} for one in attempts]


def farm(**hosts: tuple[int, int]) -> list[Host]:
    """Return what is said of hosts with so many failures by exit code of so many attempts."""
    made = []
    for host, (failed, number) in hosts.items():
        made += [attempt(host, "failed", "exit_code", 9.0)] * failed
        made += [attempt(host, "succeeded")] * (number - failed)
    return by_host(rows(*made))


def names(hosts: list[Host]) -> list[str]:
    return [host.name for host in standing_out(hosts)]


def test_a_host_where_everything_fails_stands_out() -> None:
    hosts = farm(node07=(14, 14), node08=(0, 250), node09=(5, 236))
    assert names(hosts) == ["node07"]
    lines = list(host_lines(hosts, standing_out(hosts)))
    assert lines[1].split() == ["node07", "14", "of", "14", "9s", "14", "exit_code"]
    assert lines[2].split() == ["all", "others", "5", "of", "486", "9s", "5", "exit_code"]


def test_a_command_that_fails_everywhere_is_no_fault_of_a_host() -> None:
    assert names(farm(a=(40, 40), b=(38, 38), c=(3, 3))) == []
    assert names(farm(a=(20, 40), b=(22, 40), c=(19, 40))) == []
    assert names(farm(alone=(14, 20))) == []


def test_a_host_with_a_few_successes_may_stand_out_and_three_of_chance_do_not() -> None:
    assert names(farm(a=(12, 15), b=(10, 400))) == ["a"]
    assert names(farm(a=(3, 3), b=(200, 400))) == []


def test_what_was_asked_for_and_what_was_cancelled_is_not_held_against_a_host() -> None:
    good = [attempt("b", "succeeded")] * 50
    for cause in ("oom", "timeout", "preempted"):
        assert names(by_host(rows(*[attempt("a", "failed", cause)] * 9, *good))) == []
    cancelled = by_host(rows(*[attempt("a", "cancelled", "cancelled")] * 9, *good))
    assert [(host.name, host.failed) for host in cancelled] == [("b", 0)]


def test_a_host_that_went_down_stands_out_and_so_do_three_of_its_own_causes() -> None:
    assert names(by_host(rows(attempt("a", "lost", "node")))) == ["a"]
    few = [attempt("a", "failed", "setup")] * 3
    assert names(by_host(rows(*few, attempt("b", "succeeded")))) == ["a"]
    assert names(by_host(rows(*few[:2], attempt("b", "succeeded")))) == []


def test_the_time_is_the_longest_failure_and_unknown_is_not_zero() -> None:
    (host,) = by_host(rows(attempt("a", "failed", "setup", 2.0), attempt("a", "failed", "setup")))
    assert host.within_s == 60.0
    told = {"host": "a", "state": "failed", "cause": None, "wall_s": None, "observed": None}
    (host,) = by_host(rows(told))
    assert host.within_s is None
    assert next(line for line in host_lines([host]) if line[0] == "a").split()[4:] == [
        "?",
        "1",
        "failed",
    ]
    seen = {**told, "node": "n", "observed": {"started": 5.0, "ended": 8.5}}
    assert by_host(rows(seen))[0].within_s == 3.5


@given(
    st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from(ENDS)), max_size=60), st.randoms()
)
def test_every_ended_attempt_is_counted_once_in_any_order(
    ends: list[tuple[str, tuple[str, str | None]]], chance: random.Random
) -> None:
    made = rows(*(attempt(host, *end) for host, end in ends))
    hosts = by_host(made)
    assert sum(host.attempts for host in hosts) == len(ends)
    assert sum(host.succeeded for host in hosts) == sum(end == ENDS[0] for _, end in ends)
    chance.shuffle(made)
    assert [host.as_json() for host in by_host(made)] == [host.as_json() for host in hosts]
