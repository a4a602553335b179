"""``submit --execute`` killed with -9 at every step and at any time: each shard in one job."""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.clusters.daemons import poll
from tests.slurm.study import NOTHING_LEFT, Study, stand_in

DRIVER = str(Path(__file__).with_name("dying.py"))
EXECUTE = ("submit", "runs/r", "--execute")
# Of a run in three parts. After the last one it is all done.
STEPS = ["lock", "sacct", "squeue", *3 * ["journal", "sbatch", "journal"], "lock"]
LONG = bool(os.environ.get("FARMHAND_LONG"))


def killed_at(study: Study, step: int) -> str | None:
    """Type it, to be killed before a step; says which, or None when there is no such step."""
    words = [sys.executable, DRIVER, str(step), *EXECUTE]
    done = study.slurm.run_as_user(words, cwd=study.path, check=False)
    if done.returncode == 0:
        return None
    assert done.returncode == -signal.SIGKILL, done.stderr
    return done.stderr.rpartition("killed before: ")[2].strip()


def typed_until_nothing_is_left(study: Study) -> None:
    for _ in range(3):
        if study("submit", "runs/r", "--execute").stderr.endswith(NOTHING_LEFT):
            return
    pytest.fail("there was always something left")


def assert_each_script_is_one_job(study: Study, scripts: list[str]) -> None:
    """As slurmctld sees it: each script once, with all elements."""
    assert Counter(study.jobs().values()) == Counter(scripts)
    words = ("squeue", "-h", "-r", "--states=all", "-o", "%F %Z")
    rows = study.slurm.admin(*words).stdout.splitlines()
    assert len([row for row in rows if row.endswith(f" {study.run}")]) == 10


@pytest.mark.parametrize("step", range(len(STEPS)))
def test_killed_before_each_step(study: Study, step: int) -> None:
    scripts = study.render()
    assert killed_at(study, step) == STEPS[step]
    typed_until_nothing_is_left(study)
    assert_each_script_is_one_job(study, scripts)


def test_there_are_no_other_steps(study: Study) -> None:
    scripts = study.render()
    assert killed_at(study, len(STEPS)) is None
    assert_each_script_is_one_job(study, scripts)


def test_killed_at_every_step_in_turn(study: Study) -> None:
    """The same run again and again, a step later each time; then all of it runs."""
    study.render()
    for step in range(len(STEPS)):
        killed_at(study, step)
    typed_until_nothing_is_left(study)
    study.release(10)
    assert study.records() == dict.fromkeys(range(10), 1)


def test_killed_at_random_moments(study: Study) -> None:
    scripts = study.render()
    moments = random.Random(os.environ.get("FARMHAND_SEED"))
    for _ in range(60 if LONG else 5):
        process = study.start("farmhand", *EXECUTE)
        time.sleep(moments.uniform(0.1, 0.5))
        process.kill()
        process.communicate()
    typed_until_nothing_is_left(study)
    assert_each_script_is_one_job(study, scripts)


WAITS = "touch began; for _ in {1..600}; do [ -e go ] && break; sleep 0.05; done"
SBATCH = '/usr/bin/sbatch "$@"'


def assert_waits(process: subprocess.Popen[str]) -> None:
    """It is alive half a second later; what it must not do would be done by then."""
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.8)


@pytest.mark.parametrize("text", [f"{WAITS}; exec {SBATCH}", f"{SBATCH}; {WAITS}"])
@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_killed_while_sbatch_runs(study: Study, text: str, signum: signal.Signals) -> None:
    """sbatch goes on and holds the lock; who comes next waits for it, and finds its job."""
    scripts = study.render()
    slow = stand_in(study, sbatch=text)
    first = study.start("farmhand", *EXECUTE, env=slow)
    poll((study.path / "began").exists, "sbatch to run", 20)
    before = study.jobs()
    first.send_signal(signum)
    first.communicate(timeout=20)
    assert first.returncode in (-signum, 128 + signum)
    second = study.start("farmhand", *EXECUTE)
    assert_waits(second)
    assert study.jobs() == before
    (study.path / "go").touch()
    said = second.communicate(timeout=60)
    assert second.returncode == 0, said
    assert_each_script_is_one_job(study, scripts)
    typed_until_nothing_is_left(study)
    assert_each_script_is_one_job(study, scripts)


def test_sbatch_itself_is_killed_after_it_submitted(study: Study) -> None:
    scripts = study.render()
    killed = stand_in(study, sbatch=f"{SBATCH} >/dev/null; kill -9 $$")
    done = study(*EXECUTE, code=1, env=killed)
    assert "sbatch gave no answer, so the job may or may not be there" in done.stderr
    assert list(study.jobs().values()) == scripts[:1]
    typed_until_nothing_is_left(study)
    assert_each_script_is_one_job(study, scripts)


