from __future__ import annotations

import doctest
import math
import random
import statistics
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manifest.errors import UserError
from outputs import tag_pattern
from outputs.tag_log import NO_TAGS, Pair
from reports import (
    amounts,
    concurrency,
    estimate,
    picture,
    spread,
    timing,
    timing_plot,
    timing_table,
)
from reports.concurrency import Concurrency
from reports.timing import TimedJob

TIMES = st.lists(st.floats(0, 1e6), min_size=2, max_size=30)


@pytest.mark.parametrize(
    "module",
    [amounts, concurrency, estimate, spread, tag_pattern, timing_plot, timing_table],
    ids=lambda module: module.__name__,
)
def test_examples(module: ModuleType) -> None:
    result = doctest.testmod(module)
    assert result.attempted
    assert result.failed == 0


@given(TIMES)
def test_statistics_are_those_of_the_library(values: list[float]) -> None:
    found = spread.spread(values)
    assert found is not None
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    assert found.mean == pytest.approx(statistics.fmean(values))
    assert found.median == pytest.approx(middle)
    assert found.deviation == pytest.approx(statistics.pstdev(values), abs=1e-6)
    assert found.quartiles == pytest.approx(high - low, abs=1e-6)
    assert (found.number, found.low, found.high) == (len(values), min(values), max(values))


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(1, 20)), min_size=1, max_size=20))
def test_jobs_at_once_are_those_that_have_begun_and_not_ended(spans: list[tuple[int, int]]) -> None:
    jobs = [(float(start), float(start + long)) for start, long in spans]
    found = concurrency.concurrency(jobs)
    assert found is not None
    for moment, running in zip(found.moments, found.running, strict=True):
        assert running == sum(start <= moment < end for start, end in jobs)
    assert found.peak == max(sum(a <= start < b for a, b in jobs) for start, _ in jobs)
    whole = found.moments[-1] - found.moments[0]
    assert found.mean * whole == pytest.approx(sum(end - start for start, end in jobs))


def job(name: str, seconds: float | None, **more: object) -> TimedJob:
    pair = Pair(100.0, None, "unfinished") if seconds is None else Pair(100.0, 100.0 + seconds)
    return TimedJob(name, pairs={"total": pair}, **more)  # type: ignore[arg-type]


def test_unfinished_and_failed_jobs_poison_nothing() -> None:
    good = [job("a", 10.0), job("b", 20.0)]
    bad = [
        job("c", None),
        job("d", 1.0, reason="failed"),
        TimedJob("e"),
        TimedJob("f", pairs={"total": Pair(5.0, 4.0, "reversed")}),
        # its job went on after a part that died
        TimedJob("g", pairs={"total": Pair(0.0, 1.0), "dst": Pair(0.0, None, "unfinished")}),
    ]
    found = timing.timing(good + bad)
    assert found.quantities[0].spread == timing.timing(good).quantities[0].spread
    assert (found.counted, len(found.jobs)) == (2, 7)
    assert [(group.phase, group.reason, group.names) for group in found.left_out] == [
        (None, "unfinished", ("c", "g")),
        (None, "failed", ("d",)),
        (None, "unreadable", ("e",)),
        ("total", "reversed", ("f",)),
        ("dst", "no_tags", ("a", "b", "f")),
    ]


def test_a_damaged_tag_takes_the_job_out_of_its_phase_only() -> None:
    pairs = {"total": Pair(None, 9.0, "no_time"), "dst": Pair(1.0, 3.0)}
    found = timing.timing([TimedJob("a", pairs=pairs), job("b", 4.0)])
    assert [(one.name, one.spread and one.spread.number) for one in found.quantities] == [
        ("total", 1),
        ("dst", 1),
    ]


