"""Merging by component, from the chunks' directories to one directory each, and cleaning up."""

from __future__ import annotations

import json
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

if TYPE_CHECKING:
    from conftest import Farm

    Analysis = Callable[..., Farm]

SCRIPT = """
mkdir -p analyzer1/deep analyzer2
printf 'run,value\\n%s,0.10\\n' "$FARMHAND_SHARD_INDEX" >analyzer1/deep/table.csv
printf 'cut  passed\\nall jets  10\\ntwo jets  %s\\n' "$FARMHAND_SHARD_SIZE" >analyzer2/cutflow.txt
printf 'files: %s\\nversion: "1.10"\\n' "$FARMHAND_SHARD_SIZE" >counters.yaml
echo 'cfg' >analyzer1/config.py
"""
RULES = [
    {"files": "*.csv", "kind": "csv", "key": ["run"]},
    {"files": "analyzer2/*.txt", "kind": "cutflow"},
    {"files": "counters.yaml", "kind": "counters"},
    {"files": "config.py", "kind": "copy-first", "same": True},
]


@pytest.fixture
def analysis(farm: Farm) -> Analysis:
    """A run of three chunks, two chunks, and a component that is not split; all have run."""

    def make(script: str = SCRIPT, *, ran: bool = True, **merge: Any) -> Farm:
        for number in range(7):
            (farm.path / f"{number}.root").touch()
        spec = {
            "name": "ana",
            "script": script,
            "components": {
                "DY": {"files": "[0-4].root", "split": 3},
                "TT": {"files": ["5.root", "6.root"], "one_per_file": True},
                "Single": {"files": "0.root"},
            },
            "outputs": {"a1": "analyzer1", "a2": "analyzer2", "counters": "counters.yaml"},
            "merge": {"by": "component", "rules": RULES, **merge},
        }
        farm.render(spec, "--scheduler", "nohup")
        if ran:
            farm.job(*range(6))
            farm("collect", "--in-place", "runs/r")
        return farm

    return make


def merged(farm: Farm, name: str) -> str:
    return (farm.run() / "merged" / name).read_text()


