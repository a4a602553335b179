"""The toy study on four sshd with ports, users and weights of their own, equal to one piece."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.clusters import farmer

if TYPE_CHECKING:
    from tests.ssh.conftest import Desk

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
TOYS = 90
WEIGHTS = {"node1": 4, "node2": 2, "node3": 1, "node4": 0.5}
SIZES = [48, 24, 12, 6]


@pytest.fixture
def study(desk: Desk) -> dict[str, Any]:
    """Preflight, render, run, merge; and the same in one piece."""
    real = shutil.which("nextstat")
    assert real, "nextstat is not installed: make test installs it"
    tools = desk.farm.path / "bin"  # open to every user, unlike the environment of the tests
    tools.mkdir()
    shutil.copy(real, tools / "nextstat")
    desk.farm.site(prologue=f"PATH={tools}:$PATH")
    desk.farm.add("node1", "node2", "node3")
    if os.geteuid() == 0:
        desk.farm.add("node4", user=farmer.NAME, more=[f"AllowUsers {farmer.NAME}"])
    else:
        desk.farm.add("node4")
    hosts = str(desk.farm.hosts_file(**{n: f"weight={w}" for n, w in WEIGHTS.items()}))
    shutil.copytree(EXAMPLES, desk.path / "e", ignore=shutil.ignore_patterns("artifacts", "runs"))
    data = str(desk.path / "e/unbinned-toys/make_data.py")
    subprocess.run(["python", data], check=True, capture_output=True)
    desk("doctor", "--hosts", hosts, "--command", "nextstat", "--out", "pre.json")
    words = ("--scheduler", "ssh", "--hosts", hosts, "--preflight", "pre.json", "--run-id", "r")
    desk("render", "e/ssh-farm/farmhand.yaml", "--set", f"work.count={TOYS}", *words)
    desk("run", "runs/r")
    desk("merge", "runs/r")
    whole = f"unbinned-fit-toys --config e/unbinned-toys/specs/spec.json --n-toys {TOYS} --seed 42"
    more = ("--threads", "1", "--output", "whole.json")
    subprocess.run([real, *whole.split(), *more], cwd=desk.path, check=True, capture_output=True)
    return {
        "preflight": json.loads((desk.path / "pre.json").read_bytes()),
        "manifest": json.loads((desk.path / "runs/r/manifest.json").read_bytes()),
        "merged": json.loads((desk.path / "runs/r/merged.json").read_bytes()),
        "whole": json.loads((desk.path / "whole.json").read_bytes()),
    }


@pytest.mark.payload
def test_a_weighted_run_is_the_study_in_one_piece(study: dict[str, Any]) -> None:
    assert [host["ok"] for host in study["preflight"]["hosts"]] == [True] * 4
    assert {host["command"] for host in study["preflight"]["hosts"]} != {"-"}
    plans = study["manifest"]["plans"]
    assert [plan["size"] for plan in plans] == SIZES
    assert [plan["seed"] for plan in plans] == [42 + plan["start"] for plan in plans]
    used = [r["attempts"][0]["native_id"].partition("-")[0] for r in study["manifest"]["results"]]
    assert used == list(WEIGHTS)
    for name in ("poi_hat", "poi_sigma", "nll", "converged"):
        assert len(study["merged"]["results"][name]) == TOYS
        assert study["merged"]["results"][name] == study["whole"]["results"][name]
    assert study["merged"]["gen"]["seed"] == 42
    assert study["merged"]["gen"]["n_toys"] == TOYS