def test_without_tags_the_total_is_what_was_recorded() -> None:
    wall = Pair(0.0, 8.0)
    bare = TimedJob("a", pairs={"total": NO_TAGS, "dst": NO_TAGS}, recorded=wall)
    found = timing.timing([bare, TimedJob("b", pairs={"total": NO_TAGS})])
    assert found.recorded
    assert [one.name for one in found.quantities] == ["total"]
    assert found.quantities[0].spread is not None
    assert found.quantities[0].spread.mean == 8
    assert [(group.reason, group.names) for group in found.left_out] == [("no_wall_time", ("b",))]
    tagged = timing.timing([bare, job("c", 2.0)])
    assert not tagged.recorded
    assert tagged.quantities[0].spread is not None
    assert tagged.quantities[0].spread.mean == 2


def test_an_estimate_of_jobs_in_proportion() -> None:
    times = [(100, 200.0), (100, 220.0), (100, 180.0), (100, 200.0)]
    found = estimate.estimate(times, [], 100_000, 10)
    assert found is not None
    assert (found.jobs, found.job_events, found.rounds) == (1000, 100, 100)
    assert found.slot_seconds.value == pytest.approx(200_000)
    assert found.seconds.value == pytest.approx(20_000)
    assert found.output is None
    scatter = statistics.stdev([200, 220, 180, 200])
    expected = scatter * math.sqrt(1000**2 / 4 + 1000)
    assert found.slot_seconds.error == pytest.approx(expected)


def test_a_fixed_part_counts_where_jobs_of_different_sizes_show_it() -> None:
    source = random.Random(1)
    times = [(n, 600 + 2.0 * n + source.gauss(0, 20)) for n in range(100, 1100, 20)]
    small = estimate.estimate(times, [], 100_000, 1, 100)
    assert small is not None
    assert small.time_model.fixed == pytest.approx(600, rel=0.05)
    assert small.slot_seconds.value == pytest.approx(1000 * 800, rel=0.02)  # not 1000 * 100 * 3
    exact = [(n, 2.0 * n + source.gauss(0, 20)) for n in range(100, 1100, 20)]
    proportional = estimate.estimate(exact, [], 100_000, 1, 100)
    assert proportional is not None
    assert proportional.time_model.fixed == 0


def test_the_error_is_how_far_estimates_are_off() -> None:
    """Of many campaigns, as many are within one error as a normal distribution has: two thirds."""
    source = random.Random(5)
    inside = 0
    for _ in range(400):
        times = [(50, max(source.gauss(100, 15), 1)) for _ in range(30)]
        found = estimate.estimate(times, [], 3000, 1)
        assert found is not None
        assert found.slot_seconds.error is not None
        really = sum(source.gauss(100, 15) for _ in range(60))
        inside += abs(found.slot_seconds.value - really) < found.slot_seconds.error
    assert 0.62 < inside / 400 < 0.75


def test_one_job_gives_no_error_and_none_no_estimate() -> None:
    found = estimate.estimate([(10, 5.0)], [(10, 1000.0)], 100, 3)
    assert found is not None
    assert (found.slot_seconds.value, found.slot_seconds.error) == (50, None)
    assert found.output is not None
    assert found.output.value == 10_000
    assert estimate.estimate([], [], 100, 3) is None
    few = estimate.estimate([(10, 5.0)], [], 4, 3)
    assert few is not None
    assert (few.jobs, few.job_events, few.slot_seconds.value) == (1, 4, 2)


def test_very_many_steps_are_drawn_with_their_peaks() -> None:
    source = random.Random(2)
    running = tuple(source.randrange(50) for _ in range(100_000))
    busy = Concurrency(tuple(map(float, range(100_000))), running, 25.0)
    moments, kept = timing_plot.thinned(busy)
    assert len(moments) < 8000
    assert (max(kept), min(kept)) == (max(running), min(running))
    assert moments == sorted(moments)
    assert moments[-1] == 99_999


def test_a_picture_needs_a_suffix_and_matplotlib(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match=r"cannot be written as 'x\.jpg'"):
        picture.plot_format("x.jpg")
    monkeypatch.setattr(picture.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(UserError) as error:
        picture.plot_format("x.svg")
    assert "pip install 'farmhand[plots]'" in str(error.value)
