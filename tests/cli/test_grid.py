"""A grid from the spec to the manifest: points, names, seeds, resources, and what is said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

if TYPE_CHECKING:
    from tests.cli.conftest import Farm

SPEC = """\
name: hnl
work:
  grid:
    mass: [{from: 0.2, to: 0.23, step: 0.015}, 2.60]
    flavour: [muon, tau]
    mode: [direct, fromTau]
  exclude:
    - {when: {mode: fromTau, flavour: muon}, reason: only taus come from taus}
    - {when: {mode: fromTau, mass: {above: 1.64}}, reason: too heavy}
  overrides:
    - {when: {mass: 2.6}, per_point: 5, resources: {memory: 4 GB}}
  per_point: 2
  seed: {spawn: 7, bits: 29}
shard_name: "HNL_{{ point.mass | p }}GeV_{{ point.flavour }}_{{ point.mode }}"
command: [sh, -c, 'echo "$@" >point.txt', "-", "{{ point.mass }}", "{{ point.flavour }}",
          "{{ point.mode }}", "{{ shard.size }}", "{{ shard.seed }}"]
outputs: {told: point.txt}
resources: {cpus: 1}
"""
POINTS = [
    (mass, flavour, mode)
    for mass in ("0.200", "0.215", "0.230", "2.60")
    for flavour in ("muon", "tau")
    for mode in ("direct", "fromTau")
    if mode == "direct" or (flavour == "tau" and mass != "2.60")
]


@pytest.fixture
def grid(farm: Farm) -> Farm:
    (farm.path / "farmhand.yaml").write_text(SPEC, encoding="utf-8")
    return farm


def plans(run: Path) -> list[dict[str, Any]]:
    document = json.loads((run / "manifest.json").read_bytes())
    found: list[dict[str, Any]] = document["plans"]
    return found


def test_what_runs_is_what_the_manifest_says(grid: Farm) -> None:
    grid("render", "--run-id", "r")
    run = grid.path / "runs/r"
    planned = plans(run)
    keys = ("mass", "flavour", "mode")
    assert [tuple(plan["point"][key] for key in keys) for plan in planned] == POINTS
    assert [plan["name"] for plan in planned] == [
        f"HNL_{mass.replace('.', 'p')}GeV_{flavour}_{mode}" for mass, flavour, mode in POINTS
    ]
    grid("run", "runs/r")
    for plan in planned:
        [told] = (run / "shards" / plan["name"]).glob("*/point.txt")
        expected = [*plan["point"].values(), str(plan["size"]), str(plan["seed"])]
        assert told.read_text().split() == expected
        assert plan["size"] == (5 if plan["point"]["mass"] == "2.60" else 2)
    assert "point mass=0.215 flavour=tau mode=fromTau" in grid("show", "runs/r", "5").out
    before = (run / "manifest.json").read_text().partition('"plans":')[2].partition('"results"')[0]
    grid("collect", "--rebuild", "runs/r")
    assert before in (run / "manifest.json").read_text()


@pytest.mark.parametrize("words", [("render", "--dry-run"), ("plan",)])
def test_a_dry_run_tells_what_is_left_out_and_why(grid: Farm, words: tuple[str, ...]) -> None:
    said = grid(*words)
    assert "grid  4 mass x 2 flavour x 2 mode = 16 points, 5 of them excluded: 11 left" in said.err
    assert "4 excluded (mode fromTau, flavour muon): only taus come from taus" in said.err
    assert "1 excluded (mode fromTau, mass above 1.64): too heavy" in said.err
    assert "HNL_0p215GeV_tau_fromTau" in said.out
    assert "mass=0.215 flavour=tau mode=fromTau" in said.out
    listed = json.loads(grid(*words, "--json").out)
    assert [tuple(row["point"].values()) for row in listed] == POINTS
    assert not (grid.path / "runs").exists()


@pytest.mark.parametrize("scheduler", ["local", "nohup", "slurm", "htcondor", "lsf"])
def test_points_with_other_needs_are_a_submission_of_their_own(grid: Farm, scheduler: str) -> None:
    grid("render", "--scheduler", scheduler, "--run-id", "r")
    document = json.loads((grid.path / "runs/r/manifest.json").read_bytes())
    found = [(sub["shards"], sub["resources"]) for sub in document["submissions"]]
    assert found == [("0-8", {"cpus": 1}), ("9-10", {"cpus": 1, "memory": 4 << 30})]
    assert [row["point"] for row in document["plans"]] == [
        dict(zip(("mass", "flavour", "mode"), point, strict=True)) for point in POINTS
    ]


def test_the_plan_is_the_same_when_it_is_read_again(grid: Farm) -> None:
    grid("render", "--run-id", "r")
    said = grid("render", "--run-id", "r", code=2)
    assert "with this very plan" in said.err
    said = grid("render", "--run-id", "r", "--set", "work.per_point=3", code=2)
    assert "work.per_point 2 -> 3" in said.err


def test_a_slip_in_a_block_of_a_list_names_what_is_known_there(farm: Farm) -> None:
    data = yaml.safe_load(SPEC)
    for where, known in (
        (data["work"]["overrides"][0], "per_point, resources, shards_per_point, when"),
        (data["work"]["exclude"][1]["when"]["mass"], "above, below, from, to"),
    ):
        where["zzz"] = "1"
        (farm.path / "farmhand.yaml").write_text(yaml.safe_dump(data), encoding="utf-8")
        said = farm("render", "--dry-run", code=2)
        assert "unknown key 'zzz'" in said.err
        assert f"known here: {known}" in said.err
        del where["zzz"]


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("grid", "{mass: }", "work.grid.mass.0: nothing stands here"),
        ("grid", "{mass: []}", "grid.mass: is empty"),
        ("grid", "{}", "grid: is empty"),
        ("grid", "{a-b: [1]}", "'a-b' will not do as {{ point.NAME }}"),
        ("exclude", "[{when: {}, reason: r}]", "work.exclude.0.when: nothing stands here"),
        ("exclude", "[{when: {mass: 2.6}}]", "'work.exclude.0.reason' is missing"),
        ("overrides", "[{when: {mass: 2.6}}]", "says nothing"),
        ("count", "5", "exactly one of count:, items:, files:, events: and grid: (per_point: says"),
    ],
)
def test_a_bad_grid_is_named(farm: Farm, key: str, value: str, told: str) -> None:
    text = yaml.safe_load(SPEC)
    text["work"][key] = yaml.load(value, yaml.BaseLoader)
    (farm.path / "farmhand.yaml").write_text(yaml.safe_dump(text), encoding="utf-8")
    said = farm("render", "--dry-run", code=2)
    assert told in said.err
    assert "Traceback" not in said.err


MERGED = """\
merge: {kind: csv, output: table, group_by: [point.mass, point.flavour],
        key: [point.mass, point.flavour, point.mode, event],
        source_column: regime, source: point.mode}
