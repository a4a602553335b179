"""Components of files, from the spec to what the commands were given."""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from conftest import Farm

SPEC: dict[str, Any] = {
    "name": "c",
    "components": {
        "dy": {"files": "d/f[0-4].txt", "split": 2, "params": {"xsec": "0.10"}},
        "tt_x": {"files": ["d/f5.txt", "d/f 6.txt"], "params": {"xsec": "7"}},
        "ev": {"files": "@l.txt", "events_per_chunk": 4, "params": {"xsec": "1e5"}},
    },
    "command": [
        *("bash", "-c", 'printf "%s\\n" "$@" >"$0"', "{{ outputs.o }}", "{{ shard.component }}"),
        *("{{ params.xsec }}", "{{ shard.first_event }}+{{ shard.size }}", "{{ chunk.comma }}"),
        *("{{ chunk.list }}", "{{ chunk.files }}"),
    ],
    "outputs": {"o": "o.txt"},
}


@pytest.fixture
def field(farm: Farm) -> Farm:
    (farm.path / "d").mkdir()
    for name in ("f0", "f1", "f2", "f3", "f4", "f5", "f 6"):
        (farm.path / f"d/{name}.txt").write_text(name)
    (farm.path / "l.txt").write_text("d/f1.txt 6\nd/f2.txt 3\n")
    (farm.path / "farmhand.yaml").write_text(json.dumps(SPEC))
    return farm


def printed(farm: Farm, name: str) -> list[str]:
    [path] = farm.path.glob(f"runs/r/shards/{name}/*/o.txt")
    lines = path.read_text().replace(f"{farm.path}/", "").splitlines()
    listed = Path(path.parent, "files").read_text().replace(f"{farm.path}/", "").splitlines()
    assert lines[4] == str(path.parent / "files").replace(f"{farm.path}/", "")
    assert lines[5:] == listed
    return [*lines[:4], *lines[5:]]


def test_the_environment_has_the_first_event_where_events_are_cut(field: Farm) -> None:
    command = ["bash", "-c", "echo first=$FARMHAND_FIRST_EVENT+$FARMHAND_SHARD_SIZE"]
    (field.path / "farmhand.yaml").write_text(
        json.dumps({**SPEC, "command": command, "outputs": {}})
    )
    field("render", "--run-id", "r")
    field("run", "runs/r")
    said = {
        path.parts[-3]: path.read_text().strip()
        for path in field.path.glob("runs/r/shards/*/*/stdout")
    }
    assert said == {
        "dy_Chunk0": "first=+3", "dy_Chunk1": "first=+2", "tt_x": "first=+2",
        "ev_Chunk0": "first=0+4", "ev_Chunk1": "first=4+2", "ev_Chunk2": "first=0+3",
    }  # fmt: skip


def test_each_chunk_is_given_its_files_and_parameters(field: Farm) -> None:
    said = field("render", "--run-id", "r").err
    assert "dy    5 files in 2 chunks of up to 3\n" in said
    assert "tt_x  2 files, not split\n" in said
    assert "ev    2 files with 9 events in 3 chunks of up to 4\n" in said
    field("run", "runs/r")
    field("collect", "--in-place", "runs/r")
    field("check", "runs/r")
    dy0 = ["d/f0.txt", "d/f1.txt", "d/f2.txt"]
    assert printed(field, "dy_Chunk0") == ["dy", "0.10", "+3", ",".join(dy0), *dy0]
    assert printed(field, "dy_Chunk1")[3:] == ["d/f3.txt,d/f4.txt", "d/f3.txt", "d/f4.txt"]
    assert printed(field, "tt_x")[4:] == ["d/f5.txt", "d/f 6.txt"]
    assert printed(field, "ev_Chunk1") == ["ev", "1e5", "4+2", "d/f1.txt", "d/f1.txt"]
    assert printed(field, "ev_Chunk2")[2:4] == ["0+3", "d/f2.txt"]


def test_a_glob_that_changes_renames_nothing(field: Farm) -> None:
    field("render", "--run-id", "r")
    (field.path / "d/f00.txt").write_text("new")
    (field.path / "d/f0.txt").rename(field.path / "d/old.txt")
    field("run", "runs/r", code=1)
    bad = json.loads(field("check", "runs/r", "--json", code=1).out)["bad"]
    assert [(row["name"], row["cause"]) for row in bad] == [("dy_Chunk0", "stage_in")]
    assert f"input {field.path}/d/f0.txt: missing or not readable" in bad[0]["evidence"]
    assert printed(field, "dy_Chunk1")[3] == "d/f3.txt,d/f4.txt"


def test_a_file_that_grew_is_not_what_was_planned(field: Farm) -> None:
    field("render", "--run-id", "r")
    (field.path / "d/f 6.txt").write_text("longer than before")
    assert "inputs were changed after the render" in field("run", "runs/r", code=1).err
    field.job(*range(6))
    bad = json.loads(field("check", "runs/r", "--json", code=1).out)["bad"]
    assert [(row["name"], row["cause"]) for row in bad] == [("tt_x", "stage_in")]
    assert bad[0]["evidence"].endswith("d/f 6.txt: 18 bytes, planned 3")


