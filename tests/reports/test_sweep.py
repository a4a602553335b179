"""Sweeps, worked out: speed-up and efficiency, what counts as complete, what is recommended."""

from __future__ import annotations

import csv
import doctest
import io
import xml.etree.ElementTree as ET
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manifest import sweep as sweep_file
from manifest.errors import UserError
from manifest.sweep import SCHEMA, Sweep, dump_sweep, parse_counts, parse_sweep
from outputs import agree
from reports import columns, sweep_points
from reports.columns import side_by_side
from reports.sweep_plot import draw, drawn
from reports.sweep_points import Row, Scaling, advice, scaling, worth_it
from reports.sweep_run import Measured, RunCount
from reports.sweep_table import Summary, sweep_csv, sweep_json, sweep_markdown, sweep_text


@pytest.mark.parametrize("module", [columns, sweep_points, sweep_file, agree])
def test_the_examples_in_the_code(module: Any) -> None:
    found = doctest.testmod(module)
    assert found.attempted > 0
    assert found.failed == 0


def row(shards: int, wall: float | None, *, repeat: int = 1, **more: Any) -> Row:
    """A run in which everything succeeded, unless told otherwise."""
    seen: dict[str, Any] = {"succeeded": shards, "work": 100, "wall_s": wall, "at_once": shards}
    seen |= {name: more.pop(name) for name in list(more) if name in seen}
    return Row(repeat, f"runs/s/sh{shards}_r{repeat}", Measured(shards, **seen), **more)


times = st.floats(0.01, 1e6)
counts = st.lists(st.integers(1, 10_000), min_size=1, max_size=8, unique=True)


@given(counts, st.data())
def test_speed_up_is_time_over_time_and_efficiency_that_over_the_shards(
    shards: list[int], data: st.DataObject
) -> None:
    walls = {count: data.draw(times) for count in shards}
    found = scaling(row(count, wall) for count, wall in walls.items())
    least = min(shards)
    assert found.base is not None
    assert found.base.shards == least
    assert (found.base.speedup, found.base.efficiency) == (1.0, 1.0)
    for point in found.points:
        assert point.speedup == walls[least] / walls[point.shards]
        assert point.efficiency == pytest.approx(
            walls[least] * least / (walls[point.shards] * point.shards)
        )
    assert [one.shards for one in found.points] == sorted(shards)


@given(counts, times)
def test_work_that_scales_ideally_has_efficiency_1_everywhere(
    shards: list[int], work: float
) -> None:
    found = scaling(row(count, work / count) for count in shards)
    assert all(point.efficiency == pytest.approx(1.0) for point in found.points)
    assert worth_it(found.points, 0.7) == (found.points[-1], None)


@given(counts, st.data())
def test_what_is_not_complete_counts_for_nothing(shards: list[int], data: st.DataObject) -> None:
    """Neither for medians nor as a base: and its throughput is of what was done."""
    good = [row(count, data.draw(times)) for count in shards]
    bad = [row(count, data.draw(times), repeat=2, succeeded=count - 1, work=40) for count in shards]
    alone, both = scaling(good), scaling([*good, *bad])
    assert [p.wall for p in alone.points] == [p.wall for p in both.points]
    assert [p.efficiency for p in alone.points] == [p.efficiency for p in both.points]
    for one in both.rows:
        if one.repeat == 2:
            assert "incomplete" in one.marks
            assert one.speedup is None
            wall = one.measured.wall_s
            assert wall is not None
            assert one.measured.throughput == (40 / wall if one.shards > 1 else None)
    assert all("1 of 2 complete" in point.marks for point in both.points)


def test_the_base_is_the_smallest_point_that_is_complete() -> None:
    found = scaling([row(1, 90.0, succeeded=0), row(2, 60.0), row(8, 20.0), row(4, None)])
    assert found.base is not None
    assert found.base.shards == 2
    assert [point.efficiency for point in found.points] == [None, 1.0, None, 0.75]
    assert [point.marks for point in found.points] == [("incomplete",), (), ("incomplete",), ()]
    assert advice(found, 0.7, None)[0] == "speed-up is relative to 2 shards (1 run, median)"


def test_efficiency_above_105_percent_is_marked() -> None:
    found = scaling([row(1, 100.0), row(2, 48.0), row(4, 23.0)])
    assert [point.marks for point in found.points] == [(), (), ("above 105 %",)]
    assert [one.marks for one in found.rows] == [(), (), ("above 105 %",)]


def test_medians_over_repeats() -> None:
    walls = {1: (100.0, 110.0, 300.0), 4: (25.0, 50.0, 30.0)}
    found = scaling(
        row(n, wall, repeat=r) for n, some in walls.items() for r, wall in enumerate(some)
    )
    one, four = found.points
    assert one.wall is not None
    assert four.wall is not None
    assert (one.wall.median, four.wall.median) == (110.0, 30.0)
    assert (four.wall.low, four.wall.high) == (25.0, 50.0)
    assert four.speedup == 110.0 / 30.0


