"""A sweep over numbers of shards on hosts: any host takes any shard, and results agree."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.ssh.conftest import Desk

FILE = "runs/s.sweep.json"
SPEC: dict[str, Any] = {
    "name": "s",
    "work": {"count": 8, "seed": 42},
    "script": 'for ((i = 0; i < FARMHAND_SHARD_SIZE; i++)); do echo "{\\"x\\": '
    '$((FARMHAND_SHARD_SEED + i))}"; done >"$1"',
    "arguments": ["{{ outputs.r }}"],
    "outputs": {"r": "r.jsonl"},
    "merge": {"kind": "json-lines"},
}


def test_a_sweep_on_two_hosts(desk: Desk) -> None:
    desk.farm.add("node1", "node2")
    hosts = str(desk.farm.hosts_file())
    (desk.path / "farmhand.yaml").write_text(json.dumps(SPEC), encoding="utf-8")
    words = ("sweep", "render", "--shards", "1,2,4", "--sweep-id", "s")
    assert "go with --scheduler ssh" in desk(*words, "--hosts", hosts, code=2).stderr
    desk(*words, "--scheduler", "ssh", "--hosts", hosts)
    said = desk("sweep", "submit", FILE)
    assert "the merged results of all 3 runs agree" in said.stdout
    desk("sweep", "submit", FILE)
    attempts = {
        run: len(list((desk.path / "runs/s" / run).glob("records/*/*.jsonl")))
        for run in ("s_sh1", "s_sh2", "s_sh4")
    }
    assert attempts == {"s_sh1": 1, "s_sh2": 2, "s_sh4": 4}
    data = json.loads(desk("sweep", "summarize", FILE, "--json").stdout)
    assert [point["complete"] for point in data["points"]] == [1, 1, 1]
