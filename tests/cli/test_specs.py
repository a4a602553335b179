"""What a spec can say, seen from what the jobs do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conftest import Farm

COMPONENTS: dict[str, Any] = {
    "name": "c",
    "components": {
        "sig": {"work": {"count": 10, "seed": 1}, "shards": 2, "params": {"m": "0.10", "x": ""}},
        "bkg": {
            "work": {"count": 20, "seed": {"spawn": 7, "bits": 16}},
            "shards": 3,
            "params": {"m": "007", "x": "b"},
        },
        "one": {"work": {"count": 5, "seed": 5000}, "params": {"m": "1e5", "x": "~"}},
    },
    "shard_name": "{{ shard.component }}_{{ params.m }}_{{ part.index }}",
    "command": [
        *(
            "bash",
            "-c",
            'echo "$@" >"$0"',
            "{{ outputs.o }}",
            "{{ shard.name }}",
            "[{{ params.x }}]",
        ),
        *("{{ shard.seed }}", "{{ part.index }}/{{ part.total }}", "{{ work.count }}"),
    ],
    "outputs": {"o": {"path": "o-{{ shard.index }}.txt", "check": {"min_size": "1 B"}}},
    "merge": {"kind": "text"},
}


def test_components_from_names_to_the_merge(farm: Farm) -> None:
    farm.render(COMPONENTS)
    assert farm.job(*range(6)) == 0
    farm("collect", "--in-place", "runs/r")
    farm("merge", "runs/r")
    lines = (farm.run() / "merged.txt").read_text().splitlines()
    seeds = [plan["seed"] for plan in farm.manifest()["plans"]]
    assert lines == [
        "sig_0.10_0 [] 1 0/2 10",
        "sig_0.10_1 [] 6 1/2 10",
        f"bkg_007_0 [b] {seeds[2]} 0/3 20",
        f"bkg_007_1 [b] {seeds[3]} 1/3 20",
        f"bkg_007_2 [b] {seeds[4]} 2/3 20",
        "one_1e5_0 [~] 5000 0/1 5",
    ]
    assert len(set(seeds)) == 6
    assert all(seed < 1 << 16 for seed in seeds[2:5])
    assert farm("show", "runs/r", "bkg_007_1").out.startswith("shard 3 (bkg_007_1): units 7 to 13")


def test_seeds_are_stable_and_independent_of_other_components(farm: Farm) -> None:
    def seeds(spec: dict[str, Any], name: str) -> list[int]:
        farm.render(spec, name=name)
        return [plan["seed"] for plan in farm.manifest(name)["plans"] if plan["component"] == "bkg"]

    alone = {**COMPONENTS, "components": {"bkg": COMPONENTS["components"]["bkg"]}}
    assert seeds(COMPONENTS, "a") == seeds(COMPONENTS, "b") == seeds(alone, "c")


def test_runs_with_the_same_seeds_beside_each_other_are_told(farm: Farm) -> None:
    def render(name: str, seed: object) -> str:
        work = {"count": 100, "seed": seed}
        return farm.render({"name": "s", "work": work, "command": ["true"]}, name=name).err

    assert "seeds" not in render("first", 1)
    assert "seeds" not in render("second", 101)
    told = render("third", 50)
    assert "some of the same seeds: first, second" in told
    assert "{spawn: NUMBER}" in told
    assert "seeds" not in render("fourth", {"spawn": 50})
    assert "seeds" not in render("fifth", 1000)


@pytest.mark.parametrize("shebang", ["#!/usr/bin/env python3\n", ""])
def test_a_script_with_and_without_its_interpreter(farm: Farm, shebang: str) -> None:
    body = 'import sys\nprint(sys.argv[1:], sep="")\n' if shebang else "printf '[%s]' \"$@\"\n"
    farm.render({
        "name": "s", "work": {"count": 2, "seed": 3}, "shards": 2, "script": shebang + body,
        "arguments": ["a b", "{{ shard.seed }}", ""],
    })  # fmt: skip
    assert farm.job(1) == 0
    shown = (farm.attempts(1)[0] / "stdout").read_text()
    assert shown == ("['a b', '4', '']\n" if shebang else "[a b][4][]")


def test_environment_prologue_work_directory_and_threads(farm: Farm) -> None:
    Path("work here").mkdir()
    farm.render({
        "name": "e", "work": {"count": 1},
        "command": ["bash", "-c", 'echo "$PWD|$A|$B|$OMP_NUM_THREADS|$FARMHAND_CPUS"'],
        "env": {"A": "x {{ shard.index }} $HOME"}, "prologue": 'export B="b $A"\nfalse\n',
        "workdir": "work here", "threads": "cpus", "resources": {"cpus": 3},
    })  # fmt: skip
    assert farm.job(0) == 0
    shown = (farm.attempts()[0] / "stdout").read_text()
    assert shown == f"{farm.path}/work here|x 0 $HOME|b x 0 $HOME|3|3\n"


def test_options_change_the_spec_and_dry_runs_write_nothing(farm: Farm) -> None:
    farm("init")
    said = farm("render", "--set", "work.count=7", "--shards", "2", "--dry-run", "--json")
    assert [(row["start"], row["size"], row["seed"]) for row in json.loads(said.out)] == [
        (0, 4, 42),
        (4, 3, 46),
    ]
    table = farm("plan", "--set", "work.count=60", "--set", "shards=30")
    assert "and 10 more, 30 in all" in table.out
    assert "Nothing written" in table.err
    checked = farm("render", "--check")
    assert "command: bash is " in checked.out
    assert not Path("runs").exists()
    refused = farm("render", "--check", "--", "no-such-command", code=1)
    assert "BAD  command: no-such-command is not an executable on PATH" in refused.out


def test_a_one_liner_is_a_spec_that_can_be_written_down(farm: Farm) -> None:
    Path("in.txt").write_text("data\n")
    Path("job.sh").write_text('#!/bin/sh\ncat "$1" "${2#--cfg=}"; echo "$3"\n')
    Path("job.sh").chmod(0o755)
    command = ["./job.sh", "in.txt", "--cfg=in.txt", "{{ shard.index }} of {{ shard.total }}"]
    said = farm("render", "--write-spec", "--shards", "3", "--", *command)
    assert "input: in.txt lies beside you" in said.err
    assert "--cfg={{ inputs.in }}" in said.out
    Path("s.yaml").write_text(said.out)
    farm("render", "s.yaml", "--run-id", "r")
    farm("render", "--run-id", "q", "--shards", "3", "--", *command)
    for name in ("r", "q"):
        assert farm.job(2, name=name) == 0
        assert (farm.attempts(2, name)[0] / "stdout").read_text() == "data\ndata\n2 of 3\n"
    assert not Path("runs/2").exists()


def test_what_init_writes_runs_to_the_end(farm: Farm) -> None:
    farm("init")
    assert "exists, and nothing is ever overwritten" in farm("init", code=2).err
    assert farm("init", "-").out == Path("farmhand.yaml").read_text()
    farm("render", "--run-id", "r")
    assert farm.job(0, 1, 2, 3) == 0
    farm("collect", "--in-place")
    farm("merge")
    assert "shard 3 of 4" in (farm.run() / "merged.txt").read_text()


def test_the_schema_allows_what_people_write(farm: Farm) -> None:
    schema = json.loads(farm("schema").out)
    definitions = schema["$defs"]
    [count, _] = definitions["Work"]["properties"]["count"]["anyOf"]
    assert "string" in count["type"]
    [_, _, file] = definitions["Component"]["properties"]["files"]["anyOf"]
    assert "string" in file["type"], "files: data/*.root"
    [size, _] = definitions["Check"]["properties"]["min_size"]["anyOf"]
    assert "string" in size["type"], "10 B"
    assert "number" in schema["properties"]["command"]["items"]["type"], "0.10"
    short = schema["properties"]["inputs"]["additionalProperties"]["anyOf"]
    assert {"type": "string"} in short
    assert schema["additionalProperties"] is False
