"""The example on a real SLURM, from spec to merged result, equal to the study in one piece."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.slurm.season import Field, once

if TYPE_CHECKING:
    from tests.clusters.slurm import Slurm
    from tests.slurm.season import Told

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "unbinned-toys"
TOYS = 80


def play(slurm: Slurm) -> Told:
    field = Field(slurm, slurm.workspace("toys"))
    study = shutil.copytree(EXAMPLE, field.path / "study")
    subprocess.run(["python", str(study / "make_data.py")], check=True, capture_output=True)
    # One binary, copied: jobs may not be able to read the environment that runs the tests.
    real = shutil.which("nextstat")
    assert real, "nextstat is not installed: make test installs it"
    (field.path / "bin").mkdir()
    shutil.copy(real, field.path / "bin/nextstat")
    changes = (f"work.count={TOYS}", f"prologue=PATH={field.path}/bin:$PATH")
    words = [word for change in changes for word in ("--set", change)]
    render = ("render", "study/farmhand.yaml", "--scheduler", "slurm", "--run-id", "r", *words)
    line = field(*render).stdout.strip()
    jobs = field.typed([line])
    told: Told = {"line": line, "first": field.collect(), "path": str(field.path)}
    slurm.wait(jobs)
    told["collect"] = field.collect()
    told["check"] = field.check(code=0)
    told["results"] = field.results()
    field("merge", "runs/r")
    told["merged"] = json.loads((field.run / "merged.json").read_bytes())
    whole = f"unbinned-fit-toys --config study/specs/spec.json --n-toys {TOYS} --seed 42"
    whole += " --threads 1 --output whole.json"
    slurm.run_as_user([str(field.path / "bin/nextstat"), *whole.split()], cwd=field.path)
    told["whole"] = json.loads((field.path / "whole.json").read_bytes())
    return told


@pytest.fixture(scope="module")
def told(slurm_home: Path, slurm: Slurm) -> Told:
    return once(slurm_home, "toys", lambda: play(slurm))


@pytest.mark.payload
def test_what_was_rendered_is_typed_by_hand(told: Told) -> None:
    assert told["line"] == f"sbatch {told['path']}/runs/r/slurm_array_job.sh"
    assert told["check"] == {"shards": 8, "succeeded": 8, "states": {"succeeded": 8}, "bad": []}


@pytest.mark.payload
@pytest.mark.parametrize("name", ["poi_hat", "poi_sigma", "nll", "converged"])
def test_merged_it_is_the_unsharded_study_number_for_number(told: Told, name: str) -> None:
    merged, whole = told["merged"]["results"], told["whole"]["results"]
    assert len(merged[name]) == TOYS
    assert merged[name] == whole[name]


@pytest.mark.payload
def test_the_summary_is_that_of_the_whole(told: Told) -> None:
    merged, whole = told["merged"], told["whole"]
    assert merged["summary"]["mean"] == pytest.approx(whole["summary"]["mean"], rel=1e-12)
    assert merged["merge"]["missing"] == []


@pytest.mark.payload
def test_jobs_ran_as_the_ordinary_user_in_slurm(told: Told) -> None:
    attempts: list[dict[str, Any]] = [a for row in told["results"] for a in row["attempts"]]
    run = Path(told["path"], "runs/r")
    assert {run.joinpath(a["dir"], "out.json").owner() for a in attempts} == {"farmer"}
    assert {a["node"] for a in attempts} <= {"n1", "n2"}
    assert {a["observed"]["kind"] for a in attempts} == {"completed"}
    assert {a["observed"]["source"] for a in attempts} == {"sacct"}
