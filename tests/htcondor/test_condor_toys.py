"""The toy study in both modes on a real pool: each merges to exactly the run that was not split."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.htcondor.study import Study

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.clusters.condor import Condor

EXAMPLE = Path(__file__).resolve().parents[2] / "examples/unbinned-toys"
ARRAYS = ("poi_hat", "poi_sigma", "nll", "converged")
TOYS, SHARDS = 80, 6
FILES = {"shared": "condor_job.sub", "transfer": "condor_job_transfer.sub"}
# The spec lies beside the model, and the data above them. The program is sent like any input.
SPEC: dict[str, Any] = {
    "name": "toys",
    "work": {"count": TOYS, "seed": 42},
    "shards": SHARDS,
    "command": [
        "{{ inputs.program }}", "unbinned-fit-toys", "--config", "{{ inputs.model }}",
        "--n-toys", "{{ work.count }}", "--seed", "{{ work.seed }}", "--threads", "1",
        "--shard", "{{ shard.index }}/{{ shard.total }}", "--output", "{{ outputs.result }}",
    ],
    "inputs": {
        "program": "../bin/nextstat",
        "model": {"path": "spec.json", "references": ["channels[*].data.file"]},
    },
    "outputs": {"result": {"path": "out.json", "check": {"min_size": "100 B"}}},
    "resources": {"cpus": 1, "memory": "300 MB", "disk": "100 MB", "walltime": "10m"},
    "merge": {"kind": "toys"},
}  # fmt: skip


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example with its data, which is made on the spot."""
    made = tmp_path_factory.mktemp("toys") / "example"
    shutil.copytree(EXAMPLE, made)
    words = [sys.executable, str(made / "make_data.py")]
    subprocess.run(words, check=True, capture_output=True)
    return made


@pytest.fixture(scope="module")
def studies(condor: Condor, example: Path) -> Iterator[dict[str, Study]]:
    """One for each mode, closed to everybody but the user; both are submitted at once."""
    real = shutil.which("nextstat")
    assert real, "nextstat is not installed: make test installs it"
    made = {mode: Study(condor, condor.workspace(mode, 0o700)) for mode in FILES}
    jobs = []
    for mode, study in made.items():
        for folder in ("specs", "artifacts", "bin"):
            study.type("mkdir", folder)
        for name in ("specs/spec.json", "artifacts/d.parquet"):
            shutil.copyfile(example / name, study.path / name)
        study.type("cp", real, "bin/nextstat")
        (study.path / "specs/farmhand.yaml").write_text(json.dumps(SPEC), encoding="utf-8")
        words = ("specs/farmhand.yaml", "--scheduler", "htcondor", "--mode", mode, "--run-id", "r")
        typed = study("render", *words).stdout
        assert typed == f"condor_submit {study.run}/{FILES[mode]}\n"
        jobs.append(condor.submit(typed.split()[1]))
    condor.wait(jobs)
    yield made
    for study in made.values():
        study.remove_jobs()


@pytest.fixture(scope="module")
def unsharded(studies: dict[str, Study]) -> dict[str, Any]:
    study = studies["shared"]
    words = f"--config specs/spec.json --n-toys {TOYS} --seed 42 --threads 1 --output whole.json"
    study.type("bin/nextstat", "unbinned-fit-toys", *words.split())
    whole: dict[str, Any] = json.loads((study.path / "whole.json").read_bytes())
    return whole


@pytest.mark.payload
@pytest.mark.parametrize("mode", list(FILES))
def test_merges_to_exactly_the_unsharded_run(
    studies: dict[str, Study], unsharded: dict[str, Any], mode: str
) -> None:
    study = studies[mode]
    study("collect", "--in-place", "runs/r")
    assert study.check(code=0)["succeeded"] == SHARDS, study("check", "runs/r").stdout
    study("merge", "runs/r")
    merged = json.loads((study.run / "merged.json").read_bytes())
    for key in ARRAYS:
        assert merged["results"][key] == unsharded["results"][key]
    assert merged["results"]["n_toys"] == TOYS
    assert merged["merge"]["missing"] == []
    assert merged["summary"]["mean"] == pytest.approx(unsharded["summary"]["mean"], rel=1e-12)


@pytest.mark.payload
@pytest.mark.parametrize("mode", list(FILES))
def test_who_ran_it_and_where(studies: dict[str, Study], mode: str) -> None:
    """Shared: the owner, who sees the run. Transferred: nobody, to whom all of it is closed."""
    study = studies[mode]
    study("collect", "--in-place", "runs/r")
    manifest = study.manifest()
    assert [one["mode"] for one in manifest["submissions"]] == [mode]
    nodes = {row["attempts"][0]["observed"]["node"] for row in manifest["results"]}
    if mode == "transfer":
        assert nodes == {"w1.farm"}
        assert oct(study.path.stat().st_mode & 0o777) == "0o700"
    else:
        assert nodes <= {"n1.farm", "n2.farm"}
    for row in manifest["results"]:
        (attempt,) = row["attempts"]
        folder = study.run / attempt["dir"]
        assert {path.name for path in folder.iterdir()} == {"stdout", "stderr", "out.json"}
        native = attempt["native_id"]
        named = native if mode == "transfer" else f"{native}."
        assert attempt["attempt"].startswith(named)
