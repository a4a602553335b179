"""Collecting a run on the stand-in for LSF: what its reports and commands say, shard by shard."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.round_trip.conftest import Farm

if TYPE_CHECKING:
    from tests.clusters.lsf.stand_in import StandIn

SPEC: dict[str, Any] = {
    "name": "toys",
    "work": {"count": 6, "seed": 7},
    "shards": 6,
    "script": """
case $FARMHAND_SHARD_INDEX in
  1) exit 3 ;;
  2) trap 'echo done >out.txt; exit 0' TERM USR2; while :; do sleep 0.1; done ;;
  3) kill -KILL $$ ;;
  4 | 5) sleep 60 ;;
esac
echo done >out.txt
""",
    "outputs": {"o": {"path": "out.txt"}},
    "resources": {"walltime": "1m", "memory": "200 MB"},
}
QUIET: dict[str, Any] = {**SPEC, "script": "echo done >out.txt\n"}
WAITS: dict[str, Any] = {**SPEC, "script": "sleep 60\n"}
# Of what differs only by the layout of a report, one layout is quick.
LAYOUTS = [
    "ibm10",
    *(pytest.param(name, marks=pytest.mark.slow) for name in ("lsf9", "compatible")),
]


@pytest.fixture
def farm(tmp_path: Path) -> Farm:
    return Farm(tmp_path)


def render(farm: Farm, spec: dict[str, Any]) -> Path:
    farm("render", "-", "--run-id", "r", "--scheduler", "lsf", stdin=json.dumps(spec))
    return farm.run("r")


def submit(run: Path, *shards: int) -> None:
    for shard in shards:
        with (run / "shards" / f"s{shard}" / "batchScript.sh").open("rb") as script:
            subprocess.run(["bsub"], stdin=script, check=True, capture_output=True)


def array(run: Path) -> None:
    with (run / "lsf_array_job.sh").open("rb") as script:
        subprocess.run(["bsub"], stdin=script, check=True, capture_output=True)


def collected(farm: Farm, *words: str) -> dict[int, tuple[str, str | None]]:
    farm("collect", "--in-place", *words, "runs/r")
    return {
        result["shard_index"]: (result["state"], result["cause"])
        for result in farm.manifest("r")["results"]
    }


def evidence(farm: Farm, shard: int) -> str:
    text: str = farm.manifest("r")["results"][shard]["evidence"]
    return text


def attempts(farm: Farm, shard: int) -> int:
    return len(farm.manifest("r")["results"][shard]["attempts"])


def until(lsf: StandIn, native_id: str, *states: str) -> None:
    deadline = time.monotonic() + 60
    while lsf.states()[native_id].stat not in states:
        assert time.monotonic() < deadline, lsf.states()
        time.sleep(0.02)


TERM = "job report: TERM_RUNLIMIT: job killed after reaching LSF run time limit"


@pytest.mark.parametrize(
    ("layout", "as_array"), [("ibm10", False), ("lsf9", True), ("compatible", False)]
)
def test_every_shard_says_how_it_ended(
    lsf: StandIn, farm: Farm, layout: str, as_array: bool
) -> None:
    lsf.configure(layout=layout, slots=6, minute_s=3.0, kill_interval_s=0.3)
    run = render(farm, SPEC)
    if as_array:
        array(run)
    else:
        submit(run, *range(6))
    native = "1[6]" if as_array else "6"
    until(lsf, native, "RUN")
    subprocess.run(["bkill", native], check=True, capture_output=True)
    lsf.wait()
    assert collected(farm) == {
        0: ("succeeded", None),
        1: ("failed", "exit_code"),
        2: ("unknown", "disagree"),  # at its run limit, it said 0
        3: ("failed", "signal"),
        4: ("failed", "timeout"),
        5: ("cancelled", "cancelled"),
    }
    told = [evidence(farm, shard) for shard in range(6)]
    if layout == "compatible":  # it gives no reasons
        assert told[2].startswith("the record says exit code 0, but LSF had told it to stop")
        assert "of 1m00s, warned of its end" in told[4]
    else:
        assert told[2].startswith(f"the record says exit code 0, {TERM}, although LSF calls it ")
        assert told[4].startswith(f"{TERM}, exit code 143 (SIGTERM?), ran ")
        assert told[5].startswith("job report: TERM_OWNER: job killed by owner, exit code 1")
    assert [attempts(farm, shard) for shard in range(6)] == [1] * 6
    submission = farm.manifest("r")["submissions"][0]
    assert submission["native_ids"] == (["1"] if as_array else [str(n) for n in range(1, 7)])


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_killed_job_that_says_all_is_well(lsf: StandIn, farm: Farm, layout: str) -> None:
    """It traps the signal and ends with 0, so that LSF calls it done."""
    lsf.configure(layout=layout)
    trap = "trap 'echo done >out.txt; exit 0' INT TERM; touch there; while :; do sleep 0.1; done\n"
    run = render(farm, {**QUIET, "script": trap})
    submit(run, 0)
    deadline = time.monotonic() + 60
    while not list(run.glob("shards/s0/*/there")):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    subprocess.run(["bkill", "1"], check=True, capture_output=True)
    lsf.wait()
    assert lsf.states()["1"].stat == "DONE"
    assert collected(farm)[0] == ("cancelled", "cancelled")
    reason = "job report: TERM_OWNER: job killed by owner, although LSF calls it done"
    told = "stopped by SIGINT" if layout == "compatible" else reason
    assert evidence(farm, 0).startswith(told)
    assert [bad["shard_index"] for bad in farm.check("r", code=1)["bad"]] == [0]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_report_that_was_cut_says_nothing_of_the_end(
    lsf: StandIn, farm: Farm, layout: str
) -> None:
    lsf.configure(layout=layout)
    run = render(farm, {**QUIET, "script": "echo done >out.txt; exit $FARMHAND_SHARD_INDEX"})
    submit(run, 0, 1, 2)
    lsf.wait()
    whole = {}
    for shard in range(3):
        path = run / "logs" / "1" / "0" / f"s{shard}.{shard + 1}.out"
        whole[path] = path.read_bytes()
        path.write_bytes(whole[path].partition(b"The output (if any)")[0])
    for record in (run / "records" / "0").glob("2.*"):
        record.unlink()  # of this one there is nothing else
    found = collected(farm, "--records-only")
    assert (found[0], found[1]) == (("succeeded", None), ("failed", "exit_code"))
    assert found[2] == ("unknown", None)
    assert evidence(farm, 2).startswith("cut")
    for path, data in whole.items():  # the disk had been full; now it has come
        path.write_bytes(data)
    assert collected(farm, "--records-only")[2] == ("unknown", None)
    assert evidence(farm, 2).startswith("job report: Exited with exit code 2; it ended moments ago")
    assert attempts(farm, 2) == 1


def test_reports_behind_the_output_are_read_too(lsf: StandIn, farm: Farm) -> None:
    lsf.configure(direct=True, slots=6)
    run = render(farm, {**QUIET, "script": "echo done >out.txt; exit $FARMHAND_SHARD_INDEX"})
    submit(run, 0, 1)
    lsf.wait()
    log = run / "logs" / "1" / "0" / "s1.2.out"
    log.write_text("Successfully completed.\nExited with exit code 0.\n" + log.read_text())
    found = collected(farm)
    assert (found[0], found[1]) == (("succeeded", None), ("failed", "exit_code"))
    said = [a["observed"]["state"] for a in farm.manifest("r")["results"][1]["attempts"]]
    assert said == ["Exited with exit code 1"]


def test_what_lives_is_known_from_the_queue(lsf: StandIn, farm: Farm) -> None:
    lsf.configure(slots=1)
    run = render(farm, WAITS)
    submit(run, 0, 1, 2)
    until(lsf, "1", "RUN")
    wait_for_records(run, 1)
    alter(lsf, 3, stat="PSUSP")
    found = collected(farm)
    assert [found[shard] for shard in range(4)] == [
        ("running", None),
        ("pending", None),
        ("held", "held_policy"),
        ("planned", None),
    ]
    assert evidence(farm, 1).startswith("PEND; Waiting for a free slot (bjobs, ")
    assert evidence(farm, 2).endswith("bresume '3' lets it go on")
    assert collected(farm) == found


@pytest.mark.parametrize("state", ["UNKWN", "ZOMBI"])
def test_what_lsf_has_lost_sight_of_is_not_lost(lsf: StandIn, farm: Farm, state: str) -> None:
    run = render(farm, WAITS)
    submit(run, 0)
    until(lsf, "1", "RUN")
    wait_for_records(run, 1)
    alter(lsf, 1, stat=state)
    assert collected(farm)[0] == ("unknown", None)
    assert evidence(farm, 0).startswith(f"{state} on lsfhost; ")
    assert farm.check("r")["bad"] == []
    assert attempts(farm, 0) == 1
    alter(lsf, 1, stat="RUN")
    assert collected(farm)[0] == ("running", None)


def test_a_job_killed_while_it_waited_leaves_no_file(lsf: StandIn, farm: Farm) -> None:
    lsf.configure(slots=1)
    run = render(farm, WAITS)
    submit(run, 0, 1)
    until(lsf, "1", "RUN")
    subprocess.run(["bkill", "2"], check=True, capture_output=True)
    until(lsf, "2", "EXIT")
    assert not (run / "logs" / "1" / "0" / "s1.2.out").exists()
    assert collected(farm)[1] == ("cancelled", "cancelled")
    assert evidence(farm, 1).startswith("bjobs: EXIT, TERM_OWNER: job killed by owner")
    lsf.configure(slots=1, clean_period_s=0)  # bjobs forgets it; bhist does not
    assert collected(farm)[1] == ("cancelled", "cancelled")
    assert evidence(farm, 1).startswith("bhist: TERM_OWNER: job killed by owner")
    assert attempts(farm, 1) == 1


def test_a_job_of_which_only_the_journal_knows(lsf: StandIn, farm: Farm) -> None:
    """Killed while pending, or reported by mail: nothing says that it failed."""
    run = render(farm, QUIET)
    journal(run, shard=0, job="4711", time=time.time() - 3600)
    journal(run, shard=1, job="4712", time=time.time())
    found = collected(farm, "--records-only")
    assert (found[0], found[1], found[2]) == (("unknown", None),) * 2 + (("planned", None),)
    assert evidence(farm, 0).startswith("submitted; no record and no report of it: it waits, or ")
    found = collected(farm)  # LSF does not know them: the first one for sure
    assert (found[0], found[1]) == (("lost", "vanished"), ("unknown", None))
    assert evidence(farm, 0).startswith("bjobs: gone, bjobs does not know it any more")
    assert farm.check("r", code=1)["bad"][0]["shard_index"] == 0


def test_without_an_answer_nothing_is_concluded(
    lsf: StandIn, farm: Farm, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = render(farm, QUIET)
    journal(run, shard=0, job="4711", time=time.time() - 3600)
    submit(run, 1)
    lsf.wait()
    commands = farm.path / "bin"
    commands.mkdir()
    monkeypatch.setenv("PATH", f"{commands}{os.pathsep}{os.environ['PATH']}")
    for text, said in (
        ("echo 'Cannot connect to LSF. Please wait ...'; sleep 60", "did not answer within 1 s"),
        ("echo 'LSF is down. Please wait ...' >&2; exit 255", "LSF is down"),
        ("echo garbage; exit 0", "1 of the jobs that bjobs listed could not be read; going by"),
    ):
        (commands / "bjobs").write_text(f"#!/bin/sh\n{text}\n")
        (commands / "bjobs").chmod(0o755)
        monkeypatch.setenv("FARMHAND_SCHEDULER_TIMEOUT", "1")
        done = farm("collect", "--in-place", "runs/r")
        assert said in done.stderr
        assert "going by records and job reports" in done.stderr
        states = [result["state"] for result in farm.manifest("r")["results"]]
        assert states == ["unknown", "succeeded", *["planned"] * 4]


def test_lines_before_the_answer_are_passed_over(lsf: StandIn, farm: Farm) -> None:
    lsf.configure(please_wait=True, slots=1)
    run = render(farm, WAITS)
    submit(run, 0, 1)
    until(lsf, "1", "RUN")
    found = collected(farm)
    assert (found[0], found[1]) == (("running", None), ("pending", None))


def test_an_lsf_without_json_is_asked_for_a_table(
    lsf: StandIn, farm: Farm, monkeypatch: pytest.MonkeyPatch
) -> None:
    lsf.configure(slots=1)
    run = render(farm, WAITS)
    submit(run, 0, 1)
    until(lsf, "1", "RUN")
    commands = farm.path / "bin"
    commands.mkdir()
    real = shutil.which("bjobs")
    (commands / "bjobs").write_text(
        "#!/bin/sh\n"
        'case "$*" in *-json*) echo "bjobs: illegal option -- json" >&2; exit 255 ;; esac\n'
        f'exec "{real}" "$@"\n'
    )
    (commands / "bjobs").chmod(0o755)
    monkeypatch.setenv("PATH", f"{commands}{os.pathsep}{os.environ['PATH']}")
    done = farm("collect", "--in-place", "runs/r")
    assert done.stderr.startswith("updated")
    states = [result["state"] for result in farm.manifest("r")["results"]]
    assert states[:2] == ["running", "pending"]


def test_reports_are_opened_once(lsf: StandIn, farm: Farm) -> None:
    lsf.configure(slots=6)
    run = render(farm, QUIET)
    array(run)
    lsf.wait()
    found = collected(farm)
    assert set(found.values()) == {("succeeded", None)}
    before = (run / "manifest.json").read_bytes()
    for report in (run / "logs").rglob("*.out"):
        report.write_bytes(b"this would show if it were read")
    assert collected(farm) == found
    assert (run / "manifest.json").read_bytes() == before


def test_a_job_that_is_started_again_is_read_again(lsf: StandIn, farm: Farm) -> None:
    run = render(farm, {**QUIET, "script": "exit 3"})
    submit(run, 0)
    lsf.wait()
    assert collected(farm)[0] == ("failed", "exit_code")
    [record] = (run / "records" / "0").iterdir()
    shard, native, epoch, token, end = record.name.split(".")
    later = int(epoch) + 3600
    text = record.read_text().replace('"exit_code":3', '"exit_code":4')
    text = text.replace(f'"time":{epoch}', f'"time":{later}')
    lines = [json.loads(line) for line in text.splitlines()]
    lines[1]["time"] = lines[0]["time"] + 1
    again = ".".join((shard, native, str(later), token, end))
    (run / "records" / "0" / again).write_text("".join(json.dumps(one) + "\n" for one in lines))
    log = run / "logs" / "1" / "0" / "s0.1.out"
    first = log.read_text()
    second = first.replace("exit code 3", "exit code 4")
    for line in first.splitlines():
        if line.startswith(("Started at ", "Terminated at ", "Results reported at ")):
            word, _, date = line.partition(" at ")
            at = time.mktime(time.strptime(date, "%a %b %d %H:%M:%S %Y")) + 3600
            moved = time.strftime("%a %b %d %H:%M:%S %Y", time.localtime(at))
            second = second.replace(line, f"{word} at {moved}")
    log.write_text(first + second)
    assert collected(farm)[0] == ("failed", "exit_code")
    told = farm.manifest("r")["results"][0]["attempts"]
    assert [(one["exit_code"], one["observed"]["code"]) for one in told] == [(3, 3), (4, 4)]


def journal(run: Path, **line: Any) -> None:
    said = {"event": "submitted", "code": 0, "text": "", "command": "bsub"}
    with (run / "submissions" / "1.chunks.jsonl").open("a") as stream:
        stream.write(json.dumps(said | line) + "\n")


def alter(lsf: StandIn, job: int, **changes: Any) -> None:
    lsf.spool.put(job, 0, replace(lsf.spool.state(job, 0), **changes))


def wait_for_records(run: Path, number: int) -> None:
    deadline = time.monotonic() + 60
    while len(list((run / "records" / "0").iterdir())) < number:
        assert time.monotonic() < deadline
        time.sleep(0.02)
