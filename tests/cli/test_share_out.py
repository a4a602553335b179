"""Rendering for hosts: who gets how much, with how many threads. No host is asked."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Farm

SPEC = {"name": "t", "work": {"count": 100, "seed": 7}, "command": ["true"]}


def report(name: str, **facts: Any) -> dict[str, Any]:
    return {"name": name, "ok": True, "logical": 8, "physical": 4, "memory": 16 << 30, **facts}


def render(
    farm: Farm, hosts: str, *words: str, reports: list[dict[str, Any]] | None = None, code: int = 0
) -> str:
    (farm.path / "hosts.txt").write_text(hosts)
    if reports is not None:
        kept = {
            "schema_version": "farmhand.preflight/1",
            "created_at_utc": "2026-01-01T00:00:00Z",
            "hosts_file": "hosts.txt",
            "hosts": reports,
        }
        (farm.path / "pre.json").write_text(json.dumps(kept))
        words = ("--preflight", "pre.json", *words)
    return farm.render(SPEC, "--scheduler", "ssh", "--hosts", "hosts.txt", *words, code=code).text


def plans(farm: Farm) -> list[tuple[int, int, int]]:
    return [(plan["start"], plan["size"], plan["seed"]) for plan in farm.manifest()["plans"]]


def hosts(farm: Farm) -> list[dict[str, Any]]:
    spec = json.loads((farm.run() / "plan" / "spec.json").read_bytes())
    found: list[dict[str, Any]] = spec["ssh"]["hosts"]
    return found


def test_weights_of_the_file_come_first_then_physical_cores(farm: Farm) -> None:
    reports = [report("a"), report("b"), report("c", physical=5)]
    said = render(farm, "a weight=1\nb\nc\n", reports=reports)
    assert said.splitlines()[-1].startswith("farmhand run ")
    assert plans(farm) == [(0, 10, 7), (10, 40, 17), (50, 50, 57)]


def test_logical_cores_and_uniform_when_asked(farm: Farm) -> None:
    reports = [report("a"), report("b", logical=12)]
    render(farm, "a\nb\n", "--set", "ssh.weights=logical", reports=reports)
    assert plans(farm) == [(0, 40, 7), (40, 60, 47)]
    farm.render(SPEC, "--scheduler", "ssh", "--hosts", "hosts.txt", "--preflight", "pre.json",
                "--set", "ssh.weights=uniform", name="u")  # fmt: skip
    assert [plan["size"] for plan in farm.manifest("u")["plans"]] == [50, 50]


@pytest.mark.parametrize(
    ("policy", "threads"),
    [("physical", [4, 2]), ("logical", [8, 2]), ("auto", [4, 2]), ("3", [3, 2])],
)
def test_threads_by_policy_and_by_host(farm: Farm, policy: str, threads: list[int]) -> None:
    words = ("--set", f"ssh.threads={policy}")
    render(farm, "a\nb threads=2\n", *words, reports=[report("a"), report("b")])
    assert [host["threads"] for host in hosts(farm)] == threads


def test_shards_that_are_pulled_fill_the_cores_and_the_memory(farm: Farm) -> None:
    reports = [report("a"), report("b", physical=64), report("c"), report("d")]
    words = ("--shards", "50", "--set", "resources.memory=2 GB")
    render(farm, "a\nb\nc threads=2\nd slots=9\n", *words, reports=reports)
    assert [host["slots"] for host in hosts(farm)] == [4, 8, 2, 9]
    assert len(plans(farm)) == 50


def test_who_gets_nothing_is_said(farm: Farm) -> None:
    reports = [report("a"), report("b"), {"name": "c", "ok": False, "problem": "refused"}]
    said = render(farm, "a\nb weight=0\nc\n", reports=reports)
    assert "b: weight 0, so it gets no work" in said
    assert "c: did not answer in the preflight, so it gets no work" in said
    assert plans(farm) == [(0, 100, 7)]


def test_more_hosts_than_units_leaves_spares(farm: Farm) -> None:
    said = render(farm, "a\nb\nc weight=0.1\n", "--set", "work.count=2")
    assert "c: its share of 2 units comes to none; it is a spare" in said
    assert [plan[1] for plan in plans(farm)] == [1, 1]
    assert [host["name"] for host in hosts(farm)] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("file", "reports", "words", "code", "what"),
    [
        ("a\nb\n", [report("a")], (), 2, "nothing is known of host 'b'"),
        ("a weight=0\n", None, (), 1, "no host is left to work on"),
        ("a\n", None, ("--set", "ssh.weights=physical"), 2, "no preflight says it"),
        ("a\n", None, ("--set", "ssh.threads=logical"), 2, "no preflight says how many a has"),
        ("a\n", None, ("--set", "ssh.threads=many"), 2, "'many' is no number of threads"),
        ("a\n", [{"name": "a"}], (), 2, "this is no preflight: hosts.0.ok"),
        ("a\n", None, ("--set", "work.sizes=[60, 30]"), 2, "sizes: add up to 90"),
    ],
)
def test_what_cannot_be_shared_out(  # noqa: PLR0913, PLR0917 (a table's columns)
    farm: Farm,
    file: str,
    reports: list[dict[str, Any]] | None,
    words: tuple[str, ...],
    code: int,
    what: str,
) -> None:
    assert what in render(farm, file, *words, reports=reports, code=code)


def test_hosts_go_with_ssh_and_ssh_with_hosts(farm: Farm) -> None:
    (farm.path / "hosts.txt").write_text("a\n")
    said = farm.render(SPEC, "--hosts", "hosts.txt", code=2)
    assert "--hosts and --preflight go with --scheduler ssh" in said.err
    said = farm.render(SPEC, "--scheduler", "ssh", code=2)
    assert "there are no hosts to work on" in said.err
    files = {**SPEC, "work": {"files": ["x"]}, "ssh": {"hosts": ["a"], "split": "hosts"}}
    (farm.path / "x").touch()
    said = farm.render(files, "--scheduler", "ssh", code=2)
    assert "only a count is split by the weights of hosts" in said.err


def test_hosts_of_the_spec_do_without_a_file(farm: Farm) -> None:
    farm.render({**SPEC, "ssh": {"hosts": ["a weight=3", "b"]}}, "--scheduler", "ssh")
    assert [plan[1] for plan in plans(farm)] == [75, 25]
    said = farm("run", "runs/r", "--dry-run")
    assert said.out.splitlines()[1].split() == ["a", "3", "-", "1"]
    assert said.out.splitlines()[-1].split() == ["1", "b", "75", "25", "82"]


def test_a_run_of_another_scheduler_goes_to_hosts_only_with_hosts(farm: Farm) -> None:
    farm.render({**SPEC, "command": ["false"]}, "--scheduler", "local")
    farm("run", "runs/r", code=1)
    said = farm("resubmit", "runs/r", "--scheduler", "ssh", code=2)
    assert "the spec of this run names no hosts" in said.err
