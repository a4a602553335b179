"""``check`` by component and chunk, and of some chunks that a shell has listed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Farm

    Chunks = Callable[..., Farm]

FAILS = """
case $FARMHAND_SHARD_NAME in
  DYJets_Chunk[13]) echo "Error: no such tree" >&2; exit 3 ;;
  DYJets_Chunk4) kill -KILL $$ ;;
  Single) exit 4 ;;
esac
"""


@pytest.fixture
def chunks(farm: Farm) -> Chunks:
    """Render a run of 5 chunks, 2 chunks, and a component that is not split."""

    def render(script: str = FAILS, scheduler: str = "nohup") -> Farm:
        for number in range(9):
            (farm.path / f"{number}.root").touch()
        files = [f"{number}.root" for number in range(5)]
        spec = {
            "name": "c",
            "script": script,
            "components": {
                "DYJets": {"files": files, "one_per_file": True},
                "TTJets": {"files": ["[5-8].root"], "split": 2},
                "Single": {"files": ["0.root"]},
            },
        }
        farm.render(spec, "--scheduler", scheduler)
        return farm

    return render


def test_a_line_a_component_then_its_bad_chunks(chunks: Chunks) -> None:
    farm = chunks()
    farm.job(0, 1, 2, 3, 4, 5, 7)
    said = farm("check", "runs/r", code=1)
    assert said.out == (
        "r: 8 shards: 1 planned, 3 succeeded, 4 failed\n"
        "\n"
        "DYJets  5 chunks: 2 succeeded, 3 failed (2 exit_code, 1 signal)\n"
        "     2  failed     exit_code    _Chunk1,3\n"
        "        e.g. DYJets_Chunk1: exit code 3; Error: no such tree\n"
        "     1  failed     signal       _Chunk4\n"
        "        DYJets_Chunk4: killed by SIGKILL (exit code 137)\n"
        "TTJets  2 chunks: 1 planned, 1 succeeded\n"
        "Single  1 shard: 1 failed (1 exit_code)\n"
        "     1  failed     exit_code    shard 7\n"
        "        Single: exit code 4\n"
    )
    assert "Redo them:   farmhand resubmit runs/r\n" in said.err
    assert "or at once:  farmhand check runs/r -b 'nohup ./batchScript.sh &'\n" in said.err


def test_json_adds_the_components_to_the_pinned_keys(chunks: Chunks) -> None:
    farm = chunks()
    farm.job(0, 1, 2, 3, 4, 5, 7)
    told = farm.check(code=1)
    assert told.keys() == {"shards", "succeeded", "states", "bad", "components"}
    assert told["components"] == {
        "DYJets": {"shards": 5, "succeeded": 2, "states": {"succeeded": 2, "failed": 3}},
        "TTJets": {"shards": 2, "succeeded": 1, "states": {"planned": 1, "succeeded": 1}},
        "Single": {"shards": 1, "succeeded": 0, "states": {"failed": 1}},
    }
    assert [row["name"] for row in told["bad"]] == [
        "DYJets_Chunk1", "DYJets_Chunk3", "DYJets_Chunk4", "Single",
    ]  # fmt: skip


@pytest.mark.parametrize("columns", ["80", "50"])
def test_the_table_fits(chunks: Chunks, monkeypatch: pytest.MonkeyPatch, columns: str) -> None:
    story = "Error: a story of many words that does not fit in a line of any terminal at all"
    farm = chunks(f"echo {story} $FARMHAND_SHARD_INDEX >&2; exit 3")
    farm.job(*range(8))
    monkeypatch.setenv("COLUMNS", columns)
    lines = farm("check", "runs/r", code=1).out.splitlines()
    assert max(map(len, lines)) <= int(columns)
    assert sum("failed     exit_code" in line for line in lines) == 8  # no two tell the same story


def test_some_chunks_as_the_shell_lists_them(
    chunks: Chunks, monkeypatch: pytest.MonkeyPatch
) -> None:
    farm = chunks()
    farm.job(0, 1, 2, 3, 4)
    shards = farm.run() / "shards"
    mine = [str(path) + "/" for path in sorted(shards.glob("*Chunk[02]"))]
    assert farm("check", *mine).out.startswith("r: 3 shards: 1 planned, 2 succeeded\n")
    good = [path for path in mine if "DYJets" in path]
    said = farm("check", *good)
    assert said.out == "r: 2 shards: 2 succeeded\n\nDYJets  2 chunks: 2 succeeded\n"
    assert "all good" in said.err
    told = json.loads(farm("check", "--json", *mine, "runs/r/shards/DYJets_Chunk1", code=1).out)
    assert (told["shards"], [row["shard_index"] for row in told["bad"]]) == (4, [1])
    monkeypatch.chdir(shards / "DYJets_Chunk0")
    assert "1 shard: 1 succeeded" in farm("check", ".").out
    assert "2 failed" in farm("check", "../DYJets_Chunk3", "../DYJets_Chunk1", code=1).out
    monkeypatch.chdir(shards)
    assert "5 shards" in farm("check", "DYJets*", code=1).out  # quoted, so that no shell saw it
    assert "2 shards: 2 planned" in farm("check", "TTJets_Chunk0", "TTJets_Chunk1").out


def test_chunks_in_blocks(farm: Farm) -> None:
    words = ["--scheduler", "local", "--shards", "1002", "--", "true"]
    farm("render", "--run-id", "r", *words)
    shards = farm.run() / "shards"
    assert "1002 shards: 1002 planned" in farm("check", "runs/r/shards/0", "runs/r/shards/1").out
    assert "r: 2 shards" in farm("check", str(shards / "1")).out
    assert "r: 2 shards" in farm("check", str(shards / "1" / "s1000"), f"{shards}/0/s0999").out
    assert "r: 10 shards" in farm("check", f"{shards}/*/s000*").out
    assert "r: 202 shards" in farm("check", f"{shards}/s0[09]??", f"{shards}/1/*").out
    for wrong in ("0/s1000", "s1000", "2", "7/s0001", "0/nosuch"):
        assert "has no shard" in farm("check", f"{shards}/{wrong}", code=2).err


def test_what_is_no_chunk_is_named(chunks: Chunks, farm: Farm) -> None:
    chunks().job(0)
    farm("render", "--run-id", "other", "--scheduler", "nohup", "--", "true")
    shards = Path("runs/r/shards")
    [attempt] = farm.attempts(0)

    def told(*paths: Path | str) -> str:
        return farm("check", *map(str, paths), code=2).err

    assert "the run has no shard 'DYJets_Chunk9' here; did you mean" in told(
        shards / "DYJets_Chunk9"
    )
    assert "no shard of the run fits this pattern" in told(shards / "*chunk*")
    assert "this lies in the directory of shard 'DYJets_Chunk0'" in told(attempt)
    assert f"name the shard: {attempt.parent}" in told(attempt)
    two = told(shards / "DYJets_Chunk0", "runs/other/shards/s0")
    assert "these are shards of 2 runs: runs/r, runs/other" in two
    assert "several paths, and this one is a run" in told("runs/r", shards / "DYJets_Chunk0")
    assert "several paths, and this one is a run" in told("runs/r", "runs/other")
    assert "several paths, and this one is no shard of a run" in told(shards / "DYJets_Chunk0", "/")
    assert "--manifest goes with no other path" in told(
        shards / "DYJets_Chunk0", "--manifest", "runs/r/manifest.json"
    )


def test_a_run_in_a_directory_named_shards_is_a_run(farm: Farm) -> None:
    farm("render", "--run-id", "r", "--out-dir", "shards", "--", "true")
    assert "1 shard: 1 planned" in farm("check", "shards/r").out
