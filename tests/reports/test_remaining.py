import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.remaining import Clock


def test_nothing_is_known_before_a_job_has_ended() -> None:
    assert Clock().remaining({"a": 10}, [("a", 5.0)], 1) is None


def test_equal_jobs_make_it_exact() -> None:
    clock = Clock()
    for _ in range(4):
        clock.ended("a", 10.0)
    found = clock.remaining({"a": 6}, [("a", 4.0), ("a", 4.0)], 2)
    assert found is not None
    assert (found.low, found.likely, found.high) == pytest.approx((36, 36, 36))  # (60 + 12) / 2


def test_kinds_that_differ_are_told_apart_and_an_unknown_kind_is_like_all() -> None:
    clock = Clock()
    for _ in range(5):
        clock.ended("short", 1.0)
        clock.ended("long", 99.0)
    short = clock.remaining({"short": 10}, [], 1)
    long = clock.remaining({"long": 10}, [], 1)
    other = clock.remaining({"new": 10}, [], 1)
    assert short is not None
    assert long is not None
    assert other is not None
    assert (short.likely, long.likely, other.likely) == pytest.approx((10, 990, 500))
    assert other.high - other.low > long.high - long.low


def test_jobs_that_fail_at_once_do_not_make_the_long_ones_look_short() -> None:
    clock = Clock()
    clock.ended("a", 1.0)
    found = clock.remaining({"a": 100}, [("a", 3600.0)] * 9, 9)
    assert found is not None
    assert found.likely > 100 * 3000 / 9, "nine of ten run an hour and more"


def test_the_last_job_alone_is_not_divided_among_idle_places() -> None:
    clock = Clock()
    clock.ended("a", 100.0)
    found = clock.remaining({"a": 1}, [], 8)
    assert found is not None
    assert found.likely == 100.0
    longer = clock.remaining({}, [("a", 400.0)], 8)
    assert longer is not None
    assert longer.likely > 0, "longer than all that are known: not over yet"


def play(seed: int, jobs: int, places: int) -> list[tuple[float, float, float, float]]:
    """Run jobs through a pool; return (true time left, low, likely, high) at each end."""
    chance = random.Random(seed)
    waiting = [chance.uniform(50.0, 150.0) for _ in range(jobs)]
    running: list[tuple[float, float]] = []  # end, begin
    clock, now, told = Clock(), 0.0, []
    while waiting or running:
        while waiting and len(running) < places:
            running.append((now + waiting.pop(), now))
        running.sort()
        now, begin = running.pop(0)
        clock.ended("a", now - begin)
        found = clock.remaining({"a": len(waiting)}, [("a", now - b) for _, b in running], places)
        assert found is not None
        told.append((now, found.low, found.likely, found.high))
    return [(now - at, low, likely, high) for at, low, likely, high in told]


def test_it_sharpens_as_jobs_finish_and_the_truth_lies_in_the_range() -> None:
    inside: list[bool] = []
    for seed in range(1, 9):
        told = play(seed, 150, 8)
        width = [high - low for _, low, _, high in told]
        assert width[10] > width[40] > width[80] > width[120]
        inside += [low <= truth <= high for truth, low, _, high in told[4:-16]]
        for truth, _, likely, _ in told[20:120]:
            assert abs(likely - truth) < 0.25 * truth + 20
    assert sum(inside) > 0.85 * len(inside)


@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.floats(0, 1e6)), min_size=1, max_size=30),
    st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 1e6)), max_size=10),
    st.integers(0, 1000),
    st.integers(1, 64),
)
def test_it_is_never_negative_nor_out_of_its_own_range(
    ended: list[tuple[str, float]], running: list[tuple[str, float]], left: int, places: int
) -> None:
    clock = Clock()
    for kind, seconds in ended:
        clock.ended(kind, seconds)
    found = clock.remaining({"a": left}, running, places)
    assert found is not None
    assert 0 <= found.low <= found.likely <= found.high