def files(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def test_each_component_becomes_a_directory_like_that_of_a_chunk(analysis: Analysis) -> None:
    farm = analysis()
    assert farm("merge", "runs/r", "--dry-run").out == (
        "DY: 3 of 3 chunks, 4 files -> runs/r/merged/DY\n"
        "TT: 2 of 2 chunks, 4 files -> runs/r/merged/TT\n"
        "Single: 1 of 1 chunks, 4 files -> runs/r/merged/Single\n"
    )
    assert not (farm.run() / "merged").exists()
    said = farm("merge", "runs/r")
    assert "runs/r/merged/DY: 3 of 3 chunks\n  analyzer1/config.py: copy-first, 3 in" in said.out
    assert "  counters.yaml: counters, 1 input, " in said.out
    names = [
        "analyzer1/config.py", "analyzer1/deep/table.csv", "analyzer2/cutflow.txt",
        "counters.yaml", "processing.yaml",
    ]  # fmt: skip
    assert files(farm.run() / "merged") == sorted(
        f"{component}/{name}" for component in ("DY", "TT", "Single") for name in names
    )
    assert merged(farm, "DY/analyzer1/deep/table.csv") == "run,value\n0,0.10\n1,0.10\n2,0.10\n"
    assert merged(farm, "DY/analyzer2/cutflow.txt") == (
        "cut       passed\nall jets      30  1.0000  1.0000\ntwo jets       5  0.1667  0.1667\n"
    )
    assert merged(farm, "TT/counters.yaml") == "files: 2\nversion: '1.10'\n"
    assert merged(farm, "Single/analyzer1/config.py") == "cfg\n"


def test_processing_says_what_the_result_is_made_of(analysis: Analysis) -> None:
    farm = analysis()
    told = json.loads(farm("merge", "runs/r", "--json").out)["components"]["DY"]
    assert yaml.safe_load(merged(farm, "DY/processing.yaml")) == told
    assert told["complete"] is True
    assert told["plan_id"] == farm.manifest()["plan_id"]
    assert told["chunks"] == {"good": 3, "expected": 3, "missing": []}
    assert told["files"] == {"good": 5, "expected": 5}
    assert told["merged"]["analyzer1/deep/table.csv"].items() >= {
        "kind": "csv", "inputs": 3, "rows": 3, "size": 31,
    }.items()  # fmt: skip
    assert list(told["sources"]) == ["DY_Chunk0", "DY_Chunk1", "DY_Chunk2"]
    assert told["sources"]["DY_Chunk1"] == farm.attempts(1)[0].name


def test_incomplete_components_are_refused_by_name_unless_allowed(analysis: Analysis) -> None:
    farm = analysis(f"{SCRIPT}\nexit $((FARMHAND_SHARD_INDEX % 5 == 1))")
    said = farm("merge", "runs/r", code=1).err
    assert "not merged: DY lacks 1 of 3 (DY_Chunk1)\n" in said
    assert "complete are TT, Single (--only NAME merges them)" in said
    assert not (farm.run() / "merged").exists()
    assert farm("merge", "runs/r", "--only", "T*").err == ""
    said = farm("merge", "runs/r", "--allow-partial").err
    assert "merging what is there: DY lacks 1 of 3 (DY_Chunk1)" in said
    told = yaml.safe_load(merged(farm, "DY/processing.yaml"))
    assert told["complete"] is False
    assert told["chunks"] == {"good": 2, "expected": 3, "missing": ["DY_Chunk1"]}
    assert told["files"] == {"good": 3, "expected": 5}
    assert merged(farm, "DY/counters.yaml").startswith("files: 3\n")
    said = farm("merge", "runs/r", "--allow-partial", "--clean", "remove", "--yes", code=1).err
    assert "nothing was removed: the result lacks shards" in said
    assert len(list(farm.run().glob("shards/*/*/counters.yaml"))) == 6


def test_a_component_without_any_chunk_is_left_out_aloud(analysis: Analysis) -> None:
    farm = analysis(f"{SCRIPT}\nexit $((FARMHAND_SHARD_INDEX == 5))")
    said = farm("merge", "runs/r", "--allow-partial").err
    assert "nothing to merge of Single" in said
    assert sorted(path.name for path in (farm.run() / "merged").iterdir()) == ["DY", "TT"]
    said = farm("merge", "runs/r", "--allow-partial", "--only", "Single", code=1).err
    assert "not merged: Single lacks 1 of 1 (Single)" in said


def test_events_are_counted_where_they_are_known(farm: Farm) -> None:
    for name in "ab":
        (farm.path / f"{name}.root").touch()
    (farm.path / "l.txt").write_text("a.root 10\nb.root 3\n")
    farm.render(
        {
            "name": "e",
            "script": "echo x >o.txt; exit $((FARMHAND_SHARD_INDEX == 1))",
            "components": {
                "A": {"files": "@l.txt", "events_per_chunk": 4},
                "B": {"files": "@l.txt", "one_per_file": True},
                "C": {"work": {"count": 7}, "shards": 2},
            },
            "outputs": {"o": "o.txt"},
            "merge": {"kind": "text", "by": "component"},
        },
        "--scheduler", "nohup",
    )  # fmt: skip
    farm.job(*range(8))
    farm("collect", "--in-place", "runs/r")
    told = json.loads(farm("merge", "runs/r", "--allow-partial", "--json").out)["components"]
    assert told["A"]["chunks"] == {"good": 3, "expected": 4, "missing": ["A_Chunk1"]}
    assert told["A"]["events"] == {"good": 9, "expected": 13}
    assert told["A"]["files"] == {"good": 1, "expected": 2}
    assert (told["B"]["files"], told["B"]["events"]) == (
        {"good": 2, "expected": 2}, {"good": 13, "expected": 13},
    )  # fmt: skip
    assert told["C"]["events"] == {"good": 7, "expected": 7}
    assert merged(farm, "C/o.txt") == "x\nx\n"


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ("[ $FARMHAND_SHARD_INDEX = 1 ] && sed -i 's/all/any/' analyzer2/cutflow.txt",
         "shard 1 (DY_Chunk1): line 2: the cut is 'any jets'; in shard 0 (DY_Chunk0) it is 'all"),
        ("[ $FARMHAND_SHARD_INDEX = 1 ] && sed -i 's/,/;/' analyzer1/deep/table.csv",
         "not merged: shard 1 (DY_Chunk1): the header is run;value; shard 0 (DY_Chunk0) has run"),
        ("sed -i 's/^[12]/0/' analyzer1/deep/table.csv", "shard 1 (DY_Chunk1)"),
        ("[ $FARMHAND_SHARD_INDEX = 2 ] && echo 'v: 1' >>counters.yaml",
         "not merged: shard 2 (DY_Chunk2): has v; shard 0 (DY_Chunk0) has it not"),
        ("[ $FARMHAND_SHARD_INDEX = 1 ] && echo >>analyzer1/config.py",
         "not merged: shard 1 (DY_Chunk1): differs from that of shard 0 (DY_Chunk0)"),
        ("[ $FARMHAND_SHARD_INDEX = 2 ] && rm analyzer2/cutflow.txt",
         "analyzer2/cutflow.txt is missing in DY_Chunk2; 2 of 3 chunks have it"),
    ],
)  # fmt: skip
def test_what_one_component_refuses_does_not_keep_the_others(
    analysis: Analysis, more: str, why: str
) -> None:
    farm = analysis(f"{SCRIPT}\n{more}\ntrue")
    said = farm("merge", "runs/r", code=1).err
    assert why in said
    if "is missing in" not in why:  # that is seen before anything is merged
        assert "not merged: DY; merged: TT, Single\n" in said
        assert sorted(path.name for path in (farm.run() / "merged").iterdir()) == ["Single", "TT"]
    assert not list((farm.run()).glob("merged/.*"))


