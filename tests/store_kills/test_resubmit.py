"""resubmit, killed before each thing it does to the disk, and typed again."""

from __future__ import annotations

import json
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


@pytest.mark.slow
def test_killed_at_each_step_it_can_be_typed_again(pristine: Path) -> None:
    run = pristine / "runs/r"
    step = 0
    while len((listed := read(run))["submissions"]) == 2:
        words = [sys.executable, str(DRIVER), str(step), "resubmit", "runs/r"]
        done = subprocess.run(words, cwd=pristine, capture_output=True, text=True, check=False)
        assert done.returncode in (0, -signal.SIGKILL), done.stderr
        step += 1
    assert step > 15, "scripts, submissions and the manifest are written in many steps"
    submissions = listed["submissions"]
    assert [shards_of(one) for one in submissions] == [{0, 1}, {2, 3}, {0}, {2, 3}]
    for one in submissions[2:]:
        scripts = run.glob(f"resubmit-{one['id']}/shards/*/batchScript.sh")
        assert sorted(path.parent.name for path in scripts) == [
            listed["plans"][index]["name"] for index in sorted(shards_of(one))
        ]
    assert not list(run.glob(".*.tmp"))
    farmhand(pristine, "collect", "--rebuild", "runs/r")
    rebuilt = read(run)
    assert [row["state"] for row in rebuilt["results"]] == [
        "failed", "succeeded", "failed", "failed",
    ]  # fmt: skip
    assert all(one in rebuilt["submissions"] for one in submissions)


def read(run: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run / "manifest.json").read_bytes())
    return found
