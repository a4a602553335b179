"""``submit --execute`` on a real pool: shown, refused, exactly once, and killed at every step."""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from pathlib import Path

import pytest

from tests.htcondor.study import Study

DRIVER = str(Path(__file__).parents[1] / "slurm" / "dying.py")
EXECUTE = ("submit", "runs/r", "--execute")
# Of one submission. After the last one it is all done.
STEPS = ["lock", "condor_q", "condor_history", "journal", "condor_submit", "journal", "lock"]
LONG = bool(os.environ.get("FARMHAND_LONG"))
SHARDS = 6


def render(study: Study, *words: str, **changes: object) -> None:
    spec = {
        "name": "s",
        "work": {"count": SHARDS},
        "shards": SHARDS,
        "command": ["true"],
        **changes,
    }
    study.render(*words, **spec)


def jobs(study: Study) -> list[int]:
    """Shards for which the pool has or had a job, as its own event log says."""
    text = (study.run / "logs/1/condor.log").read_text(encoding="utf-8", errors="replace")
    lines = text.split("\n...\n")
    notes = [event.split("\n")[1].split() for event in lines if event.startswith("000 ")]
    return sorted(int(words[3]) for words in notes)


def settled(study: Study) -> list[int]:
    """Type it until nothing is left, and say what the pool got."""
    for _ in range(3):
        if "Nothing is left to submit." in study(*EXECUTE).stderr:
            break
    else:
        pytest.fail("there was always something left")
    deadline = time.monotonic() + 30
    while not (study.run / "logs/1/condor.log").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    return jobs(study)


def killed_at(study: Study, step: int) -> str | None:
    """Type it, to be killed before a step; says which, or None when there is no such step."""
    words = [sys.executable, DRIVER, str(step), *EXECUTE]
    done = study.condor.run_as_user(words, cwd=study.path, check=False)
    if done.returncode == 0:
        return None
    assert done.returncode == -signal.SIGKILL, done.stderr
    return done.stderr.rpartition("killed before: ")[2].strip()


def test_without_execute_it_shows_the_line(study: Study) -> None:
    render(study)
    shown = study("submit", "runs/r").stdout
    assert shown == f"condor_submit {study.run}/condor_job.sub\n"
    shown = study("submit", "runs/r", "--mode", "transfer").stdout
    assert shown == f"condor_submit {study.run}/condor_job_transfer.sub\n"
    assert not (study.run / "logs/1/condor.log").exists()


def test_it_is_submitted_once(study: Study) -> None:
    render(study)
    told = study(*EXECUTE).stdout
    assert told.endswith("  runs/r/condor_job.sub\n")
    assert settled(study) == list(range(SHARDS))


def test_what_was_submitted_by_hand_is_left_alone(study: Study) -> None:
    render(study)
    study.type("condor_submit", "runs/r/condor_job_transfer.sub")
    assert settled(study) == list(range(SHARDS))


def test_what_is_refused_can_be_mended(study: Study) -> None:
    render(study, htcondor={"commands": {"priority": "abc"}})
    said = study(*EXECUTE, code=1).stderr
    assert "condor_submit refused: priority=abc is invalid" in said
    assert "Traceback" not in said
    assert not (study.run / "logs/1/condor.log").exists()


def test_without_a_schedd_nothing_is_submitted(study: Study) -> None:
    render(study)
    said = study(*EXECUTE, code=1, env={"CONDOR_CONFIG": "/dev/null"}).stderr
    assert "nothing was submitted" in said
    assert settled(study) == list(range(SHARDS))


def test_a_run_for_transfer_that_cannot_be_sent(study: Study) -> None:
    (study.path / "data").write_text("x\n")
    render(study, inputs={"a": str(study.path / "data")})
    said = study(*EXECUTE, "--mode", "transfer", code=1).stderr
    assert "there is no condor_job_transfer.sub" in said


@pytest.mark.parametrize("step", range(len(STEPS)))
def test_killed_before_each_step(study: Study, step: int) -> None:
    render(study)
    assert killed_at(study, step) == STEPS[step]
    assert settled(study) == list(range(SHARDS))


def test_there_are_no_other_steps(study: Study) -> None:
    render(study)
    assert killed_at(study, len(STEPS)) is None
    assert jobs(study) == list(range(SHARDS))


def test_killed_at_random_moments(study: Study) -> None:
    render(study)
    moments = random.Random(os.environ.get("FARMHAND_SEED"))
    for _ in range(40 if LONG else 5):
        process = study.start("farmhand", *EXECUTE)
        time.sleep(moments.uniform(0.1, 0.6))
        process.kill()
        process.communicate()
    assert settled(study) == list(range(SHARDS))


def test_killed_while_condor_submit_runs(study: Study) -> None:
    """It goes on and holds the lock; who comes next waits for it, and finds its jobs."""
    render(study)
    folder = study.path / "bin"
    folder.mkdir()
    real = study.type("sh", "-c", "command -v condor_submit").stdout.strip()
    (folder / "condor_submit").write_text(
        f'#!/bin/bash\ntouch began; until [ -e go ]; do sleep 0.05; done; exec {real} "$@"\n'
    )
    (folder / "condor_submit").chmod(0o755)
    first = study.start("farmhand", *EXECUTE, env={"PATH": f"{folder}:{study.condor.env['PATH']}"})
    study.waits_for("began")
    first.kill()
    first.communicate()
    second = study.start("farmhand", *EXECUTE)
    (study.path / "go").touch()
    said = second.communicate(timeout=60)
    assert second.returncode == 0, said
    assert settled(study) == list(range(SHARDS))
