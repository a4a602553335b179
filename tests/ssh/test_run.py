"""Runs on real sshd: shared out by weight, pulled by whoever is free, brought home whole."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from tests.clusters import farmer

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.ssh.conftest import Desk

SAYS = (
    'echo "$FARMHAND_SHARD_START $FARMHAND_SHARD_SIZE $FARMHAND_SHARD_SEED $FARMHAND_CPUS"'
    ' >out.txt; echo "$HOME" >home.txt; id -un >user.txt'
)


def spec(script: str = SAYS, **changes: Any) -> dict[str, Any]:
    return {
        "name": "t",
        "work": {"count": 10, "seed": 100},
        "command": ["bash", "-c", script],
        "outputs": {"o": {"path": "out.txt", "check": {"min_size": "1 B"}}},
        "ssh": {"shared": "no"},
        "merge": {"kind": "text"},
        **changes,
    }


def render(desk: Desk, what: Mapping[str, Any], *words: str, **hosts: str) -> Path:
    (desk.path / "farmhand.yaml").write_text(json.dumps(what))
    file = str(desk.farm.hosts_file(**hosts))
    render = ("render", "farmhand.yaml", "--scheduler", "ssh", "--hosts", file)
    done = desk(*render, "--run-id", "r", *words)
    run = desk.path / "runs" / "r"
    assert done.stdout == f"farmhand run {run}\n"
    return run


def results(run: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((run / "manifest.json").read_bytes())["results"]
    return found


def accepted(run: Path, name: str = "out.txt") -> list[str]:
    """What the accepted attempts wrote, in the order of the shards."""
    found = []
    for result in results(run):
        (chosen,) = result["accepted_attempts"]
        folder = next(a["dir"] for a in result["attempts"] if a["attempt"] == chosen)
        found.append((run / folder / name).read_text().strip())
    return found


def test_a_count_is_split_by_weight_with_seeds_base_plus_start(desk: Desk) -> None:
    desk.farm.add("node1", "node2")
    if os.geteuid() == 0:
        desk.farm.add("node3", user=farmer.NAME, more=[f"AllowUsers {farmer.NAME}"])
    else:
        desk.farm.add("node3")
    run = render(desk, spec(), node1="weight=3 threads=7", node2="weight=0.5", node3="1.5")
    plan = desk("run", "runs/r", "--dry-run").stdout
    assert not (run / "logs" / "ssh.jsonl").exists()
    assert [line.split()[:5] for line in plan.splitlines()[6:]] == [
        ["0", "node1", "0", "6", "100"],
        ["1", "node2", "6", "1", "106"],
        ["2", "node3", "7", "3", "107"],
    ]
    desk("run", "runs/r")
    assert accepted(run) == ["0 6 100 7", "6 1 106 1", "7 3 107 1"]
    homes = [str(desk.farm.hosts[name].home) for name in ("node1", "node2", "node3")]
    assert accepted(run, "home.txt") == homes
    assert all(" " in home for home in homes)
    if os.geteuid() == 0:
        assert accepted(run, "user.txt") == ["root", "root", farmer.NAME]
    assert desk("run", "runs/r").stderr.count("started") == 1  # the table's head: nothing to do
    desk("merge", "runs/r")


def test_shards_are_pulled_by_whoever_is_free(desk: Desk) -> None:
    desk.farm.add("node1", "node2", "node3")
    what = spec(shards=10, ssh={"shared": "no"}, work={"count": 10, "seed": 5})
    run = render(desk, what, node1="slots=2", node3="weight=0")
    desk("run", "runs/r")
    assert [line.split()[2] for line in accepted(run)] == [str(5 + i) for i in range(10)]
    hosts = [result["attempts"][0]["native_id"].partition("-")[0] for result in results(run)]
    assert set(hosts) == {"node1", "node2"}  # a weight of 0 is no work


def test_more_hosts_than_work(desk: Desk) -> None:
    desk.farm.add("node1", "node2", "node3")
    run = render(desk, spec(work={"count": 2, "seed": 1}))
    done = desk("run", "runs/r")
    assert accepted(run) == ["0 1 1 1", "1 1 2 1"]
    counts = {line.split()[0]: line.split()[1:4] for line in done.stderr.splitlines()[-4:-1]}
    assert counts == {"node1": ["0", "1", "1"], "node2": ["0", "1", "1"], "node3": ["0"] * 3}


def test_where_the_run_directory_is_shared_nothing_is_copied(desk: Desk) -> None:
    (node,) = desk.farm.add("node1")
    run = render(desk, spec(ssh={}))
    desk("run", "runs/r")
    assert accepted(run) == ["0 10 100 1"]
    assert not (node.home / ".farmhand").exists()


def test_inputs_travel_with_the_run_and_keep_their_places(desk: Desk) -> None:
    (node,) = desk.farm.add("node1")
    (desk.path / "in put").mkdir()
    (desk.path / "in put" / "a.txt").write_text("forty-two\n")
    what = spec('cat "$1" >out.txt', inputs={"a": "in put/a.txt"})
    what["command"] += ["x", "{{ inputs.a }}"]
    run = render(desk, what)
    desk("run", "runs/r")
    assert accepted(run) == ["forty-two"]
    assert list(node.home.glob(".farmhand/*/plan/stage/in put/a.txt"))


@pytest.mark.parametrize(
    "shell",
    [
        'echo "Welcome to the farm"; echo "use it well" >&2; exec sh -c "$SSH_ORIGINAL_COMMAND"',
        'exec tcsh -f -c "$SSH_ORIGINAL_COMMAND"',
    ],
    ids=["banner", "csh"],
)
def test_the_login_shell_does_not_matter(desk: Desk, shell: str) -> None:
    desk.farm.add("node1", more=[f"ForceCommand {shell}"])
    run = render(desk, spec())
    desk("run", "runs/r")
    assert accepted(run) == ["0 10 100 1"]


def test_a_failed_shard_comes_home_with_its_words(desk: Desk) -> None:
    desk.farm.add("node1")
    run = render(desk, spec('echo "no such thing" >&2; exit 7'))
    desk("run", "runs/r", code=1)
    (result,) = results(run)
    assert (result["state"], result["cause"]) == ("failed", "exit_code")
    assert "no such thing" in result["evidence"]


def test_the_site_says_where_and_how_hosts_work(desk: Desk) -> None:
    (node,) = desk.farm.add("node1")
    desk.farm.site(workdir="scratch disk/runs", prologue="export COLOUR='deep blue'")
    run = render(desk, spec('echo "$COLOUR" >out.txt'))
    desk("run", "runs/r")
    assert accepted(run) == ["deep blue"]
    assert len(list((node.home / "scratch disk" / "runs").iterdir())) == 1


def test_threads_and_weights_come_from_a_preflight(desk: Desk) -> None:
    desk.farm.add("node1", "node2")
    file = desk.farm.hosts_file()
    desk("doctor", "--hosts", str(file), "--out", "pre.json")
    cores = [
        host["physical"] for host in json.loads((desk.path / "pre.json").read_bytes())["hosts"]
    ]
    run = render(desk, spec(ssh={"shared": "no", "threads": "physical"}), "--preflight", "pre.json")
    desk("run", "runs/r")
    assert [line.split()[3] for line in accepted(run)] == [str(number) for number in cores]


def test_threads_of_hosts_that_nobody_looked_at_are_refused(desk: Desk) -> None:
    desk.farm.add("node1")
    (desk.path / "farmhand.yaml").write_text(json.dumps(spec()))
    words = ("render", "--scheduler", "ssh", "--hosts", str(desk.farm.hosts_file()))
    done = desk(*words, "--set", "ssh.threads=physical", code=2)
    assert "no preflight says how many node1 has" in done.stderr
    assert "doctor --hosts" in done.stderr
    done = desk("render", "--scheduler", "ssh", code=2)
    assert "there are no hosts to work on" in done.stderr


def test_what_cannot_be_copied_is_said(desk: Desk) -> None:
    desk.farm.add("node1")
    (desk.path / "data.txt").write_text("1")
    what = spec(work={"files": ["data.txt"]})
    render(desk, what)
    done = desk("run", "runs/r", code=1)
    assert "shards read" in done.stderr
    assert "which is not copied" in done.stderr
    assert "no host was left for 1 shards: 0" in done.stderr
