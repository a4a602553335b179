"""Every point of a grid is planned once, and rules fit what they say."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manifest.decimals import canonical
from manifest.errors import UserError
from manifest.grid import Interval
from manifest.spec import Spec
from manifest.splitting import Part, Row, plan_parts, rows

MASSES = ["0.215", "0.5", "1", "2.60"]
GRID = {"mass": MASSES, "flavour": ["electron", "muon", "tau"], "mode": ["direct", "fromTau"]}
SEED = {"spawn": "42", "bits": "29"}


def parts(grid: dict[str, Any], **more: Any) -> list[Part]:
    work = {"grid": grid, **more}
    return plan_parts(Spec.model_validate({"name": "s", "command": ["x"], "work": work}))


def planned(grid: dict[str, Any], **more: Any) -> list[Row]:
    return list(rows(parts(grid, **more)))


@st.composite
def grids(draw: st.DrawFn) -> dict[str, Any]:
    names = draw(st.lists(st.sampled_from("abcdef"), min_size=1, max_size=4, unique=True))
    value = st.integers(-20, 20).map(str) | st.text("xyz.-", min_size=1, max_size=3)
    columns = {
        name: draw(st.lists(value, min_size=1, max_size=5, unique_by=canonical)) for name in names
    }
    rule = st.lists(st.sampled_from(names), min_size=1, unique=True).flatmap(
        lambda chosen: st.fixed_dictionaries(
            {name: st.lists(st.sampled_from(columns[name]), min_size=1) for name in chosen}
        )
    )
    return {"grid": columns, "rules": draw(st.lists(rule, max_size=3))}


@given(made=grids(), units=st.integers(1, 5), shards=st.integers(1, 5))
def test_every_point_that_is_left_is_planned_once(
    made: dict[str, Any], units: int, shards: int
) -> None:
    columns, rules = made["grid"], made["rules"]
    points = [dict(zip(columns, values, strict=True)) for values in product(*columns.values())]
    fits = [
        next((n for n, rule in enumerate(rules) if all(p[k] in v for k, v in rule.items())), None)
        for p in points
    ]
    exclude = [{"when": rule, "reason": "r"} for rule in rules]
    more = {"exclude": exclude, "per_point": units, "shards_per_point": min(units, shards)}
    left = [p for p, fit in zip(points, fits, strict=True) if fit is None]
    if not left:
        with pytest.raises(UserError, match="points are excluded"):
            parts(columns, **more)
        return
    [part] = parts(columns, **more, seed={"spawn": 1})
    assert part.points
    found = list(rows([part]))
    names = part.points.names
    assert [dict(zip(names, row.point, strict=True)) for row in found] == [
        point for point in left for _ in range(min(units, shards))
    ]
    assert part.points.excluded == [fits.count(n) for n in range(len(rules))]
    assert (part.points.total, part.shards) == (len(points), len(found))
    units_done = [unit for row in found for unit in range(row.start, row.start + row.size)]
    assert units_done == list(range(part.count)) == list(range(len(left) * units))
    assert len({row.seed for row in found}) == len(found)
    assert sum(shards for _, shards in part.points.needs()) == len(found)


def test_what_is_zipped_goes_together() -> None:
    grid = {"mass": ["1", "2"], "mode": ["a", "b"], "width": ["0.1", "0.1"]}
    found = [row.point for row in planned(grid, zip=["mass", "width"])]
    assert found == [("1", "0.1", "a"), ("1", "0.1", "b"), ("2", "0.1", "a"), ("2", "0.1", "b")]


def test_the_text_stays_as_it_was_written() -> None:
    grid = {"mass": ["2.60", {"from": "0.2", "to": "0.23", "step": "0.015"}], "id": ["007", "1e5"]}
    assert {row.point[0] for row in planned(grid)} == {"2.60", "0.200", "0.215", "0.230"}
    assert {row.point[1] for row in planned(grid)} == {"007", "1e5"}


def test_overrides_change_what_they_fit() -> None:
    overrides = [
        {"when": {"mass": "2.6"}, "per_point": 7, "resources": {"memory": "4 GB"}},
        {"when": {"flavour": "tau", "mass": {"above": "1"}}, "resources": {"cpus": 2}},
    ]
    [part] = parts(GRID, overrides=overrides, per_point=3)
    assert part.points
    assert {(row.point[0], row.size) for row in rows([part])} == {
        ("0.215", 3),
        ("0.5", 3),
        ("1", 3),
        ("2.60", 7),
    }
    needs = [(needs and (needs.memory, needs.cpus), n) for needs, n in part.points.needs()]
    assert needs == [(None, 18), ((4 << 30, None), 4), ((4 << 30, 2), 2)]


def seeds(grid: dict[str, Any], **more: Any) -> dict[frozenset[tuple[str, str]], int | None]:
    [part] = parts(grid, seed=SEED, **more)
    assert part.points
    names = part.points.names
    return {
        frozenset(
            (name, canonical(value)) for name, value in zip(names, row.point, strict=True)
        ): row.seed
        for row in rows([part])
    }


def test_a_seed_belongs_to_its_point_alone() -> None:
    all_seeds = seeds(GRID)
    assert len(set(all_seeds.values())) == 24
    assert all(seed and 0 < seed < 900_000_000 for seed in all_seeds.values())
    fewer = seeds(
        {"mode": ["fromTau", "direct"], "flavour": ["tau", "muon"], "mass": ["2.6", "0.2150"]},
        exclude=[{"when": {"mode": "fromTau", "flavour": "muon"}, "reason": "r"}],
        per_point=9,
    )
    assert len(fewer) == 6
    assert fewer.items() <= all_seeds.items()


def test_a_point_in_several_shards_keeps_the_seed_of_its_first() -> None:
    one = [row.seed for row in planned(GRID, seed=SEED, per_point=4)]
    four = [row.seed for row in planned(GRID, seed=SEED, per_point=4, shards_per_point=4)]
    assert four[::4] == one
    assert len(set(four)) == len(four) == 4 * len(one)


def test_points_are_counted_without_visiting_them() -> None:
    wide = {"from": "1", "to": "5000", "step": "1"}
    rule = {"when": {"a": {"above": "4000"}, "c": ["7", "8"]}, "reason": "r"}
    [part] = parts({"a": wide, "b": wide, "c": wide}, exclude=[rule])
    assert part.points
    assert part.points.total == 5000**3
    assert part.points.excluded == [1000 * 5000 * 2]
    assert part.shards == 5000**3 - 1000 * 5000 * 2
    assert next(part.cuts()).point == ("1", "1", "1")


def test_components_may_be_grids() -> None:
    components = {
        "a": {"work": {"grid": {"x": ["1", "2"]}, "seed": {"spawn": 1}}},
        "b": {"work": {"count": 4}, "shards": 2},
        "c": {"work": {"grid": {"x": ["3"], "y": ["4"]}}, "resources": {"cpus": 3}},
    }
    spec = Spec.model_validate(
        {"name": "s", "command": ["x"], "components": components, "shards": 5}
    )
    found = list(rows(plan_parts(spec)))
    assert [(row.shard, row.component, row.point) for row in found] == [
        (0, "a", ("1",)),
        (1, "a", ("2",)),
        (2, "b", ()),
        (3, "b", ()),
        (4, "c", ("3", "4")),
    ]


@given(value=st.integers(-30, 30), low=st.integers(-30, 30), high=st.integers(-30, 30))
def test_bounds_are_those_of_the_words(value: int, low: int, high: int) -> None:
    def takes(**bounds: int) -> bool:
        given = {word.rstrip("_"): f"{bound}.0" for word, bound in bounds.items()}
        return Interval.model_validate(given).takes(str(value))

    assert takes(from_=low, to=high) == (low <= value <= high)
    assert takes(above=low, below=high) == (low < value < high)


AB = {"a": ["1", "2"], "b": ["3", "4"]}


@pytest.mark.parametrize(
    ("grid", "more", "told"),
    [
        ({"a": ["1", "1"]}, {}, "a=1 is there twice"),
        ({"a": ["x", "y", "x"]}, {}, "a=x is there twice"),
        ({"a": ["2.6", "2.60"]}, {}, "a=2.60 is a=2.6 again, as a number"),
        ({"a": ["-0", "0"]}, {}, "again, as a number"),
        (
            {"a": [{"from": "1", "to": "2", "step": "1"}, {"from": "2", "to": "3", "step": "1"}]},
            {},
            "a=2 is there twice",
        ),
        ({"a": ["1", "1"], "b": ["2", "2.0"]}, {"zip": ["a", "b"]}, "a=1 b=2.0 is a=1 b=2 again"),
        ({"a": ["1", "2"], "b": ["3"]}, {"zip": ["a", "b"]}, "2 of a, 1 of b"),
        (AB, {"zip": ["a", "c"]}, "there is no parameter 'c'"),
        (AB, {"zip": [["a", "b"], ["b"]]}, "'b' is there twice"),
        (AB, {"exclude": [{"when": {"a": "5"}, "reason": "r"}]}, "no point has a=5"),
        (AB, {"exclude": [{"when": {"a": ["1", "5"]}, "reason": "r"}]}, "no point has a=5"),
        (AB, {"exclude": [{"when": {"c": "5"}, "reason": "r"}]}, "there is no parameter 'c'"),
        (
            AB,
            {"exclude": [{"when": {"a": {"above": "2"}}, "reason": "r"}]},
            "no point has a above 2",
        ),
        (
            AB,
            {"zip": ["a", "b"], "exclude": [{"when": {"a": "1", "b": "4"}, "reason": "r"}]},
            "not together",
        ),
        (
            AB,
            {"exclude": [{"when": {"a": ["1", "2.0"]}, "reason": "r"}]},
            "all 4 points are excluded",
        ),
        (AB, {"overrides": [{"when": {"a": "5"}, "per_point": 2}]}, "no point has a=5"),
        (AB, {"overrides": [{"when": {"c": "5"}, "per_point": 2}]}, "there is no parameter 'c'"),
        (
            AB,
            {
                "overrides": [
                    {"when": {"a": "1"}, "resources": {"memory": "1 GB"}},
                    {"when": {"b": "4"}, "resources": {"memory": "2 GB"}},
                ]
            },
            r"a=1 b=4: overrides\[0\] and \[1\] contradict each other about resources.memory",
        ),
        (AB, {"shards_per_point": 2}, "1 would be empty"),
        (AB, {"seed": 42}, "another seed"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    grid: dict[str, Any], more: dict[str, Any], told: str
) -> None:
    with pytest.raises(UserError, match=told):
        parts(grid, **more)


def test_shards_do_not_split_a_grid() -> None:
    work = {"grid": AB}
    for data in ({"work": work, "shards": 3}, {"components": {"a": {"work": work, "shards": 3}}}):
        spec = Spec.model_validate({"name": "s", "command": ["x"], **data})
        with pytest.raises(UserError, match="each point is a shard"):
            plan_parts(spec)
