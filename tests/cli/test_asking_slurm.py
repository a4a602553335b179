"""How often SLURM is asked about a run: once, however many jobs it has."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from collectors.slurm_rows import DELIMITER
from collectors.slurm_sacct import FIELDS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Farm

SHARDS = 8
SPEC = {
    "name": "s",
    "work": {"count": SHARDS},
    "shards": SHARDS,
    "command": ["true"],
    "slurm": {"max_array_size": 1},
}


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One line a call: of sacct, which knows all jobs, or of squeue, which knows none."""
    calls, folder = tmp_path / "calls", tmp_path / "bin"
    folder.mkdir()
    rows = [DELIMITER.join(FIELDS)]
    for job in range(100, 100 + SHARDS):
        said = {"JobID": f"{job}_0", "State": "COMPLETED", "ExitCode": "0:0", "JobName": "r.1"}
        said |= {"Start": "1700000000"}
        rows.append(DELIMITER.join(said.get(field, "") for field in FIELDS))
    (tmp_path / "listing").write_text("\n".join(rows) + "\n", encoding="utf-8")
    for name, then in (("sacct", f"exec cat {tmp_path}/listing"), ("squeue", "")):
        (folder / name).write_text(f"#!/bin/sh\necho {name} >>{calls}\n{then}\n", encoding="utf-8")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return calls


def test_one_call_each_for_all_jobs_of_a_run(farm: Farm, asked: Path) -> None:
    words = ("render", "-", "--scheduler", "slurm", "--run-id", "r")
    lines = farm(*words, stdin=json.dumps(SPEC)).out.splitlines()
    assert len(lines) == SHARDS, "an array for each"
    run = farm.path / "runs/r"
    plan = (run / "plan/id").read_text(encoding="utf-8").strip()
    for shard in range(SHARDS):
        payload = [str(run / "plan/shard.sh"), plan, "1", "slurm", f"{100 + shard}_0", "0", "0"]
        subprocess.run(["bash", *payload, str(shard)], check=True)
    farm("collect", "--in-place", "runs/r")
    assert sorted(asked.read_text(encoding="utf-8").split()) == ["sacct", "squeue"]
    results = json.loads((run / "manifest.json").read_bytes())["results"]
    said = [attempt["observed"]["source"] for row in results for attempt in row["attempts"]]
    assert said == ["sacct"] * SHARDS
    farm("collect", "--in-place", "runs/r")
    assert len(asked.read_text(encoding="utf-8").split()) == 2, "nothing is left to ask"
