"""Sweeps on a real HTCondor pool, where everything is transferred: to the end, held, and killed."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.dying_before import was_killed, words_to_die
from tests.htcondor.test_condor_toys import EXAMPLE
from tests.htcondor.test_condor_toys import SPEC as TOYS

if TYPE_CHECKING:
    from tests.htcondor.study import Study

FILE = "runs/s.sweep.json"
SPEC: dict[str, Any] = {
    "name": "s",
    "work": {"count": 8, "seed": 42},
    "script": 'for ((i = 0; i < FARMHAND_SHARD_SIZE; i++)); do echo "{\\"x\\": '
    '$((FARMHAND_SHARD_SEED + i))}"; done >"$1"',
    "arguments": ["{{ outputs.r }}"],
    "outputs": {"r": "r.jsonl"},
    "resources": {"memory": "100 MB", "disk": "50 MB"},
    "merge": {"kind": "json-lines"},
}
SUBMIT = ("sweep", "submit", FILE, "--poll-s", "0.5")
WAY = ("--scheduler", "htcondor", "--mode", "transfer", "--sweep-id", "s")


def render(study: Study, shards: str, **changes: Any) -> None:
    (study.path / "farmhand.yaml").write_text(json.dumps(SPEC | changes), encoding="utf-8")
    study("sweep", "render", "--shards", shards, *WAY)


def clusters(study: Study) -> Counter[str]:
    """Run -> the clusters that its event log knows: each submission made one."""
    found: set[tuple[str, str]] = set()
    for path in study.path.glob("runs/s/*/logs/**/*"):
        if not path.is_file():
            continue
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("000 ("):
                found.add((path.relative_to(study.path).parts[2], line[5:].partition(".")[0]))
    return Counter(run for run, _ in found)


def attempts(study: Study) -> dict[str, int]:
    paths = study.path.glob("runs/s/*/records/*/*.jsonl")
    return dict(Counter(path.parts[-4] for path in paths))


@pytest.mark.payload
def test_the_toys_in_1_2_4_8_shards_with_two_repeats(study: Study, tmp_path: Path) -> None:
    made = shutil.copytree(EXAMPLE, tmp_path / "example")
    words = [sys.executable, str(made / "make_data.py")]
    subprocess.run(words, check=True, capture_output=True)
    real = shutil.which("nextstat")
    assert real, "nextstat is not installed: make test installs it"
    for folder in ("specs", "artifacts", "bin"):
        study.type("mkdir", folder)
    for name in ("specs/spec.json", "artifacts/d.parquet"):
        shutil.copyfile(made / name, study.path / name)
    study.type("cp", real, "bin/nextstat")
    (study.path / "specs/farmhand.yaml").write_text(json.dumps(TOYS), encoding="utf-8")
    typed = ("specs/farmhand.yaml", "--shards", "1,2,4,8", "--repeats", "2")
    study("sweep", "render", *typed, *WAY)
    said = study(*SUBMIT)
    assert "the merged results of all 8 runs agree" in said.stdout
    names = [f"s_sh{n}_r{r}" for r in (1, 2) for n in (1, 2, 4, 8)]
    assert clusters(study) == Counter(names)
    assert attempts(study) == {name: int(name[4]) for name in names}
    study("sweep", "summarize", FILE, "--out-json", "t.json", "--plot", "t.svg")
    data = json.loads((study.path / "t.json").read_bytes())
    assert data["mode"] == "transfer"
    assert [point["complete"] for point in data["points"]] == [2, 2, 2, 2]
    for one in data["runs"]:
        assert (one["n_converged"], one["n_error"], one["work_done"]) == (80, 0, 80)
        assert one["hosts"] == ["w1.farm"]
        assert one["queue_wait_s"] is not None
    assert (study.path / "t.svg").read_bytes().startswith(b"<?xml")


NAMED = [
    ("lock", 0),
    ("condor_q", 0),
    ("journal", 0),
    ("condor_submit", 0),
    ("journal", 1),
    ("manifest.json", 0),
    ("merged.jsonl", 0),
    ("condor_submit", 1),
    ("journal", 3),
    ("merged.jsonl", 1),
]


@pytest.mark.parametrize(("name", "number"), NAMED)
def test_killed_before_a_named_step_every_run_is_submitted_once(
    study: Study, name: str, number: int
) -> None:
    render(study, "1,2")
    words = words_to_die(name, number, *SUBMIT)
    done = study.condor.run_as_user(words, cwd=study.path, check=False)
    assert was_killed(done) == name
    said = study(*SUBMIT)
    assert "the merged results of all 2 runs agree" in said.stdout
    assert clusters(study) == Counter(["s_sh1", "s_sh2"])
    assert attempts(study) == {"s_sh1": 1, "s_sh2": 2}


def test_a_point_that_is_held_is_said_and_the_sweep_goes_on(study: Study) -> None:
    """Held jobs stay in the queue for ever: they are waited for no longer than the grace."""
    fails = '[ "$FARMHAND_SHARD_TOTAL" != 2 ] || exit 4\n' + SPEC["script"]
    render(study, "2,1", script=fails, htcondor={"commands": {"on_exit_hold": "ExitCode == 4"}})
    said = study(*SUBMIT, "--grace-s", "2", code=1)
    assert "s_sh2 (1 of 2): what is left is held; the sweep goes on without it" in said.stderr
    assert "s_sh2: 2 shards: 2 held" in said.stdout
    assert "held_policy" in said.stderr
    assert "1 of 2 runs done; not done: s_sh2" in said.stdout
    assert list(study.path.glob("runs/s/*/merged.jsonl")) == [
        study.path / "runs/s/s_sh1/merged.jsonl"
    ]
    again = study(*SUBMIT, "--grace-s", "0", code=1)
    assert "1 of 2 runs done; not done: s_sh2" in again.stdout
    assert clusters(study) == Counter(["s_sh2", "s_sh1"]), "and nothing is submitted again"
