"""The example, typed as its README says: four sshd, by weight, equal to the study in one piece."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.house.test_docs import typed

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    ignore = shutil.ignore_patterns("artifacts", "runs", "farm")
    shutil.copytree(ROOT / "examples", tmp_path / "examples", ignore=ignore)
    yield tmp_path
    words = ["python", "examples/ssh-farm/hosts.py", "down"]
    subprocess.run(words, cwd=tmp_path, check=True)


@pytest.mark.ssh
@pytest.mark.payload
def test_the_commands_of_the_readme_run_in_order(folder: Path) -> None:
    commands = typed(ROOT / "examples/ssh-farm/README.md")
    env = {name: value for name, value in os.environ.items() if name != "FARMHAND_SITE"}
    done = subprocess.run(
        ["bash", "-exo", "pipefail", "-c", "\n".join(commands)],
        cwd=folder,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    manifest = json.loads((folder / "runs/farm/manifest.json").read_bytes())
    plans = [(plan["start"], plan["size"], plan["seed"]) for plan in manifest["plans"]]
    sizes = [size for _, size, _ in plans]
    cores = json.loads((folder / "preflight.json").read_bytes())["hosts"][2]["physical"]
    whole = 4 + 2 + cores + 0.5
    assert sum(sizes) == 400
    for size, weight in zip(sizes, (4, 2, cores, 0.5), strict=True):
        assert abs(size - 400 * weight / whole) < 1
    assert [seed - start for start, _, seed in plans] == [42] * 4
    merged = json.loads((folder / "runs/farm/merged.json").read_bytes())
    whole_study = json.loads((folder / "unsharded.json").read_bytes())
    for name in ("poi_hat", "poi_sigma", "nll", "converged"):
        assert merged["results"][name] == whole_study["results"][name]
    homes = sorted(path.parent.parent.name for path in folder.glob("farm/*/work/*"))
    assert homes == ["alder", "birch", "cedar", "doug-fir"]
