"""From spec to merged result on the stand-in for LSF: single jobs, arrays, and by hand."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.round_trip.conftest import Farm

if TYPE_CHECKING:
    from tests.clusters.lsf.stand_in import StandIn

SPEC: dict[str, Any] = {
    "name": "toys",
    "work": {"count": 20, "seed": 7},
    "shards": 5,
    "script": 'echo "shard $FARMHAND_SHARD_INDEX of $FARMHAND_SHARD_START" >out.txt; pwd >&2\n',
    "outputs": {"o": {"path": "out.txt", "check": {"min_size": "3 B"}}},
    "merge": {"kind": "text"},
    "resources": {"cpus": 2, "memory": "100 MB", "walltime": "10m"},
    "lsf": {"queue": "1nh"},
}
INSIDE = "LSB_INTERACTIVE=Y LSB_JOBID=777 LSB_JOBNAME=bash"
"""An interactive job around the shell."""
MERGED = "".join(f"shard {index} of {4 * index}\n" for index in range(5))


@pytest.fixture
def farm(tmp_path: Path) -> Farm:
    return Farm(tmp_path)


def render(
    farm: Farm, *words: str, name: str = "r", **changes: Any
) -> subprocess.CompletedProcess[str]:
    options = ["--run-id", name, "--scheduler", "lsf", *words]
    return farm("render", "-", *options, stdin=json.dumps({**SPEC, **changes}))


def shell(line: str, cwd: Path | str = "/", code: int = 0) -> str:
    done = subprocess.run(
        ["bash", "-c", line], cwd=cwd, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == code, done.stderr
    return done.stdout + done.stderr


def starts(farm: Farm, name: str = "r") -> list[dict[str, Any]]:
    """The start records, by shard and time."""
    paths = (farm.run(name) / "records" / "0").iterdir()
    lines = [json.loads(path.read_text().splitlines()[0]) for path in paths]
    return sorted(lines, key=lambda line: (line["shard"], line["time"]))


def gathered(farm: Farm, name: str = "r") -> str:
    """Collect, check and merge; return what was merged."""
    farm("collect", "--in-place", "--records-only", f"runs/{name}")
    assert farm.check(name)["succeeded"] == 5
    farm("merge", f"runs/{name}")
    return (farm.run(name) / "merged.txt").read_text()


def test_a_job_a_shard(lsf: StandIn, farm: Farm) -> None:
    said = render(farm)
    [line] = said.stdout.splitlines()
    run = farm.run("r")
    assert line == f'for script in {run}/shards/*/batchScript.sh; do bsub < "$script"; done'
    assert f"all as one job array: bsub < {run}/lsf_array_job.sh\n" in said.stderr
    assert shell(line).splitlines() == [
        f"Job <{number}> is submitted to queue <1nh>." for number in range(1, 6)
    ]
    lsf.wait()
    assert [job.name for job in lsf.jobs()] == [f"r.1.s{index}" for index in range(5)]
    assert lsf.mail() == {}
    for number, start in enumerate(starts(farm), start=1):
        assert (start["scheduler"], start["native_id"]) == ("lsf", str(number))
        assert (start["node"], start["restarts"]) == ("lsfhost", 0)
        report = (run / "logs" / "1" / "0" / f"s{number - 1}.{number}.out").read_text()
        assert f"Subject: Job {number}: <r.1.s{number - 1}> in cluster <farm> Done\n" in report
    assert gathered(farm) == MERGED


@pytest.mark.parametrize("largest", [1000, 2])
def test_as_job_arrays(lsf: StandIn, farm: Farm, largest: int) -> None:
    lsf.configure(largest_array=largest)
    said = render(farm, max_running=4)
    line = next(text for text in said.stderr.splitlines() if text.startswith("Or, in place"))
    shell(line.partition(": ")[2])
    lsf.wait()
    expected = {
        1000: ["r.1.array1[1-5]%4"],
        2: ["r.1.array1[1-2]%2", "r.1.array2[1-2]%1", "r.1.array3[1-1]%1"],
    }
    assert [job.name for job in lsf.jobs()] == expected[largest]
    assert lsf.mail() == {}
    natives = [start["native_id"] for start in starts(farm)]
    assert (
        natives
        == {
            1000: [f"1[{index}]" for index in range(1, 6)],
            2: ["1[1]", "1[2]", "2[1]", "2[2]", "3[1]"],
        }[largest]
    )
    logs = farm.run("r") / "logs" / "1"
    assert {str(path.relative_to(logs)) for path in logs.rglob("*.out")} == {
        f"array{1 if largest == 1000 else int(native[0])}/"
        f"{native.replace('[', '.').removesuffix(']')}.out"
        for native in natives
    }
    assert gathered(farm) == MERGED


def test_packed_and_scattered_shards(lsf: StandIn, farm: Farm) -> None:
    failing = "case $FARMHAND_SUBMISSION$FARMHAND_SHARD_INDEX in 1[134]) exit 3 ;; esac\n"
    render(farm, shards_per_job=2, script=failing + SPEC["script"])
    shell(f"bsub < {farm.run('r')}/lsf_array_job.sh")
    lsf.wait()
    assert [job.name for job in lsf.jobs()] == ["r.1.array1[1-3]"]
    assert [start["native_id"] for start in starts(farm)] == [
        "1[1]",
        "1[1]",
        "1[2]",
        "1[2]",
        "1[3]",
    ]
    assert lsf.jobs()[0].options["W"] == "20"
    farm("collect", "--in-place", "--records-only", "runs/r")
    farm("resubmit", "runs/r", "--shards", "0,2", code=1)  # they are good
    farm("resubmit", "runs/r", "--cause", "exit_code")
    again = farm.run("r") / "resubmit-2"
    assert (farm.run("r") / "submissions" / "2.map").read_text() == "1 3\n4\n"
    shell(f"bsub < {again}/lsf_array_job.sh")
    lsf.wait()
    assert lsf.jobs()[1].name == "r.2.array1[1-2]"
    assert [s["native_id"] for s in starts(farm) if s["submission"] == 2] == [
        "2[1]",
        "2[1]",
        "2[2]",
    ]
    assert gathered(farm) == MERGED


def test_the_chunks_of_a_resubmission(lsf: StandIn, farm: Farm) -> None:
    failing = 'test "$FARMHAND_SUBMISSION" = 2 || test "$FARMHAND_SHARD_INDEX" != 3 || exit 7\n'
    [line] = render(farm, script=failing + SPEC["script"]).stdout.splitlines()
    shell(line)
    lsf.wait()
    assert lsf.states()["4"].code == 7
    farm("collect", "--in-place", "--records-only", "runs/r")
    [line] = farm("resubmit", "runs/r").stdout.splitlines()
    assert "/resubmit-2/shards/*/batchScript.sh" in line
    shell(line)
    lsf.wait()
    assert lsf.jobs()[-1].name == "r.2.s3"
    assert (farm.run("r") / "logs" / "2" / "0" / "s3.6.out").exists()
    assert gathered(farm) == MERGED


@pytest.mark.parametrize(
    "line",
    [
        "cd {folder}; ./batchScript.sh",
        "cd {folder}; bash < batchScript.sh",
        "cd {folder}; nohup ./batchScript.sh >/dev/null 2>&1 & wait",
        "cd /; nohup {folder}/batchScript.sh >/dev/null 2>&1 & wait",
        "cd /; bash < {folder}/batchScript.sh",
        "cd {folder}; bsub -q 8nh < batchScript.sh",
        f"cd {{folder}}; export {INSIDE} BSUB_QUIET=y; bsub < batchScript.sh",
        f"cd {{folder}}; export {INSIDE}; ./batchScript.sh",
    ],
)
def test_however_a_script_is_started(lsf: StandIn, farm: Farm, line: str) -> None:
    render(farm)
    for index in range(5):
        shell(line.format(folder=shlex.quote(str(farm.run("r") / "shards" / f"s{index}"))))
    lsf.wait()
    by_lsf = "bsub" in line
    for number, start in enumerate(starts(farm), start=1):
        assert start["scheduler"] == ("lsf" if by_lsf else "nohup")
        assert start["native_id"] == (str(number) if by_lsf else str(start["pid"]))
    assert gathered(farm) == MERGED


def test_the_walltime_is_lsfs_own_there_and_the_payloads_by_hand(lsf: StandIn, farm: Farm) -> None:
    lsf.configure(minute_s=0.5)
    spec: dict[str, Any] = {"script": "sleep 60\n", "shards": 1, "resources": {"walltime": "1s"}}
    render(farm, **spec)
    script = farm.run("r") / "shards" / "s0" / "batchScript.sh"
    assert subprocess.run([script], capture_output=True, check=False, timeout=30).returncode == 143
    shell(f"bsub < {script}")
    lsf.wait()
    ends = [
        json.loads(path.read_text().splitlines()[1])
        for path in sorted(
            (farm.run("r") / "records" / "0").iterdir(), key=lambda path: path.stat().st_mtime
        )
    ]
    assert (ends[0]["cause"], ends[0]["warned"]) == ("timeout", None)
    assert ends[1]["warned"] == 12
    assert "TERM_RUNLIMIT" in (farm.run("r") / "logs" / "1" / "0" / "s0.1.out").read_text()


@pytest.mark.parametrize("name", ["TERM", "USR1"])
def test_a_warning_comes_with_the_grace(lsf: StandIn, farm: Farm, name: str) -> None:
    """LSF sends it to every process of the job: the command must get its own signal only."""
    lsf.configure(minute_s=0.2)
    trap = f"trap 'echo warned >out.txt; exit 0' {name}\n"
    loop = "for i in $(seq 300); do sleep 0.1; done\n"
    asked = {"walltime": "50m", "grace": "40m", "stop_signal": name}
    render(farm, script=trap + loop, shards=1, resources=asked)
    shell(f"bsub < {farm.run('r')}/shards/s0/batchScript.sh")
    lsf.wait()
    [record] = (farm.run("r") / "records" / "0").iterdir()
    end = json.loads(record.read_text().splitlines()[1])
    assert (end["warned"], end["exit_code"]) == (10, 0)


def test_bkill_leaves_an_end_record(lsf: StandIn, farm: Farm) -> None:
    render(farm, script="sleep 60\n", shards=1)
    shell(f"bsub < {farm.run('r')}/shards/s0/batchScript.sh")
    deadline = time.monotonic() + 30
    while not list((farm.run("r") / "shards" / "s0").glob("*/stdout")):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    shell("bkill 1")
    lsf.wait()
    farm("collect", "--in-place", "--records-only", "runs/r")
    [bad] = farm.check("r", code=1)["bad"]
    assert (bad["state"], bad["cause"]) == ("cancelled", "cancelled")


def test_an_array_that_became_one_job_runs_nothing_and_says_why(lsf: StandIn, farm: Farm) -> None:
    render(farm)
    script = farm.run("r") / "lsf_array_job.sh"
    shell(f"bsub -J plain < {script}")
    shell(f'bsub -J "more[5-6]" < {script}')
    lsf.wait()
    assert {name: state.code for name, state in lsf.states().items()} == {
        "1": 91, "2[5]": 0, "2[6]": 91,
    }  # fmt: skip
    logs = farm.run("r") / "logs" / "1" / "array1"
    assert (
        "element 0 on lsfhost: not an element of a job array (LSB_JOBINDEX is '0')"
        in (logs / "1.0.out").read_text()
    )
    assert "has the elements 1 to 5 (was -J given by hand?)" in (logs / "2.6.out").read_text()
    assert [start["shard"] for start in starts(farm)] == [4]


def test_a_restarted_job_does_not_do_again_what_is_done(lsf: StandIn, farm: Farm) -> None:
    """LSB_RESTART=Y is all that LSF says of it; the id stays."""
    render(farm, shards_per_job=5)
    script = farm.run("r") / "lsf_array_job.sh"
    job = {**os.environ, "LSB_JOBID": "9", "LSB_JOBINDEX": "1"}
    for env in (job, {**job, "LSB_RESTART": "Y"}):
        with script.open() as stream:
            subprocess.run(["bash"], stdin=stream, env=env, check=True, timeout=30)
    assert [start["native_id"] for start in starts(farm)] == ["9[1]"] * 5


def test_no_text_of_the_user_becomes_a_directive(lsf: StandIn, farm: Farm) -> None:
    """LSF reads #BSUB lines wherever they stand, in here-documents too."""
    evil = "#BSUB -q 8nm\n#BSUB -J evil[1-9]\n"
    render(
        farm,
        script=f"cat >out.txt <<E\n{evil}E\n",
        arguments=[evil],
        prologue=f"cat >/dev/null <<E\n{evil}E\n",
        env={"EVIL": evil},
    )
    run = farm.run("r")
    for script in [*sorted(run.glob("shards/*/batchScript.sh")), run / "lsf_array_job.sh"]:
        assert "evil" not in script.read_text()
        shell(f"bsub < {script}")
    lsf.wait()
    names = [*(f"r.1.s{index}" for index in range(5)), "r.1.array1[1-5]"]
    assert [(job.name, job.queue) for job in lsf.jobs()] == [(name, "1nh") for name in names]
    assert [path.read_text() for path in run.glob("shards/*/*/out.txt")] == [evil] * 10


