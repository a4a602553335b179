"""Shards of items that die and go on: with the local pool, by resubmit, and by a requeue."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conftest import Farm

# Does its items; ends itself as file `stop` says: after which item, how, and after what.
FIT = r"""
echo user,v >result.csv
while read -r user; do
  printf '%s,%s\n' "$user" "$FARMHAND_ATTEMPT" >>result.csv
  if [[ -e $RUN/stop ]] && read -r last how <$RUN/stop && [[ $user = "$last" ]]; then
    rm $RUN/stop
    [[ $how != cut ]] || printf %s "$user" >>"$FARMHAND_LEDGER"
    kill -9 $$
  fi
  printf '%s\tdone\n' "$user" >>"$FARMHAND_LEDGER"
done <"$FARMHAND_ITEMS"
[[ ! -e $RUN/code ]] || exit "$(cat $RUN/code)"
"""
ITEMS = [f"u{number}" for number in range(1, 9)]


@pytest.fixture
def users(farm: Farm) -> Farm:
    spec = {
        "name": "u",
        "work": {"items": ITEMS},
        "shards": 2,
        "script": f"RUN={farm.path}\n{FIT}",
        "outputs": {"t": {"path": "result.csv", "item": "user"}},
        "merge": {"kind": "csv", "key": ["user"]},
    }
    (farm.path / "farmhand.yaml").write_text(json.dumps(spec))
    return farm


def merged(farm: Farm) -> dict[str, str]:
    """User -> the attempt whose row was taken."""
    farm("merge", "runs/r")
    lines = (farm.run("r") / "merged.csv").read_text().splitlines()[1:]
    rows = dict(line.split(",") for line in lines)
    assert len(rows) == len(lines)
    assert sorted(rows) == ITEMS
    assert not list(farm.run("r").glob(".items.*"))
    return rows


def ledgers(farm: Farm, shard: str) -> list[str]:
    paths = sorted(farm.run("r").glob(f"shards/{shard}/*/ledger"), key=lambda p: p.stat().st_mtime)
    texts = [path.read_text().splitlines() for path in paths]
    return [" ".join(line.split("\t")[0] for line in lines) for lines in texts]


@pytest.mark.parametrize("how", ["whole", "cut"])
@pytest.mark.parametrize("way", ["run", "resubmit"])
def test_what_was_done_is_not_done_again(users: Farm, how: str, way: str) -> None:
    users("render", "--run-id", "r")
    (users.path / "stop").write_text(f"u5 {how}\n")
    users("run", "runs/r", code=1)
    [bad] = users.check("r", code=1)["bad"]
    assert bad["evidence"].startswith("killed by SIGKILL (exit code 137); ")
    assert bad["evidence"].endswith("; 2 of 4 items done")
    if way == "resubmit":
        users("resubmit", "runs/r")
        assert (users.run("r") / "resubmit-2/items/0").read_text() == "u5\tu7\n\n"
    users("run", "runs/r")
    assert ledgers(users, "s0") == ["u1 u3" + " u5" * (how == "cut"), "u5 u7"]
    rows = merged(users)
    assert rows["u1"] == rows["u3"] != rows["u5"] == rows["u7"]
    row = users.manifest("r")["results"][0]
    assert row["accepted_attempts"] == [a["attempt"] for a in row["attempts"]]


def test_a_second_death(users: Farm) -> None:
    users("render", "--run-id", "r")
    for number, user in enumerate(("u3", "u7"), start=2):
        (users.path / "stop").write_text(f"{user} whole\n")
        users("run", "runs/r", code=1)
        users("resubmit", "runs/r", "--shards", "0")
        left = "\t".join(["u3", "u5", "u7"] if number == 2 else ["u7"])
        assert (users.run("r") / f"resubmit-{number}/items/0").read_text() == f"{left}\n\n"
    users("run", "runs/r")
    assert ledgers(users, "s0") == ["u1", "u3 u5", "u7"]
    assert len({merged(users)[user] for user in ("u1", "u3", "u7")}) == 3


def test_all_done_and_a_bad_end_is_all_done_again(users: Farm) -> None:
    users("render", "--run-id", "r")
    (users.path / "code").write_text("3")
    users("run", "runs/r", code=1)
    said = [bad["evidence"] for bad in users.check("r", code=1)["bad"]]
    assert said == ["exit code 3; 4 of 4 items done"] * 2
    (users.path / "code").unlink()
    users("resubmit", "runs/r", "--shards", "0")
    assert (users.run("r") / "resubmit-2/items/0").read_text() == "\n\n"
    users("run", "runs/r")
    assert ledgers(users, "s0") == ["u1 u3 u5 u7"] * 2
    assert ledgers(users, "s1") == ["u2 u4 u6 u8"] * 2
    merged(users)


def payload(farm: Farm, native: str, restarts: int, *shards: str) -> int:
    plan = farm.manifest("r")["plan_id"]
    words = ["bash", "plan/shard.sh", plan, "1", "slurm", native, str(restarts), "0", *shards]
    return subprocess.run(words, cwd=farm.run("r"), check=False, timeout=60).returncode


def test_a_requeue_reads_the_ledger_on_the_node(users: Farm) -> None:
    users("render", "--run-id", "r", "--scheduler", "nohup")
    (users.path / "stop").write_text("u6 whole\n")
    assert payload(users, "77_1", 0, "1") == 137
    assert payload(users, "77_1", 1, "1") == 0
    assert payload(users, "77_0", 0, "0") == 0
    assert ledgers(users, "s1") == ["u2 u4", "u6 u8"]
    users("collect", "--in-place", "runs/r")
    assert users.check("r")["succeeded"] == 2
    merged(users)


def test_what_is_bad_is_not_relied_on(users: Farm) -> None:
    users("render", "--run-id", "r")
    (users.path / "stop").write_text("u5 whole\n")
    users("run", "runs/r", code=1)
    [ledger] = users.run("r").glob("shards/s0/*/ledger")
    ledger.write_text("u1\nu2\n")  # of another plan: u2 is in the other shard
    users("collect", "--in-place", "--recheck", "runs/r")
    attempt = users.manifest("r")["results"][0]["attempts"][0]
    assert "ledger, line 2: 'u2' is no item of this shard" in attempt["evidence"]
    users("resubmit", "runs/r")
    assert (users.run("r") / "resubmit-2/items/0").read_text() == "\n\n"
    users("run", "runs/r")
    assert users.check("r")["succeeded"] == 2
    assert len(set(merged(users).values())) == 2


def test_a_merge_refuses_a_ledger_that_was_changed(users: Farm) -> None:
    users("render", "--run-id", "r")
    users("run", "runs/r")
    [ledger] = users.run("r").glob("shards/s1/*/ledger")
    ledger.write_text("u2\nu4\n")
    said = " ".join(users("merge", "runs/r", code=1).stderr.split())
    assert "shard 1 (s1): 2 items are in no ledger any more, such as 'u6'" in said
    assert not (users.run("r") / "merged.csv").exists()


def test_status_counts_items(users: Farm) -> None:
    users("render", "--run-id", "r")
    (users.path / "stop").write_text("u7 whole\n")
    users("run", "runs/r", code=1)
    told: dict[str, Any] = json.loads(users("status", "runs/r", "--json").stdout)["items"]
    assert (told["done"], told["total"], told["left_s"]) == (7, 8, None)
    assert [(one["name"], one["done"], one["total"]) for one in told["shards"]] == [
        ("s0", 3, 4),
        ("s1", 4, 4),
    ]
    assert "items: 7 of 8 done\n  s0  3 of 4\n" in users("status", "runs/r").stdout
    Path(users.run("r") / "manifest.json").unlink()
    users("collect", "--rebuild", "runs/r")
    again = json.loads(users("status", "runs/r", "--json").stdout)["items"]
    assert again == told
