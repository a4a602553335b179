"""submit on a real SLURM: what nobody has submitted yet, each job once."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from collections import Counter
from pathlib import Path

import pytest

from tests.clusters.daemons import free_ports
from tests.clusters.slurm import Slurm
from tests.slurm.study import NOTHING_LEFT, Study, stand_in

SILENT = "exit 0"
"""A queue or an accounting that has forgotten everything."""
BROKEN = 'echo "${0##*/}: error: no accounting here" >&2; exit 1'


def test_without_execute_it_shows_the_lines_and_submits_nothing(study: Study) -> None:
    scripts = study.render()
    assert len(scripts) == 3
    done = study("submit", "runs/r")
    assert done.stdout.splitlines() == [f"sbatch {script}" for script in scripts]
    assert "Nothing submitted" in done.stderr
    assert study.jobs() == {}


def test_each_script_is_submitted_once(study: Study) -> None:
    scripts = study.render()
    submitted = study.submit()
    assert sorted(submitted.values()) == scripts
    assert study.jobs() == submitted
    for words in (("submit", "runs/r"), ("submit", "runs/r", "--execute")):
        done = study(*words)
        assert (done.stdout, done.stderr) == ("", NOTHING_LEFT)
    assert study.jobs() == submitted


def test_parts_submitted_by_hand_that_still_wait_are_left_out(study: Study) -> None:
    first, second, third = study.render()
    by_hand = study.sbatch(second)
    assert study("submit", "runs/r").stdout.splitlines() == [f"sbatch {first}", f"sbatch {third}"]
    submitted = study.submit()
    assert sorted(submitted.values()) == [first, third]
    assert study.jobs() == submitted | {by_hand: second}
    assert study("submit", "runs/r").stderr == NOTHING_LEFT


def test_what_left_records_is_not_submitted_again_by_a_scheduler_without_memory(
    study: Study,
) -> None:
    first, second, third = study.render(command=["sh", "-c", "exit 3"])
    study.sbatch(second)
    study.release(3)
    assert set(study.records()) == {4, 5, 6}
    forgetful = stand_in(study, squeue=SILENT, sacct=SILENT)
    lines = study("submit", "runs/r", env=forgetful).stdout.splitlines()
    assert lines == [f"sbatch {first}", f"sbatch {third}"]


@pytest.mark.parametrize("folder", ["plain", 'it\'s "no" ☃'])
def test_what_only_accounting_remembers_is_not_submitted_again(study: Study, folder: str) -> None:
    """Which writes down neither double quotes nor, in most databases, every letter."""
    study = Study(study.slurm, study.path / folder)
    study.slurm.run_as_user(["mkdir", str(study.path)])
    first, second, third = study.render()
    by_hand = study.sbatch(second)
    study.release(3)
    study.slurm.wait([by_hand])
    shutil.rmtree(study.run / "records")
    (study.run / "records/0").mkdir(parents=True)
    after = stand_in(study, squeue=SILENT)  # as the real one when MinJobAge is over
    lines = study("submit", "runs/r", env=after).stdout.splitlines()
    assert [shlex.split(line)[1] for line in lines] == [first, third]
    neither = stand_in(study, sacct=SILENT)
    assert len(study("submit", "runs/r", env=neither).stdout.splitlines()) == 3


def test_what_the_journal_says_is_submitted_needs_no_memory_of_slurm(study: Study) -> None:
    study.render()
    study.submit()
    study.cancel()
    forgetful = stand_in(study, squeue=SILENT, sacct=BROKEN)
    done = study("submit", "runs/r", "--execute", env=forgetful)
    assert (done.stdout, done.stderr) == ("", NOTHING_LEFT)


def test_a_run_of_the_same_name_elsewhere_is_another_run(study: Study) -> None:
    study.render()
    other = Study(study.slurm, study.slurm.workspace())
    other.render()
    try:
        there = other.submit()
        here = study.submit()
        assert len(there) == len(here) == 3
        assert study.jobs() == here
        assert other.jobs() == there
    finally:
        other.cancel()


def test_the_same_twice_at_once_submits_once(study: Study) -> None:
    scripts = study.render()
    # Slow, so that both have begun before either has submitted everything.
    slow = stand_in(study, sbatch='sleep 0.5; exec /usr/bin/sbatch "$@"')
    typed = ("farmhand", "submit", "runs/r", "--execute")
    both = [study.start(*typed, env=slow) for _ in range(2)]
    said = [process.communicate(timeout=60) for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert sorted(study.jobs().values()) == scripts
    assert sorted(len(out.splitlines()) for out, _ in said) == [0, 3]


def test_resubmissions_are_submitted_once_too(study: Study) -> None:
    fails = "test $FARMHAND_SHARD_INDEX != 5 && test $FARMHAND_SHARD_INDEX != 8"
    study.render(command=["sh", "-c", fails], slurm={"max_array_size": 4})
    study.submit()
    study.finish(10)
    [line] = study("resubmit", "runs/r").stdout.splitlines()
    script = str(study.run / "resubmit-2/slurm_array_job.sh")
    assert line == f"sbatch {script}"
    assert study("submit", "runs/r").stdout == f"sbatch {script}\n"
    submitted = study.submit()
    assert list(submitted.values()) == [script]
    assert study("submit", "runs/r").stderr == NOTHING_LEFT
    study.finish(12)
    assert study.records() == {shard: 2 if shard in {5, 8} else 1 for shard in range(10)}


def test_resubmit_executes(study: Study) -> None:
    study.render(command=["sh", "-c", "exit 3"], slurm={})
    study.submit()
    study.finish(10)
    done = study("resubmit", "runs/r", "--execute")
    script = study.run / "resubmit-2/slurm_array_job.sh"
    assert list(study.jobs().values()).count(str(script)) == 1
    assert re.fullmatch(r"\d+  runs/r/resubmit-2/slurm_array_job.sh\n", done.stdout)
    assert study("submit", "runs/r").stderr == NOTHING_LEFT


def test_sbatch_refuses(study: Study) -> None:
    """Its words, exit code 1, nothing written down as submitted; mended, it goes on."""
    slurm = {"max_array_size": 4, "directives": {"hold": "true"}, "partition": "nosuch"}
    scripts = study.render(slurm=slurm)
    for script in scripts[:1]:  # the first is fine
        text = Path(script).read_text(encoding="utf-8")
        Path(script).write_text(text.replace("=nosuch", "=main"), encoding="utf-8")
    done = study("submit", "runs/r", "--execute", code=1)
    assert "sbatch refused: invalid partition specified: nosuch" in done.stderr
    assert "1 script submitted now, 6 shards left" in done.stderr
    assert list(study.jobs().values()) == scripts[:1]
    assert ("submitted", 1) not in study.journal()
    assert study("submit", "runs/r").stdout.splitlines() == [f"sbatch {s}" for s in scripts[1:]]
    for script in scripts[1:]:
        text = Path(script).read_text(encoding="utf-8")
        Path(script).write_text(text.replace("=nosuch", "=main"), encoding="utf-8")
    study.submit()
    assert sorted(study.jobs().values()) == scripts


def test_a_missing_directory_of_logs_is_made_again(study: Study) -> None:
    """Without it SLURM can start nothing: every element would end 0:53."""
    study.render(slurm={}, work={"count": 1}, shards=1)
    shutil.rmtree(study.run / "logs")
    done = study("submit", "runs/r", "--execute")
    assert done.stderr == "1 shard submitted. Later: farmhand collect --in-place runs/r\n"
    study.finish(1)
    assert study.records() == {0: 1}


def test_a_directory_of_logs_that_cannot_be_made(study: Study) -> None:
    study.render()
    shutil.rmtree(study.run / "logs")
    (study.run / "logs").touch()
    said = study("submit", "runs/r", "--execute", code=2).stderr
    assert "it cannot be made: Not a directory\n  where: runs/r/logs/1" in said
    assert study.jobs() == {}


def test_a_limit_of_the_site_stops_it_and_it_goes_on_later(limited_slurm: Slurm) -> None:
    study = Study(limited_slurm, limited_slurm.workspace())
    scripts = study.render(work={"count": 8}, shards=8)  # in arrays of four; five jobs at a time
    try:
        done = study("submit", "runs/r", "--execute", code=1)
        assert "no more jobs are taken now" in done.stderr
        assert "1 script submitted now, 4 shards left" in done.stderr
        assert "again when some have ended" in done.stderr
        assert list(study.jobs().values()) == scripts[:1]
        study("submit", "runs/r", "--execute", code=1)
        assert list(study.jobs().values()) == scripts[:1]
        study.release(4)
        study.submit()
        assert sorted(study.jobs().values()) == scripts
        assert study("submit", "runs/r").stderr == NOTHING_LEFT
        study.release(8)
        assert study.records() == dict.fromkeys(range(8), 1)
    finally:
        study.cancel()


def test_without_slurmctld_nothing_is_submitted(study: Study) -> None:
    study.render()
    text = study.slurm.conf.read_text(encoding="utf-8")
    conf = study.path / "slurm.conf"
    nobody = free_ports(1)[0]
    conf.write_text(re.sub("(?<=SlurmctldPort=).*", str(nobody), text), encoding="utf-8")
    done = study("submit", "runs/r", "--execute", code=1, env={"SLURM_CONF": str(conf)})
    assert "squeue: Unable to contact slurm controller" in done.stderr
    assert "nothing was submitted" in done.stderr
    assert done.stdout == ""
    assert study.jobs() == {}


def test_without_accounting_the_queue_is_enough(study: Study) -> None:
    first, second, third = study.render()
    by_hand = study.sbatch(second)
    submitted = study.submit(env=stand_in(study, sacct=BROKEN))
    assert sorted(submitted.values()) == [first, third]
    assert study.jobs() == submitted | {by_hand: second}
    said = study("submit", "runs/r", env=stand_in(study, sacct=BROKEN)).stderr
    assert said.endswith(NOTHING_LEFT)


def test_when_slurm_is_silent_only_between_two_scripts_the_rest_is_left(study: Study) -> None:
    scripts = study.render()
    words = "Batch job submission failed: Unable to contact slurm controller (connect failure)"
    once = f'[ -e {study.path}/one ] && {{ echo "sbatch: error: {words}" >&2; exit 1; }}'
    sbatch = f'{once}\ntouch {study.path}/one\nexec /usr/bin/sbatch "$@"'
    done = study("submit", "runs/r", "--execute", code=1, env=stand_in(study, sbatch=sbatch))
    assert "the scheduler cannot be reached: Unable to contact slurm controller" in done.stderr
    assert "1 script submitted now, 6 shards left" in done.stderr
    assert list(study.jobs().values()) == scripts[:1]
    study.submit()
    assert sorted(study.jobs().values()) == scripts


def test_an_edited_plan_is_refused(study: Study) -> None:
    study.render()
    payload = study.run / "plan/shard.sh"
    payload.write_text(payload.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    for more in ((), ("--execute",)):
        assert "the plan was edited" in study("submit", "runs/r", *more, code=1).stderr
    assert study.jobs() == {}


def test_a_run_that_was_moved_or_copied_is_refused(study: Study) -> None:
    study.render()
    type_ = study.slurm.run_as_user
    for words in (["cp", "-r", "runs/r", "runs/other"], ["mv", "runs/r", "runs/other/"]):
        type_(words, cwd=study.path)
        for more in ((), ("--execute",)):
            said = study("submit", "runs/other", *more, code=1).stderr
            assert f"were written for {study.run}" in said
    type_(["mv", "runs/other/r", "runs/r"], cwd=study.path)
    assert study.jobs() == {}
    (study.path / "link").symlink_to(study.run)
    assert len(study("submit", "link").stdout.splitlines()) == 3


def test_a_run_for_scripts_started_by_hand_has_nothing_to_submit(study: Study) -> None:
    study("render", "--scheduler", "nohup", "--run-id", "r", "--", "true")
    said = study("submit", "runs/r", "--execute", code=2).stderr
    assert "there is nothing to submit" in said
    assert "farmhand run runs/r" in said


def test_a_doubt_that_nobody_can_settle_is_refused(study: Study) -> None:
    """About to be submitted long ago, SLURM has forgotten, and there is no accounting."""
    scripts = study.render()
    line = {"event": "about to", "submission": 1, "part": 1, "time": 1.7e9}
    journal = study.run / "submissions/journal.jsonl"
    journal.write_text(json.dumps(line) + "\n", encoding="utf-8")
    shutil.chown(journal, study.slurm.user)
    forgetful = stand_in(study, sacct=BROKEN)
    for more in ((), ("--execute",)):
        said = study("submit", "runs/r", *more, code=1, env=forgetful).stderr
        assert "was about to be submitted" in said
        assert "by hand with sbatch" in said
    assert study.jobs() == {}
    study.sbatch(scripts[1])  # as it says
    assert sorted(study.submit(env=forgetful).values()) == [scripts[0], scripts[2]]


def test_what_has_succeeded_or_is_over_is_not_submitted(study: Study) -> None:
    """A part whose shards all succeeded elsewhere (by a resubmission, say) is not wanted."""
    scripts = study.render(slurm={"max_array_size": 4})
    plan = (study.run / "plan/id").read_text(encoding="utf-8").strip()
    payload = [str(study.run / "plan/shard.sh"), plan, "1", "nohup", "-", "0", "0"]
    study.slurm.run_as_user(["bash", *payload, "0", "1", "2", "3"], cwd=study.path)
    study("collect", "--in-place", "runs/r")
    lines = study("submit", "runs/r").stdout.splitlines()
    assert lines == [f"sbatch {script}" for script in scripts[1:]]


def test_each_shard_runs_once_whoever_submits(study: Study) -> None:
    """By hand and by three submits at once; then everything runs."""
    slurm = {"max_array_size": 3, "directives": {"hold": "true"}}
    scripts = study.render(work={"count": 23}, shards=23, slurm=slurm)
    assert len(scripts) == 8
    study.sbatch(scripts[5])
    three = [study.start("farmhand", "submit", "runs/r", "--execute") for _ in range(3)]
    assert [process.communicate(timeout=60) and process.returncode for process in three] == [0] * 3
    assert Counter(study.jobs().values()) == Counter(scripts)
    study.release(23)
    assert study.records() == dict.fromkeys(range(23), 1)
