"""resubmit, killed before each thing it does to the disk, and typed again."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

DRIVER = Path(__file__).with_name("dying.py")


def farmhand(folder: Path, *words: str) -> str:
    done = subprocess.run(
        ["farmhand", *words], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of nohup scripts in which three of four shards were bad."""
    folder = tmp_path_factory.mktemp("farm")
    spec: dict[str, Any] = {
        "name": "n",
        "components": {
            "a": {"work": {"count": 2}, "shards": 2},
            "b": {"work": {"count": 2}, "shards": 2, "resources": {"memory": "1 GB"}},
        },
        "command": ["bash", "-c", "exit $((FARMHAND_SHARD_INDEX != 1))"],
    }
    (folder / "farmhand.yaml").write_text(json.dumps(spec))
    farmhand(folder, "render", "--scheduler", "nohup", "--run-id", "r")
    for script in sorted(folder.glob("runs/r/**/batchScript.sh")):
        subprocess.run(["bash", str(script)], check=False, stderr=subprocess.DEVNULL)
    farmhand(folder, "collect", "--in-place", "runs/r")
    return folder


def shards_of(submission: dict[str, Any]) -> set[int]:
    found: set[int] = set()
    for part in submission["shards"].split(","):
        first, _, last = part.partition("-")
        found |= set(range(int(first), int(last or first) + 1))
    return found


def test_killed_at_each_step_it_can_be_typed_again(pristine: Path) -> None:
    run = pristine / "runs/r"
    whole = pristine / "whole"
    shutil.copytree(run, whole)
    seen: set[str] = set()
    for step in range(200):
        shutil.rmtree(run)
        shutil.copytree(whole, run)
        words = [sys.executable, str(DRIVER), str(step), "resubmit", "runs/r"]
        done = subprocess.run(words, cwd=pristine, capture_output=True, text=True, check=False)
        before = json.loads((run / "manifest.json").read_bytes())
        assert done.returncode in (0, -signal.SIGKILL), done.stderr
        seen.update(os.listdir(run))
        if done.returncode == 0:
            break
        if len(before["submissions"]) == 2:
            farmhand(pristine, "resubmit", "runs/r")
            after = json.loads((run / "manifest.json").read_bytes())
            assert [shards_of(s) for s in after["submissions"][2:]] == [{0}, {2, 3}]
        farmhand(pristine, "collect", "--rebuild", "runs/r")
        rebuilt = json.loads((run / "manifest.json").read_bytes())
        assert [row["state"] for row in rebuilt["results"]] == [
            "failed", "succeeded", "failed", "failed",
        ]  # fmt: skip
    assert step > 15, "scripts, submissions and the manifest are written in many steps"
    listed = before["submissions"]
    assert [shards_of(s) for s in listed] == [{0, 1}, {2, 3}, {0}, {2, 3}]
    for submission in listed[2:]:
        scripts = run.glob(f"resubmit-{submission['id']}/shards/*/batchScript.sh")
        assert len(list(scripts)) == len(shards_of(submission))
    assert {f"resubmit-{s['id']}" for s in listed[2:]} <= seen
