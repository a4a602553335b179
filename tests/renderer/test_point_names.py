"""Names of points are unique and say which values were passed, to the last digit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manifest.decimals import canonical
from manifest.errors import UserError
from manifest.spec import Spec
from renderer.plan import Plan, make_plan, plan_blocks
from renderer.point_names import NameReader

NUMBERS = st.from_regex(r"[+-]?[0-9]{1,3}(\.[0-9]{0,4})?(e[+-]?[0-9]{1,2})?", fullmatch=True)
TEXTS = st.text("abcpm-_.0123", min_size=1, max_size=4)
PATTERN = "HNL_{{ point.mass | p }}GeV_{{ point.flavour }}"


def plan(grid: dict[str, Any], pattern: str, **more: Any) -> Plan:
    work = {"grid": grid, **more}
    data = {"name": "s", "command": ["x"], "work": work, "shard_name": pattern}
    return make_plan(Spec.model_validate(data), "/")


def names(made: Plan) -> list[str]:
    return [row.name for block in plan_blocks(made) for row in block]


@given(
    masses=st.lists(NUMBERS, min_size=1, max_size=6, unique_by=canonical),
    flavours=st.lists(TEXTS, min_size=1, max_size=4, unique_by=canonical),
)
def test_names_are_unique_and_read_back(masses: list[str], flavours: list[str]) -> None:
    made = plan({"mass": masses, "flavour": flavours}, PATTERN)
    assert made.names
    reader = NameReader(made.names)
    found = [row for block in plan_blocks(made) for row in block]
    assert len({row.name for row in found}) == len(masses) * len(flavours)
    for row in found:
        assert reader.read(row.name) == made.point(row)


@given(
    one=st.lists(TEXTS, min_size=1, max_size=4, unique_by=canonical),
    two=st.lists(TEXTS, min_size=1, max_size=4, unique_by=canonical),
)
def test_a_name_that_could_be_two_points_is_refused(one: list[str], two: list[str]) -> None:
    made = plan({"a": one, "b": two}, "n{{ point.a }}_{{ point.b }}")
    assert made.names
    reader = NameReader(made.names)
    try:
        found = [row for block in plan_blocks(made) for row in block]
    except UserError as error:
        assert "could as well be" in str(error) or "two shards" in str(error)  # noqa: PT017
        assert any("_" in text for text in one + two)
        return
    assert [reader.read(row.name) for row in found] == [made.point(row) for row in found]


def test_a_name_as_productions_write_it() -> None:
    grid = {"mass": ["2.6", "-1.5", "1e-3"], "flavour": ["muon"], "mode": ["direct"]}
    assert names(plan(grid, PATTERN + "_{{ point.mode }}")) == [
        "HNL_2p6GeV_muon_direct",
        "HNL_m1p5GeV_muon_direct",
        "HNL_1em3GeV_muon_direct",
    ]


def test_parameters_may_be_called_as_methods_of_a_dict_are() -> None:
    grid = {"items": ["3"], "values": ["0.5"]}
    assert names(plan(grid, "n{{ point.items }}_{{ point.values | p }}")) == ["n3_0p5"]


@pytest.mark.parametrize(
    ("grid", "pattern", "told"),
    [
        (
            {"mass": ["0.21", "0.215"]},
            "m{{ '%.2f' | format(point.mass | float) }}",
            "has to read back as the very values",
        ),
        ({"mass": ["0.21", "0.215"]}, "m{{ point.mass | float }}", "has to read back"),
        ({"mass": ["1"]}, "m{{ point['mass'] | replace('1', '2') }}", "has to read back"),
        (
            {"mass": ["1", "2"], "mode": ["a", "b"]},
            "m{{ point.mass }}",
            r"named 'm1': shard 0 \(mass=1 mode=a\) and shard 1 \(mass=1 mode=b\)",
        ),
        (
            {"a": ["1", "11"], "b": ["11", "1"]},
            "m{{ point.a | p }}{{ point.b | p }}",
            "'m111', the name of a=1 b=11, does not read back",
        ),
        ({"a": ["muon"]}, "{{ point.a | p }}", "'muon' is no number"),
        ({"a": ["1"]}, "{{ point.b }}", "point.b is not defined"),
        ({"a": ["x y"]}, "{{ point.a }}", r"shard 0 \(a=x y\): 'x y' is not safe"),
    ],
)
def test_a_pattern_that_loses_something_is_refused(
    grid: dict[str, Any], pattern: str, told: str
) -> None:
    with pytest.raises(UserError, match=told):
        names(plan(grid, pattern))


def test_points_are_no_part_of_other_work(tmp_path: Path) -> None:
    data = {"name": "s", "command": ["x", "{{ point.mass }}"], "work": {"count": 1}}
    with pytest.raises(UserError, match=r"point\.mass is not defined"):
        make_plan(Spec.model_validate(data), str(tmp_path))


def test_components_share_only_what_all_have() -> None:
    work = {"grid": {"x": ["1"], "y": ["2"]}}
    data = {
        "name": "s",
        "command": ["run", "{{ point.x }}", "{{ point.y }}"],
        "components": {"a": {"work": work}, "b": {"work": {"grid": {"x": ["3"]}}}},
    }
    with pytest.raises(UserError, match=r"give it to 'b' too: components\.b\.work\.grid\.y"):
        make_plan(Spec.model_validate(data), "/")
