"""Merging a scan's tables by the command line: a file for each point, whatever happens."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.dying import die_at

if TYPE_CHECKING:
    from conftest import Farm

LONG = bool(os.environ.get("FARMHAND_LONG"))
SCRIPT = """
printf 'n,q\\n%s,1\\n' "$FARMHAND_SHARD_INDEX" >t.csv
"""
RANK = """awk -F, -v OFS=, 'NR > 1 { $2 = NR - 1 } 1' "$1" >"$2" """
SPEC: dict[str, Any] = {
    "name": "scan",
    "script": SCRIPT,
    "components": {
        name: {"work": {"count": 1}, "params": {"mass": name[1:-1], "channel": name[-1]}}
        for name in ("m0.10a", "m0.10b", "m0.2a")
    },
    "outputs": {"t": "t.csv"},
    "merge": {
        "kind": "csv",
        "group_by": ["params.mass"],
        "source_column": "channel",
        "source": "params.channel",
        "key": ["n"],
        "non_additive": ["q"],
        "recompute": {
            "command": ["sh", "-c", RANK, "rank", "{{ merge.input }}", "{{ merge.output }}"]
        },
    },
}
OLD = {
    "mass=0.10.csv": "n,q,channel\n0,1,a\n1,2,b\n",
    "mass=0.2.csv": "n,q,channel\n2,1,a\n",
}
NEW = OLD | {"mass=0.10.csv": "n,q,channel\n0,1,a\n9,2,a\n1,3,b\n"}


def collected(farm: Farm, **changes: Any) -> Path:
    farm.render(SPEC | changes, "--scheduler", "nohup")
    farm.job(0, 1, 2)
    farm("collect", "--in-place", "runs/r")
    return farm.run()


def files(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


def grow(farm: Farm) -> None:
    """Let the first shard have another row."""
    with (farm.attempts(0)[0] / "t.csv").open("a") as table:
        table.write("9,1\n")
    farm("collect", "--in-place", "--recheck", "runs/r")


def test_a_file_for_each_point(farm: Farm) -> None:
    run = collected(farm)
    said = farm("merge", "runs/r")
    assert "2 by params.mass" in said.out
    assert files(run / "merged") == OLD
    grow(farm)
    farm("merge", "runs/r")
    assert files(run / "merged") == NEW
    proof = json.loads((run / "merged.merge.json").read_text())
    assert proof["rows"] == {"read": 4, "identical": 0, "written": 4}


def test_points_of_a_grid(farm: Farm) -> None:
    spec: dict[str, Any] = {key: SPEC[key] for key in ("name", "script", "outputs")}
    spec["work"] = {"grid": {"mass": ["0.10", "0.2"], "channel": ["a", "b"]}}
    spec["merge"] = {
        "kind": "csv",
        "group_by": ["point.mass"],
        "source_column": "channel",
        "source": "point.channel",
    }
    farm.render(spec, "--scheduler", "nohup")
    farm.job(0, 1, 2, 3)
    farm("collect", "--in-place", "runs/r")
    farm("merge", "runs/r")
    assert files(farm.run() / "merged") == {
        "mass=0.10.csv": "n,q,channel\n0,1,a\n1,1,b\n",
        "mass=0.2.csv": "n,q,channel\n2,1,a\n3,1,b\n",
    }


def test_each_component_by_itself(farm: Farm) -> None:
    merge = SPEC["merge"] | {"by": "component"}
    run = collected(farm, merge=merge)
    farm("merge", "runs/r")
    assert (run / "merged/m0.10b/t.csv/mass=0.10.csv").read_text() == "n,q,channel\n1,1,b\n"


def test_what_does_not_add_up_is_refused_until_the_spec_says_more(farm: Farm) -> None:
    merge: dict[str, Any] = {"kind": "csv", "non_additive": ["q"]}
    run = collected(farm, merge=merge)
    said = farm("merge", "runs/r", code=1).err
    assert "q cannot be put together from 3 shards" in said
    assert "farmhand merge RUN --spec FILE" in said
    Path("again.json").write_text(json.dumps(SPEC | {"merge": merge | {"drop": "true"}}))
    said = farm("merge", "runs/r", "--spec", "again.json").err
    assert "left out, for it does not add up: q" in said
    assert (run / "merged.csv").read_text() == "n\n0\n1\n2\n"
    proof = json.loads((run / "merged.csv.merge.json").read_text())
    assert proof["settings"] == {"kind": "csv", "non_additive": ["q"], "drop": True}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"merge": None}, "the spec has no merge: block"),
        ({"outputs": {"x": "x"}, "merge": {"kind": "csv", "output": "x"}}, "'x' is not declared"),
        ({"merge": {"kind": "csv", "non_additive": "q"}}, "merge.non_additive"),
    ],
)
def test_a_merge_block_that_does_not_suit(farm: Farm, changes: dict[str, Any], words: str) -> None:
    collected(farm)
    Path("again.json").write_text(json.dumps(SPEC | changes))
    said = farm("merge", "runs/r", "--spec", "again.json", code=2).err
    assert words in said
    assert "again.json" in said


def test_a_spec_that_means_nothing_is_refused_when_it_is_rendered(farm: Farm) -> None:
    for change, words in (
        ({"source": "mass"}, "source: is component, shard.name, params.NAME or point.NAME"),
        ({"non_additive": ["n"]}, "n cannot be non_additive and tell rows apart"),
        ({"drop": "true"}, "recompute: and drop: exclude each other"),
        ({"recompute": {"command": ["x"]}}, 'needs a word that is exactly "{{ merge.input }}"'),
        ({"recompute": {}}, "recompute.command"),
        ({"columns": "all"}, "columns"),
    ):
        spec = SPEC | {"merge": SPEC["merge"] | change}
        assert words in farm.render(spec, code=2).err


@pytest.mark.slow
@pytest.mark.parametrize("group_by", [["params.mass"], ["n"], []])
def test_killed_at_each_step(farm: Farm, group_by: list[str]) -> None:
    """Every file is the old or the new one, whole, and typing it again makes all of them new."""
    run = collected(farm, merge=SPEC["merge"] | {"group_by": group_by})
    farm("merge", "runs/r")
    place = run / ("merged" if group_by else "merged.csv")

    def there() -> object:
        return files(place) if group_by else place.read_text()

    old = there()
    grow(farm)
    pristine = farm.path / "pristine"
    shutil.copytree(run, pristine)
    farm("merge", "runs/r")
    new = there()
    assert old != new
    step = 0
    seen = []
    while True:
        shutil.rmtree(run)
        shutil.copytree(pristine, run)
        if not die_at(farm.path, step, "merge", "runs/r"):
            break
        seen.append(there())
        assert seen[-1] in (old, new)
        farm("merge", "runs/r")
        assert there() == new
        step += 1 if LONG else 4
    assert old in seen
    assert step > 15
