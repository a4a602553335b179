"""Each bad input: one message with what, where and what to do, and the right exit code."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from farmhand import boundary, cli

if TYPE_CHECKING:
    from conftest import Farm

OK: dict[str, Any] = {"name": "ok", "work": {"count": "4", "seed": "1"}, "command": ["true"]}


def typed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str
) -> tuple[int, str]:
    """Run farmhand in this process; return its exit code and what it said."""
    monkeypatch.setattr(sys, "argv", ["farmhand", *words])
    with pytest.raises(SystemExit) as left:
        cli.main()
    said = capsys.readouterr()
    assert "Traceback" not in said.err
    return int(left.value.code or 0), said.err + said.out


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"shard": "2"}, "unknown key 'shard'|did you mean 'shards'?"),
        ({"resources": {"memroy": "2 GB"}}, "unknown key 'memroy'|did you mean 'memory'?"),
        ({"resources": {"memory": "2"}}, "'2' has no unit; write 2 MB or 2 GB|resources.memory"),
        ({"resources": {"memory": "2 XB"}}, "not an amount of bytes"),
        ({"resources": {"walltime": "4:00"}}, "write 4h or 4m"),
        ({"resources": {"walltime": "90"}}, "has no unit"),
        ({"shards": "20"}, "16 would be empty|at most 4 shards"),
        ({"shards": "0"}, "greater than 0"),
        ({"name": "a\nb"}, "not safe as a file name"),
        ({"name": "../up"}, "not safe as a file name"),
        ({"work": {"count": "1e5"}}, "'1e5' is not a whole number|write digits only"),
        ({"work": None}, "exactly one of work: and components:"),
        ({"command": ["true"], "script": "true"}, "exactly one of command:"),
        ({"command": ["{{ shard.indx }}"]}, "did you mean shard.index?"),
        ({"command": ["{{ inputs.x }}"]}, "inputs.x is not defined|declare it under inputs:"),
        ({"command": ["echo", 0.5]}, "quote it"),
        ({"command": "true"}, "a list was expected"),
        ({"inputs": {"x": "nope.txt"}}, "input 'nope.txt' does not exist|inputs.x"),
        ({"outputs": {"o": "../out"}}, "not a file inside the attempt directory"),
        ({"outputs": {"o": "/tmp/out"}}, "not a file inside the attempt directory"),
        ({"shard_name": "same", "shards": "2"}, "two shards would be named 'same'"),
        ({"shard_name": "a/{{ shard.index }}"}, "not safe as a file name"),
        ({"env": {"A-B": "1"}}, "not a variable name"),
        ({"env": {"FARMHAND_RUN": "1"}}, "farmhand's own"),
        ({"merge": {"kind": "text"}}, "merge.output"),
        ({"command": ["cat", "here.txt"]}, "declare it under inputs:|{{ inputs.here }}"),
    ],
)
def test_bad_specs(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    change: dict[str, Any],
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("here.txt").touch()
    spec = {key: value for key, value in {**OK, **change}.items() if value is not None}
    Path("s.json").write_text(json.dumps(spec))
    code, text = typed(monkeypatch, capsys, "render", "s.json")
    assert code == 2
    for part in said.split("|"):
        assert part in text
    assert not os.path.exists("runs") or os.listdir("runs") == [], "nothing was written"


def test_a_run_that_exists_is_refused(farm: Farm) -> None:
    farm("render", "--run-id", "r", "--", "true")
    before = farm.manifest("r")
    same = farm("render", "--run-id", "r", "--", "true", code=2).stderr
    assert "a run named 'r' exists, with this very plan" in same
    other = farm("render", "--run-id", "r", "--", "false", code=2).stderr
    assert """it is another one: name true -> false; command ["true"] -> ["false"]""" in other
    assert farm.manifest("r") == before


def test_an_edited_plan_starts_nothing_and_is_told(farm: Farm) -> None:
    farm("render", "--run-id", "r", "--shards", "2", "--", "true")
    args = farm.run("r") / "plan" / "args" / "0"
    args.write_text(args.read_text().replace("s1", "s7"))
    assert "args/0" in farm("run", "runs/r", code=1).stderr
    assert "the plan was edited" in farm("collect", "--in-place", "runs/r").stderr


def test_an_edited_input_starts_nothing_and_spoils_the_merge(farm: Farm) -> None:
    (farm.path / "in.txt").write_text("one\n")
    spec = {
        "name": "r", "work": {"count": 2}, "shards": 2, "inputs": {"i": "in.txt"},
        "script": 'cp "$1" out.txt', "arguments": ["{{ inputs.i }}"], "outputs": {"o": "out.txt"},
        "merge": {"kind": "text"},
    }  # fmt: skip
    farm("render", "-", "--run-id", "r", "--scheduler", "nohup", stdin=json.dumps(spec))
    farm("run", "runs/r", "--shards", "0")
    (farm.path / "in.txt").write_text("two\n")
    assert "inputs were changed" in farm("run", "runs/r", code=1).stderr
    script = farm.run("r") / "shards" / "s1" / "batchScript.sh"
    os.system(f"bash {script}")
    farm("collect", "--in-place", "runs/r")
    assert "shards 1 ran after that" in farm("merge", "runs/r", code=1).stderr
    (farm.path / "in.txt").write_text("longer than planned\n")
    os.system(f"bash {script} 2>/dev/null")
    farm("collect", "--in-place", "runs/r")
    attempts = farm.manifest("r")["results"][1]["attempts"]
    assert {attempt["cause"] for attempt in attempts} == {None, "stage_in"}


def test_a_moved_run_works_and_its_scripts_say_where_they_belong(farm: Farm) -> None:
    farm("render", "--run-id", "r", "--scheduler", "nohup", "--", "true")
    farm.run("r").rename(farm.path / "moved")
    script = farm.path / "moved" / "shards" / "s0" / "batchScript.sh"
    assert os.waitstatus_to_exitcode(os.system(f"bash {script} 2>{farm.path}/said")) == 91
    assert "there is no plan there" in (farm.path / "said").read_text()
    farm("run", "moved")
    assert "1 succeeded" in farm("check", "moved").stdout


def test_a_lost_manifest_comes_back(farm: Farm) -> None:
    farm("render", "--run-id", "r", "--shards", "3", "--", "true")
    farm("run", "runs/r")
    before = farm.manifest("r")
    path = farm.run("r") / "manifest.json"
    path.write_bytes(path.read_bytes()[:500])
    assert "collect --rebuild" in farm("check", "runs/r", code=2).stderr
    farm("collect", "--rebuild", "runs/r")
    after = farm.manifest("r")
    for key in ("plans", "run_uuid", "plan_id", "submissions", "seed"):
        assert after[key] == before[key]
    assert [row["state"] for row in after["results"]] == ["succeeded"] * 3


def test_a_pythonpath_of_a_physics_setup_changes_nothing(
    farm: Farm, monkeypatch: pytest.MonkeyPatch
) -> None:
    (farm.path / "pp" / "renderer").mkdir(parents=True)
    (farm.path / "pp" / "renderer" / "__init__.py").write_text("raise SystemExit('theirs')")
    (farm.path / "pp" / "pydantic.py").write_text("raise SystemExit('old')")
    monkeypatch.setenv("PYTHONPATH", str(farm.path / "pp"))
    farm("render", "--run-id", "r", "--", "true")


def test_a_bug_leaves_a_report(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken() -> None:
        raise ZeroDivisionError

    with pytest.raises(SystemExit) as left:
        boundary.guarded(broken)
    assert left.value.code == 3
    report = capsys.readouterr().err.rsplit(" ", 1)[1].strip()
    assert "ZeroDivisionError" in Path(report).read_text()
    Path(report).unlink()
