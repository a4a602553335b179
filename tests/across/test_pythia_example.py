"""The grid of Pythia samples, typed as its page says; Pythia itself is asked again."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest

from tests.typed_page import blocks, typed

pytestmark = pytest.mark.pythia

EXAMPLE = Path(__file__).resolve().parents[2] / "examples/pythia-grid"
POINTS = [
    (mass, flavour, mode)
    for mass in ("0.300", "0.315", "0.330", "1.0", "2.6")
    for flavour in ("electron", "muon", "tau")
    for mode in ("direct", "fromTau")
    if mode == "direct" or (flavour == "tau" and mass != "2.6")
]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    folder = tmp_path / "pythia-grid"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("runs", "__pycache__"))
    return folder


def test_from_nothing_to_tables_that_equal_direct_calls(place: Path) -> None:
    dry, *commands = blocks(EXAMPLE)[0]
    said = typed(place, dry)
    assert "30 points, 11 of them excluded: 19 left" in said
    assert "a tau is too light for it" in said
    for command in commands:
        said = typed(place, command)
    assert "19 samples, 4100 events: each equals a direct call with its seed" in said
    run = place / "runs/hnl"
    plans = json.loads((run / "manifest.json").read_bytes())["plans"]
    assert [tuple(plan["point"].values()) for plan in plans] == POINTS
    assert len({plan["seed"] for plan in plans}) == 19
    for plan in plans:
        mass, flavour, mode = plan["point"].values()
        assert plan["name"] == f"HNL_{mass.replace('.', 'p')}GeV_{flavour}_{mode}"
        assert plan["size"] == (300 if mass == "2.6" else 200)
    for plan in plans[::6]:  # asked again in the shell, as somebody without farmhand would
        words = [*plan["point"].values(), str(plan["size"]), str(plan["seed"]), "direct.csv"]
        typed(place, " ".join(["python3 generate.py", *words]))
        published = run / f"outputs/csv/{plan['name']}.csv"
        assert (place / "direct.csv").read_bytes() == published.read_bytes()
    tables = {path.name: path for path in (run / "merged").iterdir()}
    assert len(tables) == 15
    with open(tables["mass=0.315,flavour=tau.csv"], encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["sample"] for row in rows} == {
        "HNL_0p315GeV_tau_direct",
        "HNL_0p315GeV_tau_fromTau",
    }
    assert len(rows) == 400


def test_a_sample_that_is_not_what_pythia_gives_is_noticed(place: Path) -> None:
    few = "farmhand render --run-id hnl --set work.per_point=3 --set work.grid.mass=1.0"
    changed = "--set work.overrides.0.when.mass=1.0 --set work.overrides.0.per_point=3"
    excluded = """--set 'work.exclude=[{when: {mode: fromTau}, reason: few}]'"""
    typed(place, f"{few} {changed} {excluded}")
    for command in blocks(EXAMPLE)[0][2:]:
        typed(place, command)
    sample = place / "runs/hnl/outputs/csv/HNL_1p0GeV_muon_direct.csv"
    text = sample.read_text(encoding="utf-8")
    sample.write_text(text.replace(",13\n", ",-13\n", 1), encoding="utf-8")
    said = typed(place, blocks(EXAMPLE)[0][-1], code=1)
    assert "HNL_1p0GeV_muon_direct is not what a direct call gives" in said


def test_on_a_batch_system_the_heaviest_are_an_array_of_their_own(place: Path) -> None:
    said = typed(place, blocks(EXAMPLE)[1][0])
    assert said.count("\nsbatch ") + said.startswith("sbatch ") == 2
    document = json.loads((place / "runs/batch/manifest.json").read_bytes())
    assert [sub["resources"]["memory"] >> 20 for sub in document["submissions"]] == [500, 1024]
    assert document["submissions"][1]["shards"] == "16-18"