def said(found: Scaling, cores: int | None = None) -> str:
    return "; ".join(advice(found, 0.7, cores))


def test_what_is_recommended() -> None:
    falling = scaling([row(1, 80.0), row(2, 42.0), row(4, 25.0), row(8, 20.0)])
    assert "recommended: up to 4 shards; beyond, efficiency falls under 70 % (50 % with 8)" in said(
        falling
    )
    steep = scaling([row(1, 80.0), row(8, 70.0)])
    assert "recommended: up to 1 shard; beyond" in said(steep)
    assert "fewer than two complete points say nothing" in said(scaling([row(1, 80.0)]))
    assert said(scaling([row(2, None)])) == "nothing can be said: no point is complete"


def test_more_shards_than_cores_say_nothing_about_the_work() -> None:
    found = scaling([row(1, 80.0), row(2, 41.0), row(4, 41.0), row(8, 41.0)])
    text = said(found, cores=2)
    assert "efficiency stays at 70 % or more up to 2 shards" in text
    assert "this machine has 2 cores: points with more shards (4, 8) say nothing" in text
    assert "recommended" not in text
    assert "this machine" not in said(found, cores=8)


def test_shards_that_could_not_run_at_once_are_said() -> None:
    found = scaling([row(1, 80.0), row(8, 41.0, at_once=2)])
    assert "fewer shards ran at once than there are (2 of 8)" in said(found)
    assert found.points[1].marks == ("2 at once",)


def attempt(start: float | None, end: float | None, name: str = "a", **more: Any) -> dict[str, Any]:
    return {
        "attempt": name, "state": "succeeded", "cause": None, "submission": 1, "started": start,
        "ended": end, "wall_s": None, "cpu_s": None, "observed": None, "host": "h", "node": None,
    } | more  # fmt: skip


def result(*attempts: dict[str, Any], good: str | None = "a") -> dict[str, Any]:
    return {
        "state": "succeeded" if good else "failed",
        "accepted_attempts": [good] if good else [],
        "attempts": list(attempts),
    }


def test_a_run_is_measured_by_what_was_done() -> None:
    count = RunCount({1: 90.0})
    count.add(10, result(attempt(100.0, 120.0, cpu_s=18.0)))
    again = (attempt(101.0, 105.0, "x", state="failed"), attempt(110.0, 140.0, cpu_s=25.0))
    count.add(10, result(*again))
    count.add(10, result(attempt(102.0, 150.0, state="failed"), good=None))
    count.add(10, result(good=None))
    seen = count.measured()
    assert (seen.shards, seen.succeeded, seen.work, seen.retries) == (4, 2, 20, 1)
    assert (seen.longest_s, seen.mean_s, seen.imbalance) == (30.0, 25.0, 1.2)
    assert (seen.wall_s, seen.throughput) == (50.0, 0.4)
    assert (seen.cpu_s, seen.wait_s, seen.at_once) == (43.0, 11.0, 3)
    assert not seen.complete


def test_what_is_not_known_is_not_zero() -> None:
    count = RunCount({})
    count.add(10, result(attempt(100.0, 120.0, host=None, observed={"node": "n1"})))
    seen = count.measured()
    assert (seen.cpu_s, seen.wait_s, seen.hosts) == (None, None, ("n1",))
    nothing = RunCount({1: 5.0})
    nothing.add(10, result(good=None))
    seen = nothing.measured()
    assert (seen.wall_s, seen.throughput, seen.longest_s, seen.at_once) == (None,) * 4


SWEEP: dict[str, Any] = {
    "schema_version": SCHEMA,
    "sweep_id": "s",
    "name": "s",
    "created_at_utc": "2026-01-01T00:00:00Z",
    "scheduler": "local",
    "work": 100,
    "unit": "toy",
    "seed": 42,
    "comparable": True,
    "host": "h",
    "cores": 2,
    "runs": [
        {"shards": 1, "repeat": 1, "run": "s/s_sh1_r1"},
        {"shards": 1, "repeat": 2, "run": "s/s_sh1_r2"},
    ],
}


def summary(*rows: Row) -> Summary:
    found = scaling(rows)
    notes = advice(found, 0.7, None)
    return Summary(Sweep.model_validate(SWEEP), found, True, notes)


ROWS = (
    row(1, 80.0, converged=100, errors=0),
    row(2, 41.0, converged=99, errors=1, differs=True),
    row(4, 30.0, succeeded=3, work=75),
)
PINNED = ["Shards", "ok/total", "Makespan", "Throughput", "n_converged", "n_error", "Run dir"]


def test_the_table_has_the_columns_that_are_expected_in_their_order() -> None:
    (head,) = [line for line in sweep_markdown(summary(*ROWS)).splitlines() if "ok/total" in line]
    names = [name.strip() for name in head.strip("|").split("|") if name.strip() != "Repeat"]
    assert names[: len(PINNED)] == PINNED
    assert {"Wall clock", "Queue wait", "CPU", "Imbalance", "Speed-up", "Efficiency"} < set(names)
    assert {"Retries", "Hosts"} < set(names)


