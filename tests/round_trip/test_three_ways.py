"""The example, broken in three ways, repaired, and equal to one that was never split."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conftest import Farm

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "unbinned-toys"
ARRAYS = ("poi_hat", "poi_sigma", "nll", "converged")
# Stands before the real command on PATH; breaks three shards in their first attempt.
BREAKER = """#!/bin/bash
real={real}
if [ -e broken.off ] || [ -e "$BREAK_OFF" ]; then exec "$real" "$@"; fi
case $FARMHAND_SHARD_INDEX in
  1) kill -9 $$ ;;
  3) "$real" "$@"; truncate -s 100 out.json ;;
  4) echo "Error: no such model" >&2; exit 3 ;;
  *) exec "$real" "$@" ;;
esac
"""


@pytest.fixture
def study(farm: Farm, monkeypatch: pytest.MonkeyPatch) -> Farm:
    real = shutil.which("nextstat")
    assert real, "nextstat is not installed: make test installs it"
    shutil.copytree(EXAMPLE, farm.path / "study")
    data = farm.path / "study" / "make_data.py"
    subprocess.run(["python", str(data)], check=True, capture_output=True)
    stub = farm.path / "bin" / "nextstat"
    stub.parent.mkdir()
    stub.write_text(BREAKER.format(real=real))
    stub.chmod(0o755)
    monkeypatch.setenv("PATH", str(stub.parent), prepend=":")
    monkeypatch.setenv("BREAK_OFF", str(farm.path / "off"))
    return farm


def unsharded(farm: Farm) -> dict[str, Any]:
    (farm.path / "off").touch()
    words = "unbinned-fit-toys --config study/specs/spec.json --n-toys 80 --seed 42 --threads 1"
    subprocess.run(
        ["nextstat", *words.split(), "--output", "whole.json"],
        cwd=farm.path,
        check=True,
        capture_output=True,
    )
    whole: dict[str, Any] = json.loads((farm.path / "whole.json").read_bytes())
    return whole


@pytest.mark.slow
@pytest.mark.payload
def test_broken_three_ways_repaired_and_equal_to_the_unsharded_run(study: Farm) -> None:
    study(
        "render",
        "study/farmhand.yaml",
        "--scheduler",
        "nohup",
        "--run-id",
        "toys",
        "--set",
        "work.count=80",
    )
    loop = 'for s in runs/toys/shards/*/batchScript.sh; do nohup "$s" >/dev/null 2>&1 & done; wait'
    subprocess.run(["bash", "-c", loop], cwd=study.path, check=True, timeout=120)

    study("collect", "--in-place", "runs/toys")
    bad = {row["shard_index"]: row for row in study.check("toys", code=1)["bad"]}
    assert {index: (row["state"], row["cause"]) for index, row in bad.items()} == {
        1: ("failed", "signal"),
        3: ("failed", "bad_output"),
        4: ("failed", "exit_code"),
    }
    assert "SIGKILL" in bad[1]["evidence"]
    assert "truncated JSON" in bad[3]["evidence"]
    assert "exit code 3; Error: no such model" in bad[4]["evidence"]
    refused = study("merge", "runs/toys", code=1).stderr
    assert "3 of 8 shards have no accepted output: 1,3-4" in refused

    (study.path / "off").touch()
    line = study("resubmit", "runs/toys").stdout.strip()
    scripts = sorted(study.run("toys").glob("resubmit-2/shards/*/batchScript.sh"))
    assert [script.parent.name for script in scripts] == ["s1", "s3", "s4"]
    subprocess.run(["bash", "-c", line + "; wait"], cwd=study.path, check=True, timeout=120)
    study("collect", "--in-place", "runs/toys")
    assert study.check("toys")["succeeded"] == 8
    attempts = [len(row["attempts"]) for row in study.manifest("toys")["results"]]
    assert attempts == [1, 2, 1, 2, 2, 1, 1, 1]
    for row in study.manifest("toys")["results"]:
        for attempt in row["attempts"]:
            assert (study.run("toys") / attempt["dir"] / "stdout").exists()

    study("merge", "runs/toys")
    merged = json.loads((study.run("toys") / "merged.json").read_bytes())
    whole = unsharded(study)
    for key in ARRAYS:
        assert merged["results"][key] == whole["results"][key]
    assert merged["results"]["n_toys"] == 80
    assert merged["summary"]["mean"] == pytest.approx(whole["summary"]["mean"], rel=1e-12)
    assert merged["merge"]["missing"] == []


@pytest.mark.payload
def test_a_partial_merge_says_what_is_missing(study: Farm) -> None:
    study("render", "study/farmhand.yaml", "--run-id", "toys", "--set", "work.count=80")
    study("run", "runs/toys", code=1)
    study("merge", "runs/toys", "--allow-partial")
    merged = json.loads((study.run("toys") / "merged.json").read_bytes())
    assert merged["results"]["n_toys"] == 50
    assert [item["shard_index"] for item in merged["merge"]["missing"]] == [1, 3, 4]
