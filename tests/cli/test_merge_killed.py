"""``merge --clean`` killed with -9 at each step: a part goes only when the whole is there."""

from __future__ import annotations

import os
import shutil
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.dying import die_at

if TYPE_CHECKING:
    from conftest import Farm

LONG = bool(os.environ.get("FARMHAND_LONG"))
SCRIPT = """
mkdir analyzer1 analyzer2
echo "all  $((FARMHAND_SHARD_INDEX + 1))" >analyzer1/cutflow.txt
echo "line of $FARMHAND_SHARD_NAME" >analyzer2/lines.txt
"""
SPEC = {
    "name": "k",
    "script": SCRIPT,
    "components": {"DY": {"work": {"count": 2}, "shards": 2}, "TT": {"work": {"count": 1}}},
    "outputs": {"a1": "analyzer1", "a2": "analyzer2"},
    "merge": {
        "by": "component",
        "rules": [
            {"files": "cutflow.txt", "kind": "cutflow"},
            {"files": "*.txt", "kind": "text"},
        ],
    },
}
WHOLE = {
    "DY/analyzer1/cutflow.txt": "all  3  1.0000  1.0000\n",
    "DY/analyzer2/lines.txt": "line of DY_s0\nline of DY_s1\n",
    "TT/analyzer1/cutflow.txt": "all  3  1.0000  1.0000\n",
    "TT/analyzer2/lines.txt": "line of TT\n",
}


@pytest.fixture
def run(farm: Farm) -> Path:
    farm.render(SPEC, "--scheduler", "nohup")
    farm.job(0, 1, 2)
    farm("collect", "--in-place", "runs/r")
    return farm.run()


def parts(run: Path) -> dict[str, bytes]:
    """The files that are merged, by their paths in the run."""
    return {
        str(path.relative_to(run)): path.read_bytes()
        for path in run.glob("shards/*/*/analyzer*/*.txt")
    }


def archived(run: Path) -> dict[str, bytes]:
    found = {}
    for path in run.glob("archive/[!.]*.tar"):
        with tarfile.open(path) as tar:
            for name in tar.getnames():
                member = tar.extractfile(name)
                assert member is not None
                found[name] = member.read()
    return found


def assert_whole(run: Path, *components: str) -> None:
    for name, text in WHOLE.items():
        if name.partition("/")[0] in components:
            assert (run / "merged" / name).read_text() == text
    for component in components:
        assert "complete: true" in (run / "merged" / component / "processing.yaml").read_text()


@pytest.mark.slow
@pytest.mark.parametrize("how", ["archive", "remove"])
def test_killed_at_each_step(farm: Farm, run: Path, how: str) -> None:
    every = parts(run)
    assert len(every) == 6
    pristine = farm.path / "pristine"
    shutil.copytree(run, pristine)
    words = ["merge", "runs/r", "--clean", how, "--yes"]
    step, cut_short = 0, 0
    while die_at(farm.path, step, *words):
        left = parts(run)
        gone = {name.split("/")[1].partition("_")[0] for name in every.keys() - left.keys()}
        assert_whole(run, *gone)  # a part that is gone is in a result that is whole
        if how == "archive":
            assert left | archived(run) == every
        cut_short += 0 < len(left) < 6
        assert farm.check(code=0)["succeeded"] == 3  # and nobody takes it for lost
        again = farm(*words, code=None)
        if again.code:  # it says which, and how to go on
            assert f"outputs of components {', '.join(sorted(gone))} were taken away" in again.err
            others = {"DY", "TT"} - gone
            if others:
                farm(*words, *(f"--skip={name}" for name in gone))
        else:
            assert not list(run.glob("archive/.*"))
        assert_whole(run, "DY", "TT")
        assert not list(run.glob("merged/.*"))
        shutil.rmtree(run)
        shutil.copytree(pristine, run)
        step += 1 if LONG else 3
    assert step > 50
    assert cut_short > 0
    assert parts(run) == {}
    assert_whole(run, "DY", "TT")
