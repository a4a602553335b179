"""Merging by the command line: what it takes, what it refuses, and what it says."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Farm

    Toys = Callable[..., Farm]

WHOLE = "".join(f"unit {i}\n" for i in range(4))


@pytest.fixture
def done(toys: Toys) -> Farm:
    farm = toys()
    farm.job(0, 1, 2, 3)
    farm("collect", "--in-place", "runs/r")
    return farm


def merged(farm: Farm) -> str:
    return (farm.run() / "merged.txt").read_text()


def test_the_whole(done: Farm) -> None:
    plan = done("merge", "--dry-run", "runs/r")
    assert plan.out == "4 of 4 shards -> runs/r/merged.txt\n"
    assert not (done.run() / "merged.txt").exists()
    report = json.loads(done("merge", "runs/r", "--json").out)
    assert (report["kind"], report["shards"], report["passed"]) == ("text", 4, True)
    assert merged(done) == WHOLE
    sidecar = json.loads(Path(report["sidecar"]).read_text())
    assert sidecar["complete"] is True
    assert [source["shard_index"] for source in sidecar["sources"]] == [0, 1, 2, 3]
    done("merge", "runs/r", "--out", "else where.txt")
    assert Path("else where.txt").read_text() == WHOLE


def test_newer_records_have_to_be_collected_first(toys: Toys) -> None:
    farm = toys()
    farm.job(0, 1, 2, 3)
    said = farm("merge", "runs/r", code=1).err
    assert "there is more than the manifest knows" in said
    assert "farmhand collect --in-place runs/r" in said
    assert (
        "4 of 4 shards have no accepted output"
        in farm("merge", "--as-collected", "runs/r", code=1).err
    )


def test_missing_shards_are_named_and_may_be_allowed(toys: Toys) -> None:
    farm = toys()
    farm.job(0, 2, 3)
    farm("collect", "--in-place", "runs/r")
    said = farm("merge", "runs/r", code=1).err
    assert "1 of 4 shards have no accepted output: 1" in said
    assert "--allow-partial" in said
    assert not (farm.run() / "merged.txt").exists()
    assert "merging without 1 of 4 shards: 1" in farm("merge", "--allow-partial", "runs/r").err
    assert merged(farm) == "unit 0\nunit 2\nunit 3\n"
    [sidecar] = farm.run().glob("merged.txt*.json")
    told = json.loads(sidecar.read_text())
    assert told["complete"] is False
    assert [item["name"] for item in told["missing"]] == ["s1"]
    farm.job(1)
    farm("collect", "--in-place", "runs/r")
    farm("merge", "runs/r")
    assert merged(farm) == WHOLE


def test_an_output_that_changed_since_it_was_checked(done: Farm) -> None:
    output = done.attempts(1)[0] / "out.txt"
    output.write_text("unit 1 and more\n")
    said = done("merge", "runs/r", code=1).err
    assert "outputs changed after they were checked: shards 1" in said
    done("collect", "--in-place", "runs/r")
    done("merge", "runs/r", code=1)
    done("collect", "--in-place", "--recheck", "runs/r")
    done("merge", "runs/r")
    assert "and more" in merged(done)
    output.write_text("")
    done("collect", "--in-place", "--recheck", "runs/r")
    assert [bad["cause"] for bad in done.check(code=1)["bad"]] == ["bad_output"]
    output.unlink()
    assert (
        "out.txt does not exist"
        in done("collect", "--in-place", "--recheck", "runs/r").text
        + (done.check(code=None)["bad"][0]["evidence"])
    )


def test_a_refused_merge_keeps_the_last_good_one(done: Farm) -> None:
    done("merge", "runs/r")
    (done.attempts(2)[0] / "out.txt").unlink()
    done("merge", "runs/r", code=1)
    assert merged(done) == WHOLE


def test_files_that_nobody_planned(farm: Farm) -> None:
    Path("a.csv").write_text("x,y\n1,2\n")
    Path("b.csv").write_text("x,y\n3,4\n")
    words = ["merge", "--kind", "csv", "--out", "all.csv", "--input", "a.csv", "--input"]
    farm(*words, "b.csv")
    assert Path("all.csv").read_text() == "x,y\n1,2\n3,4\n"
    Path("c.csv").write_text("x,z\n3,4\n")
    assert "c.csv" in farm(*words, "c.csv", code=1).err
    assert "nothere.csv" in farm(*words, "nothere.csv", code=None).err
    assert Path("all.csv").read_text() == "x,y\n1,2\n3,4\n"


def test_a_run_without_a_merge_block(toys: Toys) -> None:
    farm = toys(merge=None)
    assert "--input FILE" in farm("merge", "runs/r", code=2).err


def test_a_kind_that_contradicts_the_spec(done: Farm) -> None:
    assert (
        "contradicts the spec's merge.kind text"
        in done("merge", "--kind", "csv", "runs/r", code=2).err
    )


def test_a_command_of_the_users(toys: Toys) -> None:
    join = 'out=$1; shift; cat "$@" | tac >"$out"'
    farm = toys(merge={
        "kind": "command",
        "command": ["bash", "-c", join, "join", "{{ merge.output }}", "{{ merge.inputs }}"],
        "extension": "txt", "check": {"require": "unit 3"},
    })  # fmt: skip
    farm.job(0, 1, 2, 3)
    farm("collect", "--in-place", "runs/r")
    farm("merge", "runs/r")
    assert merged(farm).splitlines()[0] == "unit 3"


def test_a_result_that_fails_its_check_is_not_published(toys: Toys) -> None:
    farm = toys(merge={"kind": "text", "check": {"forbid": "unit 2"}})
    farm.job(0, 1, 2, 3)
    farm("collect", "--in-place", "runs/r")
    assert "unit 2" in farm("merge", "runs/r", code=1).err
    assert not (farm.run() / "merged.txt").exists()


def test_publish_links_what_is_accepted(toys: Toys) -> None:
    farm = toys(outputs={"o": {"path": "out.txt", "publish": "texts"}})
    farm.job(0, 3)
    farm("collect", "--in-place", "runs/r")
    links = sorted((farm.run() / "outputs" / "texts").iterdir())
    assert [(link.name, link.read_text()) for link in links] == [
        ("s0.txt", "unit 0\n"),
        ("s3.txt", "unit 3\n"),
    ]
    assert not any(Path(link.readlink()).is_absolute() for link in links)


@pytest.mark.parametrize(
    ("rule", "evidence"),
    [
        ({"command": ["bash", "-c", "echo 'no muons' >&2; exit 1"]}, "no muons"),
        ({"command": ["no-such-checker"]}, "no-such-checker"),
        ({"csv": {"header": ["unit"]}}, "out.txt"),
        ({"json": True}, "out.txt"),
        ({"require": "muon"}, "muon"),
    ],
)
def test_each_validator_gives_its_evidence(toys: Toys, rule: object, evidence: str) -> None:
    farm = toys(outputs={"o": {"path": "out.txt", "check": rule}})
    farm.job(0)
    [bad] = farm.check(code=1)["bad"]
    assert bad["cause"] == "bad_output"
    assert evidence in bad["evidence"]


def test_rules_for_logs(toys: Toys) -> None:
    farm = toys(
        command=["bash", "-c", "echo fine >out.txt; echo WARNING: $0 >&2", "{{ shard.index }}"],
        logs={"stderr": {"forbid": "WARNING: [13]"}},
    )
    farm.job(0, 1, 2, 3)
    bad = farm.check(code=1)["bad"]
    assert [(row["shard_index"], row["cause"]) for row in bad] == [
        (1, "bad_output"),
        (3, "bad_output"),
    ]
    assert "stderr" in bad[0]["evidence"]
