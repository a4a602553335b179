"""The private SLURM itself: jobs end as they do at a site, and nothing is left when it stops."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.clusters import slurm_services
from tests.clusters.daemons import ClusterError, Daemons, poll, start_time
from tests.clusters.job_processes import is_job, is_stepd
from tests.clusters.slurm import Slurm
from tests.clusters.slurm_cluster import take_down
from tests.clusters.slurm_conf import NODES, Options

TOO_MUCH = "head -c 400M /dev/zero | tail >/dev/null"  # tail keeps its last line in memory
OUT = "--output=%A_%a.out"
ONCE = '[ -z "$SLURM_RESTART_COUNT" ] || exit 7; sleep 600'


def processes_of(slurm: Slurm) -> list[int]:
    """Daemons, slurmstepd and processes of jobs."""
    logs = {slurm.home / f"logs/{slurm.records[node]}.log" for node in NODES}
    home = os.fsencode(slurm.home)
    found = []
    for pid in map(int, filter(str.isdigit, os.listdir("/proc"))):
        try:
            words = (
                Path(f"/proc/{pid}/cmdline").read_bytes()
                + Path(f"/proc/{pid}/environ").read_bytes()
            )
        except OSError:
            continue
        if home in words or is_stepd(pid, logs) or is_job(pid, slurm.conf, set(NODES)):
            found.append(pid)
    return found


def test_jobs_are_those_of_an_ordinary_user_and_end_in_accounting(slurm: Slurm) -> None:
    run = slurm.workspace()
    job = slurm.sbatch("--array=0-2", OUT, "--wrap=id -un; exit $SLURM_ARRAY_TASK_ID", cwd=run)
    slurm.wait([job])
    codes = {row["JobID"]: (row["State"], row["ExitCode"]) for row in slurm.sacct([job])}
    assert codes == {
        f"{job}_0": ("COMPLETED", "0:0"),
        f"{job}_1": ("FAILED", "1:0"),
        f"{job}_2": ("FAILED", "2:0"),
    }
    written = run / f"{job}_2.out"
    assert written.read_text(encoding="utf-8") == "farmer\n"
    assert written.owner() == slurm.user != "root"


def test_commands_are_typed_by_the_user_in_a_clean_environment(
    slurm: Slurm, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SBATCH_PARTITION", "none-such")
    monkeypatch.setenv("SLURM_JOB_ID", "1")
    names = slurm.run_as_user(["env"]).stdout
    assert "SBATCH_" not in names
    assert "SLURM_JOB_ID" not in names
    said = slurm.run_as_user(["sh", "-c", "farmhand --help"]).stdout
    assert "Usage: farmhand" in said
    touch = ["sh", "-c", ": >made"]
    slurm.run_as_user(touch, cwd=(run := slurm.workspace()))
    assert (run / "made").owner() == slurm.user
    assert slurm.run_as_user(touch, cwd=tmp_path, check=False).returncode != 0


def test_a_job_may_not_read_what_its_user_may_not(slurm: Slurm, tmp_path: Path) -> None:
    run = slurm.workspace()
    secret = tmp_path / "secret"
    secret.touch(mode=0o600)
    job = slurm.sbatch("--output=out", f"--wrap=cat {secret}", cwd=run)
    slurm.wait([job])
    assert slurm.states(job) == {str(job): "FAILED"}


def test_too_much_memory_is_killed_or_said_not_to_be(slurm: Slurm) -> None:
    run = slurm.workspace()
    job = slurm.sbatch("--mem=60", "--output=out", f"--wrap={TOO_MUCH}", cwd=run)
    slurm.wait([job])
    rows = {(row["State"], row["ExitCode"]) for row in slurm.sacct([job], options=())}
    assert rows == {("OUT_OF_MEMORY", "0:125") if slurm.enforces_memory else ("COMPLETED", "0:0")}


def test_without_control_groups_jobs_run_and_memory_is_said_not_to_be_enforced(
    slurm_home: Path,
) -> None:
    slurm = Slurm(slurm_home, "plain", Options(enforce_memory=False))
    slurm.up()
    try:
        assert not slurm.enforces_memory
        job = slurm.sbatch("--mem=60", "--output=out", f"--wrap={TOO_MUCH}", cwd=slurm.workspace())
        slurm.wait([job])
        assert slurm.states(job) == {str(job): "COMPLETED"}
    finally:
        slurm.down()


def test_time_limits_end_jobs(slurm: Slurm) -> None:
    run = slurm.workspace()
    job = slurm.sbatch("--time=5", "--output=out", "--wrap=exec sleep 600", cwd=run)
    slurm.wait_for_state(job, "RUNNING")
    slurm.reach_time_limit(job)
    slurm.wait([job])
    assert slurm.states(job) == {str(job): "TIMEOUT"}


def test_preemption_cancels_or_requeues_as_the_partition_says(slurm: Slurm) -> None:
    run = slurm.workspace()
    there = ("-w", "n1", "--mem=1500", "--output=%j.out")
    cancelled = slurm.sbatch("-p", "low", *there, "--wrap=sleep 600", cwd=run)
    requeued = slurm.sbatch("-p", "lowrq", *there, f"--wrap={ONCE}", cwd=run)
    slurm.wait_for_state(cancelled, "RUNNING")
    slurm.wait_for_state(requeued, "RUNNING")
    more = ("-p", "high", "-w", "n1", "--mem=3900", "--output=%j.out")
    slurm.wait([slurm.sbatch(*more, "--wrap=true", cwd=run), cancelled, requeued])
    rows = slurm.sacct([cancelled, requeued], options=("-X", "-D"))
    ends = [(row["JobID"], row["State"], row["ExitCode"]) for row in rows]
    assert ends == [
        (str(cancelled), "PREEMPTED", "0:0"),
        (str(requeued), "PREEMPTED", "0:0"),
        (str(requeued), "FAILED", "7:0"),
    ]


def test_a_lost_node_and_requeues(own_slurm: Slurm) -> None:
    slurm, run = own_slurm, own_slurm.workspace()
    lost = slurm.sbatch("--no-requeue", "-w", "n2", "--wrap=sleep 600", cwd=run)
    again = slurm.sbatch("-w", "n2", f"--wrap={ONCE}", cwd=run)
    asked = slurm.sbatch("-w", "n1", f"--wrap={ONCE}", cwd=run)
    jobs = (lost, again, asked)
    for job in jobs:
        slurm.wait_for_state(job, "RUNNING")
    slurm.admin("scontrol", "requeue", str(asked))
    slurm.kill_node("n2")
    slurm.wait([lost])
    slurm.start("n2")
    slurm.wait([again, asked])
    rows = slurm.sacct(jobs, options=("-X", "-D"))
    ends = {job: [row["State"] for row in rows if row["JobID"] == str(job)] for job in jobs}
    assert ends == {
        lost: ["NODE_FAIL"],
        again: ["NODE_FAIL", "FAILED"],
        asked: ["REQUEUED", "FAILED"],
    }


def test_jobs_outlive_slurmctld_and_accounting(own_slurm: Slurm) -> None:
    slurm, run = own_slurm, own_slurm.workspace()
    job = slurm.sbatch("--wrap=until [ -e go ]; do sleep 0.1; done", cwd=run)
    waiting = slurm.sbatch(f"--dependency=afterok:{job}", "--wrap=true", cwd=run)
    slurm.wait_for_state(job, "RUNNING")
    slurm.stop("slurmctld")
    assert slurm.admin("squeue", check=False).returncode != 0
    slurm.stop("slurmdbd")
    assert slurm.admin("sacct", check=False).returncode != 0
    (run / "go").touch()
    slurm.start("slurmdbd")
    slurm.start("slurmctld")
    slurm.wait([job, waiting])
    assert slurm.states(job, waiting) == {str(job): "COMPLETED", str(waiting): "COMPLETED"}


def test_up_keeps_what_runs_and_down_leaves_no_process(own_slurm: Slurm) -> None:
    slurm, run = own_slurm, own_slurm.workspace()
    job = slurm.sbatch("--wrap=setsid sleep 600 & sleep 600", cwd=run)
    slurm.wait_for_state(job, "RUNNING")
    poll(lambda: len(processes_of(slurm)) >= 6 + 4, "slurmstepd, script and two children", 10.0)
    before = processes_of(slurm)
    slurm.up()
    assert processes_of(slurm) == before
    stopped = take_down(slurm.home)
    assert {"munged", "mariadbd", "slurmdbd", "main.slurmctld", "main.slurmd.n1"} <= set(stopped)
    assert processes_of(slurm) == []
    assert take_down(slurm.home) == []


def test_up_cleans_up_after_a_killed_instance(own_slurm: Slurm) -> None:
    slurm, run = own_slurm, own_slurm.workspace()
    job = slurm.sbatch("--wrap=sleep 600", cwd=run)
    slurm.wait_for_state(job, "RUNNING")
    old = set(processes_of(slurm))
    for name in ("munged", "mariadbd", "main.slurmd.n1"):
        pid = slurm.daemons.pid(name)
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
    slurm.up()
    assert not old & set(processes_of(slurm))
    again = slurm.sbatch("--wrap=true", cwd=run)
    slurm.wait([again])
    assert slurm.states(again) == {str(again): "COMPLETED"}


def test_a_pid_given_to_another_process_is_not_stopped(tmp_path: Path) -> None:
    daemons = Daemons(tmp_path / "run", tmp_path / "logs")
    pid = daemons.start("sleeper", ["/bin/sleep", "600"], {})
    record = tmp_path / "run/sleeper.json"
    text = record.read_text(encoding="utf-8")
    started = start_time(pid)
    assert started is not None
    record.write_text(text.replace(str(started), str(started - 1)), encoding="utf-8")
    assert daemons.pid("sleeper") is None
    assert not daemons.stop("sleeper")
    assert start_time(pid) == started
    record.write_text(text, encoding="utf-8")
    assert daemons.stop("sleeper")
    assert start_time(pid) is None


def test_a_daemon_that_ends_at_once_says_why(tmp_path: Path) -> None:
    daemons = Daemons(tmp_path / "run", tmp_path / "logs")
    daemons.start("broken", ["/bin/sh", "-c", "echo no such option; exit 1"], {})
    with pytest.raises(ClusterError, match="no such option"):
        daemons.need("broken", lambda: False)


def test_arrays_are_small_and_jobs_limited_in_clusters_made_for_it(
    small_slurm: Slurm, limited_slurm: Slurm
) -> None:
    run = small_slurm.workspace()
    refused = small_slurm.run_as_user(["sbatch", "-a11", "--wrap=true"], cwd=run, check=False)
    assert "Invalid job array specification" in refused.stderr
    job = small_slurm.sbatch("-a10", "--output=out", "--wrap=true", cwd=run)
    small_slurm.wait([job])
    words = ["sbatch", "-a1-6", "--hold", "--wrap=true"]
    refused = limited_slurm.run_as_user(words, cwd=run, check=False)
    assert "Job violates accounting/QOS policy" in refused.stderr


def test_what_is_missing_is_named_with_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(slurm_services, "PATH", str(tmp_path))
    with pytest.raises(ClusterError, match=r"slurmctld.*type: make schedulers"):
        Slurm(tmp_path).up()