@pytest.mark.parametrize("name", ["a[1-3]", "a%2", "a b", "#BSUB", 'a"', "x" * 129])
def test_names_that_lsf_would_read_as_something_else(farm: Farm, name: str) -> None:
    """Of a run and of a shard: both become part of -J."""
    shard = json.dumps({**SPEC, "shards": 1, "shard_name": f"{name}{{{{ shard.index }}}}"})
    for words, text in ((("--run-id", name), json.dumps(SPEC)), ((), shard)):
        said = farm("render", "-", *words, "--scheduler", "lsf", code=2, stdin=text)
        assert name[:20] in said.stderr
        assert list((farm.path / "runs").glob("**/batchScript.sh")) == []


def test_jobs_that_are_not_taken_do_not_stop_the_line(lsf: StandIn, farm: Farm) -> None:
    lsf.configure(refuse=r"\.s[13]$")
    [line] = render(farm).stdout.splitlines()
    said = shell(line)
    assert said.count("is submitted to") == 3
    assert said.count("Job not submitted") == 2
    lsf.wait()
    farm("collect", "--in-place", "--records-only", "runs/r")
    assert farm.check("r")["states"] == {"planned": 2, "succeeded": 3}


@pytest.mark.parametrize("layout", ["ibm10", "lsf9", "compatible"])
def test_a_run_directory_with_a_hard_name(lsf: StandIn, farm: Farm, layout: str) -> None:
    lsf.configure(layout=layout)
    [line] = render(farm, "--out-dir", "it's a # (farm) é/ü").stdout.splitlines()
    shell(line)
    lsf.wait()
    assert lsf.mail() == {}
    run = farm.path / "it's a # (farm) é/ü/r"
    assert len(list((run / "logs" / "1" / "0").iterdir())) == 5
    farm("collect", "--in-place", "--records-only", str(run))
    farm("merge", str(run))
    assert (run / "merged.txt").read_text() == MERGED
