"""Sweeps on a real SLURM: to the end, held, failing, and killed with -9 at every named step."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.clusters.daemons import poll
from tests.dying_before import was_killed, words_to_die

if TYPE_CHECKING:
    from tests.slurm.study import Study

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "unbinned-toys"
FILE = "runs/s.sweep.json"
SPEC: dict[str, Any] = {
    "name": "s",
    "work": {"count": 8, "seed": 42},
    "script": 'for ((i = 0; i < FARMHAND_SHARD_SIZE; i++)); do echo "{\\"x\\": '
    '$((FARMHAND_SHARD_SEED + i))}"; done >"$1"',
    "arguments": ["{{ outputs.r }}"],
    "outputs": {"r": "r.jsonl"},
    "merge": {"kind": "json-lines"},
}
SUBMIT = ("sweep", "submit", FILE, "--poll-s", "0.5")


def render(study: Study, shards: str, *words: str, **changes: Any) -> None:
    (study.path / "farmhand.yaml").write_text(json.dumps(SPEC | changes), encoding="utf-8")
    typed = ("--shards", shards, "--scheduler", "slurm", "--sweep-id", "s", *words)
    study("sweep", "render", *typed)


def jobs(study: Study) -> Counter[str]:
    """Run -> its job arrays, as slurmctld has them."""
    rows = study.slurm.admin("squeue", "-h", "--states=all", "-o", "%F|%Z").stdout.splitlines()
    found = {row for row in rows if row.partition("|")[2].startswith(f"{study.path}/")}
    return Counter(Path(row.partition("|")[2]).name for row in found)


def job_of(study: Study, run: str) -> str:
    """The job array of a run that waits or runs."""
    rows = study.slurm.admin("squeue", "-h", "-o", "%F|%Z").stdout.splitlines()
    (job,) = {row.partition("|")[0] for row in rows if row.endswith(f"{study.path}/runs/s/{run}")}
    return job


def attempts(study: Study) -> dict[str, int]:
    paths = study.path.glob("runs/s/*/records/*/*.jsonl")
    return dict(Counter(path.parts[-4] for path in paths))


def merged(study: Study) -> dict[str, bytes]:
    return {p.parent.name: p.read_bytes() for p in study.path.glob("runs/s/*/merged.jsonl")}


@pytest.mark.payload
def test_the_toys_in_1_2_4_8_shards_with_two_repeats(study: Study) -> None:
    shutil.copytree(EXAMPLE, study.path / "study")
    words = ["python", str(study.path / "study/make_data.py")]
    subprocess.run(words, check=True, capture_output=True)
    real = shutil.which("nextstat")
    assert real, "nextstat is not installed: make test installs it"
    (study.path / "bin").mkdir()
    shutil.copy(real, study.path / "bin/nextstat")
    changes = ("work.count=80", f"prologue=PATH={study.path}/bin:$PATH")
    sets = [word for change in changes for word in ("--set", change)]
    typed = ("study/farmhand.yaml", "--shards", "1,2,4,8", "--repeats", "2", *sets)
    study("sweep", "render", *typed, "--scheduler", "slurm", "--sweep-id", "s")
    said = study(*SUBMIT)
    assert "the merged results of all 8 runs agree" in said.stdout
    names = [f"s_sh{n}_r{r}" for r in (1, 2) for n in (1, 2, 4, 8)]
    assert jobs(study) == Counter(names)
    assert attempts(study) == {name: int(name[4]) for name in names}
    outs = ("--out-md", "t.md", "--out-json", "t.json", "--plot", "t.png")
    text = study("sweep", "summarize", FILE, *outs).stdout
    assert max(map(len, text.splitlines())) <= 80
    data = json.loads((study.path / "t.json").read_bytes())
    assert [point["complete"] for point in data["points"]] == [2, 2, 2, 2]
    for one in data["runs"]:
        assert (one["n_converged"], one["n_error"], one["work_done"]) == (80, 0, 80)
        assert one["queue_wait_s"] is not None
        assert one["cpu_s"] > 0
        assert 1 <= one["at_once"] <= one["shards"]
        assert set(one["hosts"]) <= {"n1", "n2"}
    assert (study.path / "t.png").read_bytes().startswith(b"\x89PNG")
    with open(study.path / "runs/s/s_sh8_r2/merged.json", "rb") as stream:
        assert json.load(stream)["results"]["n_toys"] == 80


# Of a sweep of two runs; each step once in the first run and once in the second.
NAMED = [
    ("lock", 0),
    ("sacct", 0),
    ("squeue", 0),
    ("journal", 0),
    ("sbatch", 0),
    ("journal", 1),
    ("squeue", 1),
    ("manifest.json", 0),
    ("merged.jsonl", 0),
    ("journal", 2),
    ("sbatch", 1),
    ("journal", 3),
    ("manifest.json", 1),
    ("merged.jsonl", 1),
]


def killed_before(study: Study, name: str, number: int) -> str | None:
    words = words_to_die(name, number, *SUBMIT)
    return was_killed(study.slurm.run_as_user(words, cwd=study.path, check=False))


@pytest.mark.parametrize(("name", "number"), NAMED)
def test_killed_before_a_named_step_every_run_is_submitted_once(
    study: Study, name: str, number: int
) -> None:
    render(study, "1,2")
    assert killed_before(study, name, number) == name
    said = study(*SUBMIT)
    assert "the merged results of all 2 runs agree" in said.stdout
    assert jobs(study) == Counter(["s_sh1", "s_sh2"])
    assert attempts(study) == {"s_sh1": 1, "s_sh2": 2}
    assert len(set(merged(study).values())) == 1


def test_killed_before_every_step_in_turn(study: Study) -> None:
    render(study, "1,2")
    for name, number in NAMED:
        killed_before(study, name, number)
    study(*SUBMIT)
    assert jobs(study) == Counter(["s_sh1", "s_sh2"])
    assert attempts(study) == {"s_sh1": 1, "s_sh2": 2}


def test_killed_while_jobs_wait_and_typed_again(study: Study) -> None:
    """What waits is waited for, and not submitted again."""
    render(study, "1,2", slurm={"directives": {"begin": "now+8"}})
    first = study.start("farmhand", *SUBMIT)
    poll(lambda: jobs(study) == Counter(["s_sh1"]), "the first run to be submitted", 60)
    first.kill()
    first.communicate()
    said = study(*SUBMIT)
    assert "Nothing is left to submit." in said.stderr
    assert jobs(study) == Counter(["s_sh1", "s_sh2"])
    assert attempts(study) == {"s_sh1": 1, "s_sh2": 2}


def test_a_point_whose_jobs_all_fail_and_one_whose_jobs_are_cancelled(study: Study) -> None:
    fails = '[ "$FARMHAND_SHARD_TOTAL" != 2 ] || exit 7\n'
    waits = '[ "$FARMHAND_SHARD_TOTAL" != 4 ] || sleep 60\n'
    render(study, "1,2,4,3", script=fails + waits + SPEC["script"])
    process = study.start("farmhand", *SUBMIT)
    poll(lambda: attempts(study).get("s_sh4", 0) > 0, "the third run to begin", 90)
    study.slurm.admin("scancel", job_of(study, "s_sh4"))
    out, said = process.communicate(timeout=120)
    assert process.returncode == 1, said
    assert "s_sh2: 2 shards: 2 failed" in out
    assert "s_sh4: 4 shards: 4 cancelled" in out
    assert "2 of 4 runs done; not done: s_sh2, s_sh4" in out
    assert set(merged(study)) == {"s_sh1", "s_sh3"}
    study(*SUBMIT, code=1)
    assert jobs(study) == Counter(["s_sh1", "s_sh2", "s_sh4", "s_sh3"]), "nothing again by itself"


HOLD = {"directives": {"hold": "true"}}


def test_jobs_on_hold_are_waited_for_no_longer_than_the_grace(study: Study) -> None:
    render(study, "1,2", slurm=HOLD)
    said = study(*SUBMIT, "--grace-s", "1", code=1)
    assert "s_sh1 (1 of 2): what is left is held; the sweep goes on without it" in said.stderr
    assert "s_sh2: 2 shards: 2 held" in said.stdout
    assert "0 of 2 runs done; not done: s_sh1, s_sh2" in said.stdout
    assert jobs(study) == Counter(["s_sh1", "s_sh2"])
    assert attempts(study) == {}


def test_jobs_that_are_cancelled_before_they_begin_are_not_waited_for(study: Study) -> None:
    render(study, "2,1", slurm={"directives": {"begin": "now+3600"}})
    process = study.start("farmhand", *SUBMIT)
    for name in ("s_sh2", "s_sh1"):
        poll(lambda name=name: name in jobs(study), f"{name} to be submitted", 60)
        study.slurm.admin("scancel", job_of(study, name))
    out, said = process.communicate(timeout=120)
    assert process.returncode == 1, said
    assert "s_sh2: 2 shards: 2 cancelled" in out
    assert "s_sh1: 1 shard: 1 cancelled" in out


def test_a_run_that_only_waits_is_given_up_when_time_is_up(study: Study) -> None:
    """The next is not started beside it."""
    render(study, "1,2", slurm={"directives": {"begin": "now+3600"}})
    said = study(*SUBMIT, "--timeout", "2s", code=1)
    assert "s_sh1 (1 of 2) is not over when time is up" in said.stderr
    assert jobs(study) == Counter(["s_sh1"])
