"""The private HTCondor pool itself: jobs end as they do at a site, and nothing is left behind."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.clusters.condor import Condor, is_settled, up
from tests.clusters.condor_conf import CLOSED_NODE, SHARED_NODES, Options
from tests.clusters.daemons import ClusterError, poll, start_time

JOB = """\
executable = /bin/sh
transfer_executable = false
should_transfer_files = {transfer}
request_memory = 40 MB
request_disk = 10 MB
log = {transfer}.log
output = {transfer}.$(Process).out
error = {transfer}.$(Process).err
arguments = "-c '{command}'"
{more}
queue {number}
"""
MUCH = "exec /usr/bin/python3 -c ''import time; x = bytearray(200 << 20); time.sleep(600)''"
SLEEPS = "sleep 600 & exec sleep 601"


def job(command: str, transfer: str = "NO", more: str = "", number: int = 1) -> str:
    return JOB.format(command=command, transfer=transfer, more=more, number=number)


def at(node: str) -> str:
    return f'requirements = (Machine == "{node}.farm")'


def processes_of(condor: Condor) -> set[int]:
    """Daemons, shadows, starters and processes of jobs: their environment names the directory."""
    home = os.fsencode(condor.home) + b"/"
    found = set()
    for pid in map(int, filter(str.isdigit, os.listdir("/proc"))):
        try:
            words = Path(f"/proc/{pid}/environ").read_bytes()
        except OSError:
            continue
        if home in words:
            found.add(pid)
    return found


def mounts() -> list[str]:
    lines = Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
    return [line.split()[4] for line in lines]


def logged(condor: Condor, log: Path, event: str) -> None:
    found = re.compile(rf"^{event} \(", re.MULTILINE)
    poll(lambda: found.search(log.read_text(encoding="utf-8")), f"{event} in {log}", 60.0)


def test_jobs_run_as_their_owner_or_as_nobody(condor: Condor) -> None:
    run = condor.workspace()
    says = "id -un; exit $(Process)"
    shared = condor.submit_text(job(says, number=3), run)
    staged = condor.submit_text(job(says, "YES", number=3), run)
    condor.wait([shared, staged])
    codes = {f"{ad['ClusterId']}.{ad['ProcId']}": ad["ExitCode"] for ad in ended(condor, shared)}
    assert codes == {f"{shared}.{n}": n for n in range(3)}
    assert {ad["LastRemoteHost"].partition("@")[2] for ad in ended(condor, shared)} <= {
        f"{node}.farm" for node in SHARED_NODES
    }
    assert (run / "NO.2.out").read_text(encoding="utf-8") == "farmer\n"
    assert {ad["LastRemoteHost"].partition("@")[2] for ad in ended(condor, staged)} == {
        f"{CLOSED_NODE}.farm"
    }
    assert (run / "YES.2.out").read_text(encoding="utf-8") == "nobody\n"
    assert (run / "YES.2.out").owner() == condor.user != "root"


def ended(condor: Condor, cluster: int) -> list[dict[str, Any]]:
    return condor.history([cluster], "ExitCode", "LastRemoteHost")


def test_a_transfer_job_sees_nothing_of_a_closed_run_directory(condor: Condor) -> None:
    run = condor.workspace(mode=0o700)
    condor.run_as_user(["sh", "-c", "echo 7 >number; chmod 644 number"], cwd=run)
    more = f"transfer_input_files = {run}/number"
    secret = condor.submit_text(job(f"cat number; cat {run}/number", "YES", more), run)
    shared = condor.submit_text(job(f"cat {run}/number"), run)
    condor.wait([secret, shared])
    assert (run / "YES.0.out").read_text(encoding="utf-8") == "7\n"
    assert "Permission denied" in (run / "YES.0.err").read_text(encoding="utf-8")
    assert (run / "NO.0.out").read_text(encoding="utf-8") == "7\n"


@pytest.mark.parametrize("transfer", ["NO", "YES"])
def test_too_much_memory_is_held(condor: Condor, transfer: str) -> None:
    run = condor.workspace()
    cluster = condor.submit_text(job(MUCH, transfer), run)
    condor.wait([cluster], timeout=300.0)
    (ad,) = condor.queue([cluster], "HoldReasonCode", "HoldReasonSubCode")
    assert (ad["HoldReasonCode"], ad["HoldReasonSubCode"]) == (21, 102)
    condor.admin("condor_rm", str(cluster))


def test_commands_are_typed_by_the_user_in_a_clean_environment(
    condor: Condor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("_CONDOR_SCHEDD_HOST", "none-such")
    run = condor.workspace()
    assert "_CONDOR_" not in condor.run_as_user(["env"]).stdout
    assert "Usage: farmhand" in condor.run_as_user(["farmhand", "--help"]).stdout
    condor.run_as_user(["tee", "job.sub"], cwd=run, stdin=job("exit 0", more="hold = True"))
    cluster = condor.submit(run / "job.sub")
    assert condor.states(cluster) == {f"{cluster}.0": "held"}
    (ad,) = condor.queue([cluster], "Owner", "Iwd")
    assert (ad["Owner"], ad["Iwd"]) == (condor.user, str(run))
    refused = condor.run_as_user(["condor_submit", "absent.sub"], cwd=run, check=False)
    assert refused.returncode != 0
    assert "absent.sub" in refused.stderr
    for verb in ("release", "hold", "vacate_job", "rm"):
        condor.run_as_user([f"condor_{verb}", str(cluster)], check=verb != "vacate_job")
    condor.wait([cluster])


def test_a_factory_is_waited_for_until_its_last_job(condor: Condor) -> None:
    run = condor.workspace()
    made = condor.submit_text(job("exit 0", more="max_materialize = 1", number=3), run)
    more = "max_materialize = 2\non_exit_hold = True"
    stalled = condor.submit_text(job("exit 0", more=more, number=9), run)
    condor.wait([made, stalled])
    assert condor.states(made) == {f"{made}.{n}": "completed" for n in range(3)}
    assert condor.states(stalled) == {f"{stalled}.{n}": "held" for n in range(2)}
    condor.admin("condor_rm", str(stalled))


def test_a_cluster_is_settled_when_nothing_happens_by_itself() -> None:
    def ads(total: int, *statuses: int) -> dict[str, dict[str, int]]:
        return {
            f"7.{n}": {"JobStatus": status, "TotalSubmitProcs": total}
            for n, status in enumerate(statuses)
        }

    assert not is_settled("7", {})
    assert not is_settled("7", ads(2, 4, 2))
    assert not is_settled("7", ads(3, 4, 4))
    assert is_settled("7", ads(2, 4, 3))
    assert is_settled("7", ads(3, 4, 5))
    assert is_settled("7.0", ads(3, 4, 2))
    assert not is_settled("7.1", ads(3, 4, 2))


def test_jobs_outlive_the_schedd(own_condor: Condor) -> None:
    condor, run = own_condor, own_condor.workspace()
    wait = f"until [ -e {run}/go ]; do sleep 0.1; done; exit 4"
    clusters = [condor.submit_text(job(wait, transfer), run) for transfer in ("NO", "YES")]
    for cluster in clusters:
        condor.wait_for_state(cluster, "running")
    logged(condor, run / "NO.log", "001")
    logged(condor, run / "YES.log", "001")
    condor.stop("schedd")
    assert condor.run_as_user(["condor_q"], check=False).returncode != 0
    condor.start("schedd")
    (run / "go").touch()
    condor.wait(clusters)
    assert [ad["ExitCode"] for cluster in clusters for ad in ended(condor, cluster)] == [4, 4]
    assert [(run / f"{name}.log").read_text().count("\n001 (") for name in ("NO", "YES")] == [1, 1]


def test_a_node_is_lost_without_a_word_and_comes_back(own_condor: Condor) -> None:
    condor, run = own_condor, own_condor.workspace()
    condor.submit_text(job(SLEEPS, more=at("n2")), run)
    logged(condor, run / "NO.log", "001")
    condor.kill_node("n2")
    logged(condor, run / "NO.log", "022")
    assert "\n004 (" not in (run / "NO.log").read_text(encoding="utf-8")
    assert condor.pid("n2") is None
    condor.start("n2")
    again = condor.submit_text(job("exit 6", more=at("n2")), condor.workspace())
    condor.wait([again])
    assert [ad["ExitCode"] for ad in ended(condor, again)] == [6]


def test_up_keeps_what_runs_and_down_leaves_nothing(own_condor: Condor) -> None:
    condor, run = own_condor, own_condor.workspace(mode=0o700)
    mounted = mounts()
    clusters = [condor.submit_text(job(f"setsid {SLEEPS}", mode), run) for mode in ("NO", "YES")]
    for cluster in clusters:
        condor.wait_for_state(cluster, "running")
    poll(lambda: len(processes_of(condor)) >= 9 + 8, "daemons and processes of jobs", 20.0)
    before = processes_of(condor)
    again = Condor(condor.home)
    again.up()
    assert processes_of(condor) == before
    assert mounts() == mounted
    assert again.down() == ["condor_master"]
    assert processes_of(condor) == set()
    assert {pid for pid in before if start_time(pid) is not None} == set()
    assert mounts() == mounted
    assert again.down() == []


def test_up_cleans_up_after_a_killed_pool(own_condor: Condor) -> None:
    condor, run = own_condor, own_condor.workspace()
    cluster = condor.submit_text(job(SLEEPS, more=at("n1")), run)
    condor.wait_for_state(cluster, "running")
    old = processes_of(condor)
    for pid in (condor.daemons.pid("condor_master"), condor.pid("n1")):
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
    poll(lambda: condor.daemons.pid("condor_master") is None, "the master to be gone", 10.0)
    condor.up()
    assert not old & processes_of(condor)
    again = condor.submit_text(job("exit 0"), run)
    condor.wait([again])
    assert condor.states(again) == {f"{again}.0": "completed"}


def test_pools_run_side_by_side_with_options_of_their_own(
    condor: Condor, own_condor: Condor
) -> None:
    own_condor.down()
    small = Condor(own_condor.home, Options(max_jobs_per_submission=5))
    small.up()
    run = small.workspace()
    with pytest.raises(ClusterError, match="MAX_JOBS_PER_SUBMISSION"):
        small.submit_text(job("exit 0", number=6), run)
    six = condor.submit_text(job("exit 0", number=6), condor.workspace())
    five = small.submit_text(job("exit 0", number=5), run)
    condor.wait([six])
    small.wait([five])
    assert len(condor.states(six)) == 6
    assert len(small.states(five)) == 5


def test_what_up_says_to_type_works_for_the_user(own_condor: Condor) -> None:
    said = "\n".join(up(own_condor.home))
    found = re.search(r"cd (\S+) && (\S+) condor_submit", said)
    assert found is not None
    run, helper = Path(found[1]), found[2]
    (run / "job.sub").write_text(job("id -un"), encoding="utf-8")
    argv = [helper, "condor_submit", "-terse", "job.sub"]
    done = subprocess.run(argv, cwd=run, capture_output=True, text=True, check=True)
    own_condor.wait([int(done.stdout.partition(".")[0])])
    assert (run / "NO.0.out").read_text(encoding="utf-8") == "farmer\n"
    script = f". {own_condor.home}/env.sh && condor_status -af Machine"
    listed = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    assert set(listed.stdout.split()) == {"n1.farm", "n2.farm", "w1.farm"}
