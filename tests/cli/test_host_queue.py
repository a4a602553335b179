"""The queue that hosts take from: own shards first, nobody waits for nothing."""

from __future__ import annotations

import threading

from hypothesis import given
from hypothesis import strategies as st

from farmhand.host_queue import HostQueue


def test_a_host_takes_its_own_first_and_then_what_is_free() -> None:
    queue = HostQueue(reassign=True)
    queue.fill([0, 1, 2, 3], {0: "a", 1: "b"}, 0)
    assert queue.take("a", 3) == [0, 2, 3]
    assert queue.take("a", 3) == []  # what is another's stays there
    assert queue.take("b", 9) == [1]


def test_what_a_host_leaves_goes_to_others_only_when_allowed() -> None:
    for reassign, found in ((True, [0, 1]), (False, [])):
        queue = HostQueue(reassign=reassign)
        queue.fill([0, 1], {0: "a", 1: "a"}, 0)
        assert queue.take("a", 1) == [0]
        queue.give_back("a", [0], lost=True)
        queue.leave("a")
        assert queue.take("b", 9) == found
        assert queue.left() == ([] if reassign else [0, 1])


def test_a_host_waits_while_others_may_fail_and_no_longer() -> None:
    queue = HostQueue(reassign=True)
    queue.fill([0], {0: "a"}, 0)
    assert queue.take("a", 1) == [0]
    assert queue.wait_for_more("b", 0.01)  # a may be lost yet
    queue.ended(1)
    assert not queue.wait_for_more("b", 60)
    assert not queue.wait_for_more("a", 60)


def test_without_reassigning_nobody_waits_for_others() -> None:
    queue = HostQueue(reassign=False)
    queue.fill([0], {0: "a"}, 0)
    assert not queue.wait_for_more("b", 60)


def test_no_more_run_at_a_time_than_the_limit_says() -> None:
    queue = HostQueue(reassign=True, most=2)
    queue.fill(range(5), {}, 1)
    assert queue.take("a", 9) == [0]
    assert queue.take("b", 9) == []
    assert not queue.has_for("b")
    assert queue.wait_for_more("b", 0.01)
    queue.ended(1)
    assert queue.take("b", 9) == [1]


@given(
    st.integers(0, 40),
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 3), st.booleans()), max_size=60),
)
def test_every_shard_is_taken_once_or_left(shards: int, moves: list[tuple[str, int, bool]]) -> None:
    """Whatever hosts do in whatever order, a shard is with one of them, done, or in the queue."""
    queue = HostQueue(reassign=True)
    queue.fill(range(shards), {i: "abc"[i % 3] for i in range(0, shards, 2)}, 0)
    done: list[int] = []
    for host, most, fails in moves:
        taken = queue.take(host, most)
        if fails:
            queue.give_back(host, taken, lost=bool(len(done) % 2))
        else:
            done += taken
            queue.ended(len(taken))
    assert sorted([*done, *queue.left()]) == list(range(shards))


def test_threads_wake_up_for_what_comes_back() -> None:
    queue = HostQueue(reassign=True)
    queue.fill([0], {0: "a"}, 0)
    queue.take("a", 1)
    found: list[int] = []

    def work() -> None:
        while queue.wait_for_more("b", 5):
            found.extend(queue.take("b", 1))
            if found:
                queue.ended(1)

    thread = threading.Thread(target=work)
    thread.start()
    queue.give_back("a", [0], lost=True)
    queue.leave("a")
    thread.join(20)
    assert not thread.is_alive()
    assert found == [0]