def test_what_is_not_a_toy_study_has_no_columns_of_fits() -> None:
    text = sweep_markdown(Summary(summary(*ROWS).sweep, scaling(ROWS), False, []))
    assert "n_converged" not in text
    assert "n_error" not in text


def test_no_line_is_wider_than_the_terminal() -> None:
    lines = sweep_text(summary(*ROWS), 80)
    assert max(map(len, lines)) <= 80
    text = "\n".join(lines)
    assert "3/4" in text
    assert "2.500 toys/s" in text, "75 done in 30 s, and not the 100 that were planned"
    assert "incomplete" in text
    assert "differs" in text


cells = st.lists(st.text("ab", min_size=1, max_size=30), min_size=3, max_size=3)


@given(st.lists(cells, min_size=2, max_size=9), st.integers(10, 100))
def test_every_column_is_there_and_none_is_wrapped(table: list[list[str]], width: int) -> None:
    tables = side_by_side(table, width)
    assert all(len(lines) == 3 for lines in tables)
    heads = [head for lines in tables for head in lines[0].split()[1:]]
    assert heads == [column[0] for column in table[1:]]
    for lines in tables:
        alone = len(lines[0].split()) == 2
        assert alone or max(map(len, lines)) <= width


def test_the_same_is_in_csv_and_json() -> None:
    made = summary(*ROWS)
    data = sweep_json(made)
    assert [one["throughput"] for one in data["runs"]] == [100 / 80, 100 / 41, 75 / 30]
    assert data["base_shards"] == 1
    assert [point["complete"] for point in data["points"]] == [1, 1, 0]
    lines = list(csv.DictReader(io.StringIO(sweep_csv(made))))
    assert [line["marks"] for line in lines] == ["", "differs", "incomplete"]
    assert [line["queue_wait_s"] for line in lines] == ["", "", ""], "absent is not zero"
    assert [float(line["wall_s"]) for line in lines] == [80.0, 41.0, 30.0]


def test_the_picture_has_the_complete_points_with_their_spread() -> None:
    found = scaling([row(1, 80.0), row(2, 50.0), row(2, 40.0, repeat=2), row(4, 9.0, succeeded=1)])
    first, second = drawn(found.points, found.base)
    assert (first.shards, first.low, first.high) == (1, 1.0, 1.0)
    assert (second.shards, second.low, second.high) == (2, 80 / 50, 2.0)
    picture = draw(found, "sweep s", "svg", least=0.7, cores=1)
    texts = {(one.text or "").strip() for one in ET.fromstring(picture).iter() if one.text}
    assert {"sweep s", "ideal", "limit 70 %", "shards", "1", "2"} <= texts
    assert "more shards than the 1 core of this machine" in texts
    assert draw(scaling([row(4, None)]), "t", "svg", least=0.7, cores=None).startswith(b"<?xml")


def test_a_sweep_file_is_read_as_it_was_written() -> None:
    made = Sweep.model_validate(SWEEP)
    assert parse_sweep(dump_sweep(made), "f") == made
    assert [one.run for one in made.counted] == ["s/s_sh1_r1", "s/s_sh1_r2"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"schema_version": "farmhand.sweep/2"}, "has the schema 'farmhand.sweep/2'"),
        ({"schema_version": "nextstat.pf32_shard_sweep.v1"}, "this farmhand reads"),
        ({"runs": []}, "runs: "),
        ({"runs": [{"shards": 1, "repeat": 1, "run": "../else"}]}, "does not lie beside"),
        ({"runs": [{"shards": 1, "repeat": 1, "run": "/else"}]}, "does not lie beside"),
        ({"runs": [SWEEP["runs"][0]] * 2}, "a run is listed twice"),
        ({"runs": [{"shards": 1, "repeat": 0, "run": "w"}]}, "no run counts"),
        ({"runs": [{"shards": 0, "repeat": 1, "run": "w"}]}, "runs.0.shards"),
        ({"colour": "blue"}, "colour: "),
    ],
)
def test_sweep_files_that_cannot_be_used(change: dict[str, Any], told: str) -> None:
    data = (SWEEP | change).__repr__().replace("'", '"').replace("True", "true")
    with pytest.raises(UserError, match="sweep file") as error:
        parse_sweep(data.encode(), "f.sweep.json")
    assert told in str(error.value)


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"{}", b"null"])
def test_files_that_are_no_sweep_files(data: bytes) -> None:
    with pytest.raises(UserError, match="the sweep file cannot be used"):
        parse_sweep(data, "f")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("1,2,2", "2 stands there twice"),
        ("01,1", "1 stands there twice"),
        ("1,,2", "'' is not a number of shards"),
        ("0", "'0'"),
        ("a", "'a'"),
        ("-1", "'-1'"),
        ("1.5", "'1.5'"),
        ("²", "'²'"),
    ],
)
def test_numbers_of_shards_that_are_none(text: str, told: str) -> None:
    with pytest.raises(UserError) as error:
        parse_counts(text)
    assert told in str(error.value)