def test_a_wrong_file_that_is_removed_is_made_again(analysis: Analysis) -> None:
    farm = analysis(
        f"{SCRIPT}\n[ $FARMHAND_SHARD_INDEX != 1 ] || [ -e ../mended ] || echo v: 1 >>counters.yaml"
    )
    assert "if this file is wrong, remove it" in farm("merge", "runs/r", code=1).err
    [attempt] = farm.attempts(1)
    (attempt / "counters.yaml").unlink()
    (attempt.parent / "mended").touch()
    farm("collect", "--in-place", "--recheck", "runs/r")
    assert [row["name"] for row in farm.check(code=1)["bad"]] == ["DY_Chunk1"]
    farm("resubmit", "runs/r")
    farm.job(1)
    farm("collect", "--in-place", "runs/r")
    farm("merge", "runs/r")
    told = yaml.safe_load(merged(farm, "DY/processing.yaml"))
    assert told["sources"]["DY_Chunk1"] == farm.attempts(1)[1].name  # not the stale first


def test_rules_that_fit_nothing_and_files_that_no_rule_speaks_of(analysis: Analysis) -> None:
    farm = analysis(f"{SCRIPT}\necho more >analyzer1/notes.log")
    assert "DY: no rule speaks of analyzer1/notes.log, so it is not merged" in (
        farm("merge", "runs/r").err
    )
    farm("merge", "runs/r", "--clean", "remove", "--yes")
    assert len(list(farm.run().glob("shards/*/*/analyzer1/notes.log"))) == 6
    assert not list(farm.run().glob("shards/*/*/counters.yaml"))


def test_a_rule_for_files_of_some_components_only(analysis: Analysis) -> None:
    farm = analysis(
        f"{SCRIPT}\n[ $FARMHAND_SHARD_NAME = Single ] && echo 'n: 1' >analyzer1/gen.json; true",
        rules=[*RULES, {"files": "gen.json", "kind": "text"}],
    )
    said = farm("merge", "runs/r").err
    assert said.splitlines() == [
        f"warning: {name}: no file fits the rule gen.json" for name in ("DY", "TT")
    ]
    assert merged(farm, "Single/analyzer1/gen.json") == "n: 1\n"
    farm("merge", "runs/r", "--only", "DY")