"""


def test_modes_of_a_point_become_one_table(grid: Farm) -> None:
    text = SPEC.replace("outputs: {told: point.txt}", "outputs: {table: table.csv}")
    text = text.replace("""'echo "$@" >point.txt'""", """'printf "event\\n0\\n1\\n" >table.csv'""")
    (grid.path / "farmhand.yaml").write_text(text + MERGED, encoding="utf-8")
    grid("render", "--run-id", "r")
    grid("run", "runs/r")
    grid("merge", "runs/r")
    merged = grid.path / "runs/r/merged"
    assert {path.name for path in merged.iterdir()} == {
        f"mass={mass},flavour={flavour}.csv" for mass, flavour, _ in POINTS
    }
    table = (merged / "mass=0.215,flavour=tau.csv").read_text(encoding="utf-8")
    assert table == "event,regime\n0,direct\n1,direct\n0,fromTau\n1,fromTau\n"


def test_a_merge_that_asks_for_what_points_lack_is_refused_at_the_render(grid: Farm) -> None:
    with open(grid.path / "farmhand.yaml", "a", encoding="utf-8") as file:
        file.write(
            MERGED.replace("output: table", "output: told").replace("point.mode}", "point.mod}")
        )
    said = grid("render", code=2)
    assert "point.mod is not defined; did you mean point.mode?" in said.err
    assert "merge.source" in said.err


def test_the_table_of_the_pool_has_a_row_for_each_value_of_the_first_parameter(grid: Farm) -> None:
    grid("render", "--run-id", "r")
    said = grid("run", "runs/r").text
    rows = [line.split()[:3] for line in said.splitlines() if line.startswith("mass=")]
    assert rows == [
        ["mass=0.200", "3", "3"], ["mass=0.215", "3", "3"], ["mass=0.230", "3", "3"],
        ["mass=2.60", "2", "2"],
    ]  # fmt: skip
