"""A grid on a real SLURM: points with other needs get them, and each job is its own point."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.slurm.study import Study

pytestmark = pytest.mark.slurm

SPEC = {
    "name": "grid",
    "work": {
        "grid": {"mass": ["0.215", "2.6"], "flavour": ["muon", "tau"], "mode": ["direct", "far"]},
        "exclude": [{"when": {"mode": "far", "flavour": "muon"}, "reason": "not asked"}],
        "overrides": [
            {"when": {"mass": "2.60"}, "per_point": 2, "resources": {"memory": "90 MB"}},
            {"when": {"mode": "far"}, "resources": {"walltime": "7m"}},
        ],
        "seed": {"spawn": 1},
    },
    "shard_name": "HNL_{{ point.mass | p }}GeV_{{ point.flavour }}_{{ point.mode }}",
    "command": ["sh", "-c", 'echo "$@ $SLURM_JOB_ID" >told.txt', "-", "{{ point.mass }}",
                "{{ point.flavour }}", "{{ point.mode }}", "{{ shard.size }}", "{{ shard.seed }}"],
    "outputs": {"told": "told.txt"},
    "resources": {"memory": "50 MB", "walltime": "5m"},
}  # fmt: skip
NEEDS = {("0.215", "direct"): "50M 5", ("0.215", "far"): "50M 7", ("2.6", "direct"): "90M 5"}


def test_every_point_gets_what_it_needs(study: Study) -> None:
    study("render", "-", "--scheduler", "slurm", "--run-id", "r", stdin=json.dumps(SPEC))
    jobs = study.submit()
    assert len(jobs) == 4
    study.slurm.wait(list(jobs))
    study("collect", "--in-place", "runs/r")
    assert "6 succeeded" in study("check", "runs/r").stdout
    document = json.loads((study.run / "manifest.json").read_bytes())
    assert len(document["plans"]) == 6
    for plan in document["plans"]:
        [path] = (study.run / "shards" / plan["name"]).glob("*/told.txt")
        *told, job = path.read_text().split()
        assert told == [*plan["point"].values(), str(plan["size"]), str(plan["seed"])]
        asked = study.slurm.admin("sacct", "-nXP", "-j", job, "-o", "ReqMem,TimelimitRaw").stdout
        memory, minutes = asked.split()[0].split("|")
        mass, _, mode = plan["point"].values()
        assert f"{memory} {minutes}" == NEEDS.get((mass, mode), "90M 7")