def test_a_rule_that_fits_no_file_at_all(analysis: Analysis) -> None:
    farm = analysis(rules=[*RULES, {"files": "*.json", "kind": "counters"}])
    said = farm("merge", "runs/r", code=1).err
    assert "not merged: no file fits the rule *.json" in said
    assert "where: merge.rules.4.files" in said
    assert "the declared outputs hold analyzer1/config.py" in said
    assert not (farm.run() / "merged").exists()


def test_files_that_differ_are_copied_aloud_and_never_cleaned(analysis: Analysis) -> None:
    rules = [*RULES[:3], {"files": "config.py", "kind": "copy-first"}]
    farm = analysis(
        f"{SCRIPT}\necho $((FARMHAND_SHARD_INDEX / 2)) >>analyzer1/config.py", rules=rules
    )
    said = farm("merge", "runs/r", "--clean", "remove", "--yes").err
    assert (
        "DY: analyzer1/config.py: copied from shard 0 (DY_Chunk0); different in DY_Chunk2" in said
    )
    assert [path.read_text() for path in farm.run().glob("shards/DY*/*/*/*.py")] == ["cfg\n1\n"]


def test_foreign_files_stay_where_they_are(analysis: Analysis) -> None:
    farm = analysis()
    farm("merge", "runs/r", "--only", "TT")
    mine = farm.run() / "merged" / "TT" / "analyzer1" / "thesis.tex"
    mine.write_text("x")
    said = farm("merge", "runs/r", "--only", "TT", code=2).err
    assert "the directory holds files that no merge wrote: analyzer1/thesis.tex" in said
    assert mine.read_text() == "x"
    mine.unlink()
    farm("merge", "runs/r", "--only", "TT")
    shutil.rmtree(farm.run() / "merged" / "TT")
    (farm.run() / "merged" / "TT").write_text("a file")
    said = farm("merge", "runs/r", "--only", "TT", code=2).err
    assert "a component becomes a directory, but a file has that name" in said
    farm("merge", "runs/r", "--out", "else where", "--skip", "TT")
    assert sorted(path.name for path in Path("else where").iterdir()) == ["DY", "Single"]


def test_only_and_skip(analysis: Analysis) -> None:
    farm = analysis()
    said = farm("merge", "runs/r", "--only", "QCD", code=2).err
    assert "--only QCD: there is no such component" in said
    assert "known are DY, Single, TT" in said


def test_clean_asks(analysis: Analysis) -> None:
    farm = analysis()
    said = farm("merge", "runs/r", "--clean", "remove", code=2).err
    assert "there is nobody to ask" in said
    assert not (farm.run() / "merged").exists()
    assert (
        "--clean is for a run's shards"
        in farm("merge", "--input", "x", "--clean", "remove", code=2).err
    )


def test_archived_outputs_can_be_put_back(analysis: Analysis) -> None:
    farm = analysis()
    before = {path: path.read_bytes() for path in farm.run().glob("shards/*/*/**/*.*")}
    said = farm("merge", "runs/r", "--clean", "archive", "--yes").err
    assert "24 files" in said
    assert "were moved to an archive" in said
    assert files(farm.run() / "archive") == ["DY.1.tar", "Single.1.tar", "TT.1.tar"]
    assert not list(farm.run().glob("shards/*/*/**/*.yaml"))
    farm("collect", "--in-place", "--recheck", "runs/r")
    farm("collect", "--rebuild", "runs/r")
    assert farm.check(code=0)["succeeded"] == 6
    said = farm("merge", "runs/r", code=1).err
    assert "outputs of components DY, TT, Single were taken away after they were merged" in said
    assert "cd runs/r; tar -xf archive/DY.1.tar; tar -xf archive/TT.1.tar; tar -xf" in said
    for path in farm.run().glob("archive/*.tar"):
        with tarfile.open(path) as tar:
            tar.extractall(farm.run(), filter="data")
    assert {path: path.read_bytes() for path in farm.run().glob("shards/*/*/**/*.*")} == before
    farm("merge", "runs/r", "--clean", "archive", "--yes")
    assert "DY.2.tar" in files(farm.run() / "archive")


