"""The example of chunks, typed as its page says: on this machine, and on LSF's stand-in."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from tests.typed_page import blocks, typed

if TYPE_CHECKING:
    from tests.clusters.lsf.stand_in import StandIn

pytestmark = pytest.mark.hadd

EXAMPLE = Path(__file__).resolve().parents[2] / "examples/chunks"
SAMPLES = {"DYJets": (4, 10), "TTJets": (3, 6), "WZ": (3, 3), "Data": (1, 1)}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    folder = tmp_path / "chunks"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("data", "runs"))
    return folder


def test_from_nothing_to_merged_with_three_chunks_broken(place: Path) -> None:
    begin, broken, repaired, _ = blocks(EXAMPLE)
    for command in begin:
        said = typed(place, command)
    assert "11 shards: 11 succeeded" in said
    for command in broken[:-1]:
        typed(place, command)
    said = typed(place, broken[-1], code=1)
    for told in (
        "DYJets_Chunk1: exit code 0, but out_events.root is truncated at",
        "TTJets_Chunk0: exit code 0, but cutflow.txt does not exist",
        "WZ_Chunk2: exit code 0, but out_events.root has no object 'selected'",
    ):
        assert told in " ".join(said.split())
    refused = typed(place, "farmhand merge runs/chunks", code=1)
    assert all(chunk in refused for chunk in ("DYJets_Chunk1", "TTJets_Chunk0", "WZ_Chunk2"))
    assert not (place / "runs/chunks/merged").exists()
    for command in repaired:
        said = typed(place, command)
    assert said.count("equals an unsplit run, number for number") == len(SAMPLES)
    for sample, (chunks, files) in SAMPLES.items():
        path = place / "runs/chunks/merged" / sample / "processing.yaml"
        told = yaml.safe_load(path.read_text(encoding="utf-8"))
        assert told["chunks"] == {"good": chunks, "expected": chunks, "missing": []}
        assert told["files"] == {"good": files, "expected": files}
    attempts = {path.parent.name for path in place.glob("runs/chunks/shards/*/*/stdout")}
    assert len(attempts) == 14


def test_on_lsf(place: Path, lsf: StandIn) -> None:
    begin, _, repaired, batch = blocks(EXAMPLE)
    typed(place, begin[0])
    typed(place, batch[0])
    said = typed(place, batch[1])
    assert said.count("submitted") >= 11
    lsf.wait()
    assert "11 succeeded" in typed(place, batch[2])
    typed(place, "farmhand collect --in-place runs/batch")
    assert "nothing resubmitted" in typed(place, batch[3])
    assert len(lsf.jobs()) == 11
    typed(place, "farmhand merge runs/batch")
    assert typed(place, repaired[-1].replace("chunks", "batch")).count("equals") == 4


def test_the_configuration_in_python_makes_the_same_chunks(place: Path) -> None:
    typed(place, "python3 make_data.py")
    told = {}
    for name in ("farmhand.yaml", "analysis_cfg.py"):
        typed(place, f"farmhand render {name} --run-id r --out-dir {name[0]}")
        plan = place / name[0] / "r" / "plan"
        told[name] = [
            path.read_text(encoding="utf-8").replace(name, "")
            for path in sorted(plan.glob("args/*"))
        ]
    assert told["farmhand.yaml"] == told["analysis_cfg.py"]
    assert told["farmhand.yaml"]


@pytest.mark.parametrize("how", ["bash < {}", "{}", "cd / && nohup {} >/dev/null 2>&1"])
def test_a_script_runs_the_same_however_it_is_started(place: Path, how: str) -> None:
    typed(place, "python3 make_data.py && farmhand render --scheduler nohup --run-id chunks")
    script = place / "runs/chunks/shards/WZ_Chunk0/batchScript.sh"
    typed(place, how.format(script))
    [events] = script.parent.glob("*/analyzer1/out_events.root")
    assert "WZ: " in (events.parents[1] / "stdout").read_text(encoding="utf-8")
    said = typed(place, "farmhand check runs/chunks")
    assert "1 succeeded" in said
