"""The page about a run: what it says of a real run, and that its commands make the run again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from reports.requests import Requests

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Farm

SPEC: dict[str, Any] = {
    "name": "mixed",
    "work": {"count": "8", "seed": "5"},
    "shards": "8",
    "script": '[ "$FARMHAND_SHARD_INDEX" -lt 6 ] || '
    '{ echo "a | b <c>" >&2; exit 3; }\necho "{}" >"$1"\n',
    "arguments": ["{{ outputs.r }}"],
    "inputs": {"m": "model.txt"},
    "outputs": {"r": {"path": "r.json", "check": {"json": "true"}}},
    "resources": {"walltime": "2h", "memory": "500 MB"},
    "merge": {"kind": "json-lines"},
}


@pytest.fixture
def run(farm: Farm) -> Path:
    (farm.path / "model.txt").write_text("m\n")
    (farm.path / "farmhand.yaml").write_text(json.dumps(SPEC))
    farm("render", "--scheduler", "local", "--run-id", "r")
    farm("run", "runs/r", "--foreground", code=1)
    return farm.path / "runs/r"


def page(farm: Farm, *words: str) -> str:
    return farm("report", *words).out


@pytest.mark.usefixtures("run")
def test_the_page_says_what_went_wrong_what_was_used_and_where_it_comes_from(farm: Farm) -> None:
    text = page(farm, "runs/r")
    assert text.startswith("# Run r\n\n8 shards: 6 succeeded, 2 failed.\n")
    (bad,) = [line for line in text.splitlines() if line.startswith("| 2 | failed")]
    assert bad.startswith("| 2 | failed | exit_code | 6-7 | s6: exit code 3")
    assert r"a \| b &lt;c>" in bad, "what a job printed may not end a cell or begin a tag"
    assert "\n| walltime | 2h00m | " in text
    assert "| 1m00s (of 6 only) |\n" in text
    assert "- seed 5\n" in text
    assert "| model.txt | 2 B | " in text
    assert "- 8 attempts\n" in text
    assert text == page(farm), "the newest run is meant where none is named"


@pytest.mark.usefixtures("run")
def test_what_is_in_json_is_what_is_on_the_page(farm: Farm) -> None:
    found = json.loads(page(farm, "runs/r", "--json"))
    assert found["states"] == {"succeeded": 6, "failed": 2}
    assert [row["shard_index"] for row in found["bad"]] == [6, 7]
    (host,) = found["hosts"]
    assert (host["attempts"], host["failed"], host["causes"]) == (8, 2, {"exit_code": 2})
    asked = {one["resource"]: one["asked"] for one in found["requests"]}
    assert asked == {"walltime": [7200.0], "memory": [500 * 2**20], "cpus": []}
    assert found["effort"]["attempts"] == 8
    farm("report", "runs/r", "--out-md", "page.md")
    assert (farm.path / "page.md").read_text().startswith("# Run r\n")


def test_its_commands_make_the_same_plan_again(farm: Farm, run: Path) -> None:
    """From another directory, after the spec was changed: the second way is the spec as it was."""
    commands = json.loads(page(farm, "runs/r", "--json"))["commands"]
    assert commands[:2] == [
        f"cd {farm.path}",
        "farmhand render --scheduler local --run-id r",
    ]
    (farm.path / "farmhand.yaml").unlink()
    collect = commands.index("farmhand collect --in-place runs/r")
    assert commands[collect - 1].startswith("# then start it"), "nothing to collect before that"
    again = next(line for line in commands if "render - " in line) + " --run-id again"
    subprocess.run(["bash", "-c", again], cwd="/", check=True, capture_output=True)
    for name in ("spec.json", "args/0", "inputs.json"):
        assert (farm.path / "runs/again/plan" / name).read_bytes() == (
            run / "plan" / name
        ).read_bytes()


def test_a_run_rendered_by_an_older_farmhand_says_no_more_than_is_known(
    farm: Farm, run: Path
) -> None:
    path = run / "plan/run.json"
    known = json.loads(path.read_bytes())
    del known["rendered"]
    path.write_text(json.dumps(known))
    text = page(farm, "runs/r")
    assert "    farmhand collect --in-place runs/r\n    farmhand merge runs/r\n" in text
    assert "farmhand render" not in text


def test_a_word_that_is_no_text_does_not_stop_a_render(farm: Farm) -> None:
    name = os.fsdecode(b"out\xff")
    code = "import sys; from farmhand.cli import main; main()"
    subprocess.run(
        [sys.executable, "-c", code, "render", "--out-dir", name, "--run-id", "r", "--", "true"],
        cwd=farm.path, check=True, capture_output=True,
    )  # fmt: skip
    known = json.loads((farm.path / name / "r/plan/run.json").read_bytes())
    assert known["rendered"]["command"][3] == "out\\xff"


def test_unknown_reports_and_runs_are_said(farm: Farm) -> None:
    assert "did you mean 'timing'?" in farm("report", "tming", code=2).err
    assert "there is no such run" in farm("report", "runs/none", code=2).err
    assert "no run here" in farm("report", code=2).err


def good(submission: int = 1, **more: Any) -> dict[str, Any]:
    attempt = {"attempt": "a", "submission": submission, "wall_s": None, "cpu_s": None} | more
    return {"state": "succeeded", "cause": None, "accepted_attempts": ["a"], "attempts": [attempt]}


def test_what_is_suggested_lies_above_the_most_that_was_seen() -> None:
    asked = {"walltime": 14400, "memory": 4 << 30, "cpus": 8}
    requests = Requests({1: asked})
    for number in range(20):
        peak = {"bytes": (600 + number) << 20}
        requests.add(None, good(wall_s=600.0 + number, cpu_s=1200.0, peak=peak))
    found = {one.what: one for one in requests.rows()}
    assert found["walltime"].suggested == 900.0
    assert found["memory"].suggested == 800 << 20
    assert found["cpus"].suggested == 2.0, "8 were asked for, and 2 were busy"
    assert found["walltime"].is_sure


def test_what_is_not_known_is_not_zero_and_what_lacked_is_not_advised_less() -> None:
    requests = Requests({1: {"memory": 1 << 30}})
    requests.add("a", good())
    requests.add("a", {**good(), "state": "failed", "cause": "oom", "accepted_attempts": []})
    (memory,) = [one for one in requests.rows() if one.what == "memory"]
    assert (memory.median, memory.most, memory.suggested) == (None, None, None)
    assert (memory.known, memory.unknown, memory.lacking) == (0, 1, 1)
    requests.add("a", good(observed={"peak": 5 << 20}))
    (memory,) = [one for one in requests.rows() if one.what == "memory"]
    assert memory.most == 5 << 20, "what the scheduler saw counts, too"
    assert memory.suggested is None, "another one was out of memory"
