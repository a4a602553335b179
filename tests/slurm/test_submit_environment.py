"""What the environment of submit may and may not do to jobs, on a real SLURM."""

from __future__ import annotations

from tests.clusters.daemons import poll
from tests.slurm.study import NOTHING_LEFT, Study

SETTINGS = {
    "SBATCH_ARRAY_INX": "0",
    "SBATCH_OUTPUT": "/tmp/elsewhere.out",
    "SBATCH_ERROR": "/tmp/elsewhere.err",
    "SBATCH_PARTITION": "short",
    "SBATCH_JOB_NAME": "other",
    "SBATCH_TIMELIMIT": "1",
    "SBATCH_OPEN_MODE": "truncate",
    "SBATCH_NO_REQUEUE": "1",
    "SBATCH_EXCLUSIVE": "1",
    "SBATCH_WAIT": "1",
    "SBATCH_DEBUG": "1",
    "SQUEUE_STATES": "COMPLETED",
    "SQUEUE_FORMAT": "%i",
    "SACCT_FORMAT": "JobID",
    "SLURM_TIME_FORMAT": "relative",
    "SLURM_BITSTR_LEN": "4",
}
"""Variables that would change a job, or an answer, if SLURM's commands saw them."""


def test_variables_of_sbatch_cannot_change_the_jobs(study: Study) -> None:
    scripts = study.render(
        slurm={"partition": "main", "max_array_size": 4, "directives": {"hold": "true"}}
    )
    submitted = study.submit(env=SETTINGS)
    assert sorted(submitted.values()) == scripts
    words = ("squeue", "-h", "-o", "%K|%P|%j|%l|%h", "--jobs", ",".join(map(str, submitted)))
    rows = study.slurm.admin(*words).stdout.splitlines()
    assert sorted(rows) == sorted(f"0-{last}|main|r.1|UNLIMITED|OK" for last in (3, 2, 2))
    assert study("submit", "runs/r", env=SETTINGS).stderr == NOTHING_LEFT
    shown = study.slurm.admin("scontrol", "show", "job", str(min(submitted))).stdout
    assert "elsewhere" not in shown
    assert "Requeue=1" in shown


def test_defaults_of_the_user_hold_where_the_spec_says_nothing(study: Study) -> None:
    study.render()
    submitted = study.submit(env={"SBATCH_PARTITION": "short", "SBATCH_ACCOUNT": "theory"})
    words = ("squeue", "-h", "-o", "%P|%a", "--jobs", ",".join(map(str, submitted)))
    assert set(study.slurm.admin(*words).stdout.split()) == {"short|theory"}


def variables(text: str) -> dict[str, str]:
    """Those of SLURM in the output of env -0."""
    pairs = (pair.split("=", 1) for pair in text.split("\0") if pair)
    return {name: value for name, value in pairs if name.startswith(("SLURM", "SBATCH", "SRUN"))}


# What a node of the outer job is told, which shapes nothing in another job.
HARMLESS = {"SLURM_LAUNCH_NODE_IPADDR", "SLURM_STEPID", "SRUN_DEBUG"}


def test_typed_inside_a_job_nothing_of_that_job_reaches_the_new_ones(study: Study) -> None:
    """By submit, and by sbatch itself; with all that an outer job can have."""
    words = ["--cpus-per-task=2", "--mem=123", "--gpus=1", "--ntasks=1", "--ntasks-per-node=1"]
    words += ["--distribution=cyclic", "--hint=nomultithread", "--overcommit", "--export=NONE"]
    show = "srun --export=ALL env -0 >outer.env && touch shown"
    outer = study.slurm.sbatch(*words, "--output=outer.out", f"--wrap={show}", cwd=study.path)
    poll((study.path / "shown").exists, "the outer job", 30)
    leaked = variables((study.path / "outer.env").read_text(encoding="utf-8"))
    assert leaked["SLURM_JOB_ID"] == str(outer)
    assert leaked["SLURM_STEP_ID"] == "0"
    assert {"SLURM_NTASKS", "SLURM_HINT", "SLURM_GPUS", "SLURM_EXPORT_ENV"} <= leaked.keys()
    del leaked["SLURM_CONF"]
    spec = {"command": ["sh", "-c", "env -0 >env"], "slurm": {}, "work": {"count": 1}, "shards": 1}
    seen = []
    for env, by_hand in (({}, False), (leaked, False), (leaked, True)):
        inner = Study(study.slurm, study.slurm.workspace())
        [script] = inner.render(**spec)
        if by_hand:
            inner.slurm.run_as_user(["sbatch", script], cwd=inner.path, env=env)
        else:
            inner.submit(env=env)
        inner.finish(1)
        [written] = inner.run.glob("shards/*/*/env")
        found = variables(written.read_text(encoding="utf-8"))
        assert found["SLURM_JOB_NAME"] == "r.1"
        assert str(outer) not in found.values()
        seen.append({name for name in found if "_PACK_GROUP_" not in name} - HARMLESS)
    assert seen[0] == seen[1]
    assert seen[2] - seen[0] <= {"SLURM_GET_USER_ENV"}  # it acts before any script begins
    assert seen[0] <= seen[2]


def test_what_the_spec_says_to_srun_reaches_it(study: Study) -> None:
    """By the variables that sbatch makes of options, which must not be taken for leaks."""
    directives = {
        "distribution": "cyclic",
        "hint": "nomultithread",
        "ntasks": "1",
        "export": "NONE",
    }
    study.render(
        command=["sh", "-c", "env -0 >env"],
        slurm={"directives": directives},
        work={"count": 1},
        shards=1,
        resources={"cpus": "2", "memory": "50 MB", "gpus": "1"},
    )
    study.submit()
    study.finish(1)
    [written] = study.run.glob("shards/*/*/env")
    found = variables(written.read_text(encoding="utf-8"))
    expected = {
        "SLURM_CPUS_PER_TASK": "2",
        "SLURM_DISTRIBUTION": "cyclic",
        "SLURM_EXPORT_ENV": "NONE",
        "SLURM_GPUS": "1",
        "SLURM_HINT": "nomultithread",
        "SLURM_MEM_PER_NODE": "50",
        "SLURM_NTASKS": "1",
        "SRUN_CPUS_PER_TASK": "2",
    }
    assert {name: found.get(name) for name in expected} == expected