def test_a_file_changed_between_two_chunks_stops_the_merge_by_name(field: Farm) -> None:
    spec = SPEC | {"merge": {"kind": "text"}}
    (field.path / "farmhand.yaml").write_text(json.dumps(spec))
    field("render", "--run-id", "r")
    changed = field.path / "d/f3.txt"
    os.utime(changed, (time.time() - 100, time.time() - 100))
    field.job(*range(6))
    field("collect", "--in-place", "runs/r")
    said = field("merge", "runs/r", code=1).err
    assert f"the input {changed} was changed after the render, and shards 1 ran after that" in said


def test_only_and_skip(field: Farm) -> None:
    field("render", "--run-id", "r", "--only", "d*", "--only", "ev", "--skip", "e?")
    names = [
        row["name"]
        for row in json.loads((field.path / "runs/r/manifest.json").read_bytes())["plans"]
    ]
    assert names == ["dy_Chunk0", "dy_Chunk1"]
    assert "--only zz: there is no such component" in field("render", "--only", "zz", code=2).err
    said = field("render", "--only", "dy", "--skip", "dy", code=2).err
    assert "leave no component" in said
    assert "known are dy, ev, tt_x" in said


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("--in={{ chunk.files }}", "nothing may stand beside it"),
        ("{{ chunk.files | join(',') }}", "known only when the job runs"),
        ("{{ chunk.file }}", "did you mean chunk.files?"),
    ],
)
def test_words_about_files_that_cannot_be(field: Farm, word: str, said: str) -> None:
    (field.path / "farmhand.yaml").write_text(json.dumps(SPEC | {"command": ["x", word]}))
    assert said in field("render", code=2).err


def test_files_where_there_are_none(field: Farm) -> None:
    spec = {"name": "n", "work": {"count": 2}, "command": ["x", "{{ chunk.files }}"]}
    (field.path / "farmhand.yaml").write_text(json.dumps(spec))
    assert "where the work is files:" in field("render", code=2).err


def test_a_variable_of_the_environment_holds_one_text(field: Farm) -> None:
    spec = SPEC | {"env": {"IN": "{{ chunk.files }}"}}
    (field.path / "farmhand.yaml").write_text(json.dumps(spec))
    assert "use {{ chunk.comma }}" in field("render", code=2).err


def test_a_file_in_two_components_is_said(field: Farm) -> None:
    said = field("render").err
    assert "in more than one component" in said
    assert "d/f1.txt" in said


def test_a_directory_that_cannot_be_read_is_no_empty_directory(field: Farm) -> None:
    (field.path / "d/closed").mkdir()
    (field.path / "d/closed").chmod(0)
    spec = SPEC | {"components": {"a": {"files": "d/**/*.txt", "params": {"xsec": "1"}}}}
    (field.path / "farmhand.yaml").write_text(json.dumps(spec))
    said = field.process("render", code=2, before=field.ordinary()).err
    assert "the pattern 'd/**/*.txt' may miss files" in said
    assert "d/closed: Permission denied" in said


def test_a_file_that_may_not_be_read_is_named(field: Farm) -> None:
    (field.path / "d/f3.txt").chmod(0)
    said = field.process("render", code=2, before=field.ordinary()).err
    assert "d/f3.txt may not be read by you" in said
    assert "where: components.dy.files" in said
    assert "make it readable, or leave it out" in said


@pytest.mark.parametrize("scheduler", ["local", "nohup", "lsf", "slurm", "htcondor"])
def test_a_component_with_other_cores_has_as_many_threads(farm: Farm, scheduler: str) -> None:
    spec = {
        "name": "cores",
        "components": {
            "a": {"work": {"count": "1"}},
            "b": {"work": {"count": "1"}, "resources": {"cpus": "2"}},
        },
        "threads": "cpus",
        "script": 'echo "$FARMHAND_CPUS $OMP_NUM_THREADS ${fh_cpus-none}" >"$1"',
        "arguments": ["{{ outputs.o }}"],
        "outputs": {"o": "o"},
    }
    (farm.path / "farmhand.yaml").write_text(json.dumps(spec))
    farm("render", "--scheduler", scheduler, "--run-id", "r")
    run = farm.path / "runs/r"
    if scheduler == "local":
        farm("run", "runs/r", "--jobs", "2")
    elif scheduler in ("nohup", "lsf"):
        for name in "ab":
            subprocess.run([run / "shards" / name / "batchScript.sh"], check=True)
    else:  # tests on the real ones are elsewhere; this is what their jobs start
        texts = [path.read_text() for path in run.rglob("*_job*.sh")]
        assert sorted("fh_cpus=2 " in text for text in texts) == [False, True]
        return
    told = {path.parent.parent.name: path.read_text() for path in run.glob("shards/*/*/o")}
    assert told == {"a": "1 1 none\n", "b": "2 2 none\n"}