def test_clean_removes_what_was_merged_and_nothing_else(analysis: Analysis) -> None:
    farm = analysis()
    farm("merge", "runs/r", "--only", "DY", "--clean", "remove", "--yes")
    left = {path.parts[-3] if path.parent.name[0] == "a" else path.parts[-2]
            for path in farm.run().glob("shards/*/*/**/*.yaml")}  # fmt: skip
    assert len(left) == 3
    assert all((path / "stdout").exists() for index in range(6) for path in farm.attempts(index))
    assert farm.check(code=0)["succeeded"] == 6
    said = farm("merge", "runs/r", code=1).err
    assert "their merged result is all there is; --skip NAME merges the others" in said
    before = merged(farm, "DY/counters.yaml")
    farm("merge", "runs/r", "--skip", "DY")
    assert merged(farm, "DY/counters.yaml") == before
    assert "nothing to resubmit" in farm("resubmit", "runs/r", code=1).err


def test_what_cannot_be_removed_is_named(analysis: Analysis) -> None:
    farm = analysis()
    folder = farm.attempts(1)[0] / "analyzer2"
    folder.chmod(0o555)
    words = ["merge", "runs/r", "--only", "DY", "--clean", "remove", "--yes"]
    said = farm.process(*words, code=2, before=farm.ordinary()).err
    assert "merged, but not all was cleaned" in said
    assert "analyzer2/cutflow.txt cannot be removed: Permission denied" in said
    folder.chmod(0o755)
    assert farm.check(code=0)["succeeded"] == 6


def test_a_table_by_groups(analysis: Analysis) -> None:
    rules = [{"files": "*.csv", "kind": "csv", "group_by": ["run"]}, *RULES[1:]]
    farm = analysis(rules=rules)
    farm("merge", "runs/r")
    folder = farm.run() / "merged" / "DY" / "analyzer1" / "deep" / "table.csv"
    assert {path.name: path.read_text() for path in folder.iterdir()} == {
        f"run={run}.csv": f"run,value\n{run},0.10\n" for run in range(3)
    }
    farm("merge", "runs/r")  # what it wrote before is its own


def test_an_output_named_as_our_own_file(farm: Farm) -> None:
    farm.render(
        {
            "name": "p",
            "script": "echo 'a: 1' >processing.yaml",
            "components": {"A": {"work": {"count": 1}}},
            "outputs": {"o": "processing.yaml"},
            "merge": {"by": "component", "rules": [{"files": "*", "kind": "counters"}]},
        },
        "--scheduler", "nohup",
    )  # fmt: skip
    farm.job(0)
    farm("collect", "--in-place", "runs/r")
    said = farm("merge", "runs/r", code=2).err
    assert "would be overwritten by farmhand's own processing.yaml" in said


@pytest.mark.parametrize(
    ("merge", "why"),
    [
        ({"rules": RULES}, "rules: need by: component"),
        ({"by": "component"}, "exactly one of kind: and rules:"),
        ({"by": "component", "kind": "text", "rules": RULES}, "exactly one of kind: and rules:"),
        ({"by": "component", "rules": [{"files": "*", "kind": "cutflows"}]}, "mean 'cutflow'?"),
        ({"by": "component", "rules": [{"kind": "text"}]}, "'merge.rules.0.files' is missing"),
        ({"by": "sample", "kind": "text"}, "merge.by: there is no 'sample'"),
        ({"by": "component", "rules": RULES, "key": ["a"]}, "with rules: each rule has its own"),
        ({"by": "component", "rules": [{"files": "*", "kind": "text", "same": "true"}]},
         "same is for copy-first, not for kind text"),
    ],
)  # fmt: skip
def test_merge_blocks_that_cannot_be(farm: Farm, merge: dict[str, Any], why: str) -> None:
    spec = {
        "name": "p",
        "script": "true",
        "components": {"A": {"work": {"count": 1}}},
        "outputs": {"o": "o.txt"},
        "merge": merge,
    }
    assert why in farm.render(spec, code=2).err