def test_sbatch_itself_is_killed_before_it_submitted(study: Study) -> None:
    """What it sent may come late, so nothing is submitted in the next minute."""
    scripts = study.render()
    study(*EXECUTE, code=1, env=stand_in(study, sbatch="kill -9 $$"))
    assert study.jobs() == {}
    said = study(*EXECUTE, code=1).stderr
    assert re.search(r"may yet come to light\n.*\n.*again in (5\d|60) seconds", said)
    assert study.jobs() == {}
    journal = study.run / "submissions/journal.jsonl"
    text = journal.read_text(encoding="utf-8")
    journal.write_text(
        re.sub(r'"time":\d+', f'"time":{time.time() - 61:.0f}', text), encoding="utf-8"
    )
    typed_until_nothing_is_left(study)
    assert_each_script_is_one_job(study, scripts)


def test_a_line_of_the_journal_that_was_cut(study: Study) -> None:
    scripts = study.render()
    assert killed_at(study, STEPS.index("sbatch") + 1) == "journal"
    journal = study.run / "submissions/journal.jsonl"
    whole = journal.read_bytes()
    for cut in (whole + b'{"event":"submitted","subm', whole[:-9], whole + b"\0" * 40, b""):
        journal.write_bytes(cut)
        assert len(study("submit", "runs/r").stdout.splitlines()) == 2
    journal.write_bytes(whole + b'{"event":"submitted","subm')
    typed_until_nothing_is_left(study)
    assert_each_script_is_one_job(study, scripts)
    lines = journal.read_text(encoding="utf-8").splitlines()
    assert len([line for line in lines if line.startswith("{") and line.endswith("}")]) == 1 + 4
    assert len([line for line in lines if line.count('"event"') == 1]) == 1 + 1 + 4


def test_a_journal_that_cannot_be_written(study: Study) -> None:
    scripts = study.render()
    journal = study.run / "submissions/journal.jsonl"
    journal.touch()
    journal.chmod(0o644)  # of root
    said = study(*EXECUTE, code=2).stderr
    assert "the journal of what was submitted cannot be written: Permission denied" in said
    assert str(journal) in said
    assert study.jobs() == {}
    journal.unlink()
    typed_until_nothing_is_left(study)
    assert_each_script_is_one_job(study, scripts)


@pytest.fixture
def small_disk(study: Study) -> Iterator[Callable[[bool], None]]:
    """The study's directory is a filesystem of its own; called with True it is full."""
    # Its blocks are pages: what fits into the last one of a file can be written all the same.
    words = ["mount", "-t", "tmpfs", "-o", "size=2m,mode=0777", "tmpfs", str(study.path)]
    if subprocess.run(words, check=False).returncode != 0:
        pytest.skip("no filesystem can be mounted here")
    filler = study.path / "filler"

    def fill(full: bool) -> None:
        if not full:
            filler.unlink()
            return
        with open(filler, "wb", buffering=0) as stream:
            try:
                while True:
                    stream.write(b"\0" * 4096)
            except OSError:
                return

    yield fill
    study.cancel()
    subprocess.run(["umount", "--lazy", str(study.path)], check=True)


def fill_up(study: Study, left: int) -> None:
    """Leave so many bytes in the last block of the journal, in empty lines."""
    journal = study.run / "submissions/journal.jsonl"
    journal.write_bytes(b"\n" * (4096 - left))
    shutil.chown(journal, study.slurm.user)


def test_a_full_disk(study: Study, small_disk: Callable[[bool], None]) -> None:
    scripts = study.render()
    fill_up(study, 40)
    small_disk(True)
    said = study(*EXECUTE, code=2).stderr
    assert "cannot be written: No space left on device" in said
    assert "submissions/journal.jsonl" in said
    assert study.jobs() == {}
    small_disk(False)
    typed_until_nothing_is_left(study)
    assert_each_script_is_one_job(study, scripts)


def test_a_disk_that_gets_full_while_sbatch_runs(
    study: Study, small_disk: Callable[[bool], None]
) -> None:
    scripts = study.render()
    fill_up(study, 130)  # for one line, not for two
    fills = f"{SBATCH}; cat /dev/zero >{study.path}/filler 2>/dev/null"
    done = study(*EXECUTE, code=2, env=stand_in(study, sbatch=fills))
    assert "No space left on device" in done.stderr
    [(job, script)] = study.jobs().items()
    assert done.stdout == f"{job}  runs/r/slurm_array_job.1.sh\n"
    assert script == scripts[0]
    small_disk(False)
    typed_until_nothing_is_left(study)
    assert_each_script_is_one_job(study, scripts)
