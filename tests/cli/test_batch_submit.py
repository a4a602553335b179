"""``submit -b``: each chunk once, one line each, whatever becomes of the others."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.cli.spooler import Spooler

if TYPE_CHECKING:
    from conftest import Farm

    Toys = Callable[..., Farm]

NOHUP = "nohup ./batchScript.sh &"


@pytest.fixture
def spooler(tmp_path: Path) -> Spooler:
    return Spooler.make(tmp_path / "spool dir's")


def journal(farm: Farm, number: int = 1, name: str = "r") -> list[dict[str, Any]]:
    text = (farm.run(name) / "submissions" / f"{number}.chunks.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines()]


def succeeded(farm: Farm, count: int, name: str = "r") -> None:
    """Wait until so many shards have succeeded."""
    deadline = time.monotonic() + 60
    while farm.check(name)["succeeded"] < count:
        assert time.monotonic() < deadline, farm("check", f"runs/{name}", code=None).text
        time.sleep(0.05)


def test_each_chunk_once_with_its_id(toys: Toys, spooler: Spooler) -> None:
    farm = toys()
    said = farm("submit", "runs/r", "-b", spooler.command)
    assert said.out == "".join(f"s{i}  submitted  {100 + i}\n" for i in range(4))
    assert "4 chunks submitted. Later: farmhand check runs/r" in said.err
    assert spooler.log == [(100 + i, str(farm.run() / "shards" / f"s{i}")) for i in range(4)]
    lines = journal(farm)
    assert [(line["event"], line["shard"]) for line in lines] == [
        (event, i) for i in range(4) for event in ("about to", "submitted")
    ]
    last = lines[-1]
    assert last.keys() == {"event", "shard", "time", "job", "code", "text", "command"}
    assert (last["job"], last["code"], last["command"]) == ("103", 0, spooler.command)
    assert last["text"] == "Job <103> is submitted to queue <1nh>."
    assert abs(last["time"] - time.time()) < 60

    again = farm("submit", "runs/r", "-b", spooler.command)
    assert (again.out, len(spooler.log)) == ("", 4)
    assert "4 submitted or started before; left alone\nNothing is left to submit.\n" in again.err
    spooler.run()
    assert farm.check(code=0)["succeeded"] == 4
    farm("submit", "runs/r", "-b", spooler.command)
    assert len(spooler.log) == 4


def test_what_left_records_or_succeeded_is_not_submitted(toys: Toys, spooler: Spooler) -> None:
    farm = toys(command=["bash", "-c", "echo fine >out.txt; exit $1", "x", "{{ shard.index }}"])
    farm.job(0, 1)
    said = farm("submit", "runs/r", "--batch", spooler.command)
    assert spooler.names == ["s2", "s3"]
    assert "1 submitted or started before; left alone" in said.err


def test_the_rest_goes_on_when_one_fails(toys: Toys, spooler: Spooler) -> None:
    farm = toys()
    spooler.only("s1", "refuse")
    spooler.only("s2", "mute")
    said = farm("submit", "runs/r", "-b", spooler.command, code=1)
    assert said.out.splitlines() == [
        "s0  submitted  100",
        "s1  refused    -  exit code 255: 1nx: No such queue. Job not submitted.",
        "s2  refused    -  exit code 3, and it said nothing",
        "s3  submitted  101",
    ]
    assert "not submitted: 2 refused (s1, s2)" in said.err
    told = farm("check", "runs/r").err
    assert "2 refused by the batch command: s1, s2; farmhand submit runs/r -b COMMAND" in told
    assert "2 submitted and not heard of since (" in told
    assert "): s0 (job 100), s3 (job 101)\n" in told
    spooler.only("s1", "")
    spooler.only("s2", "")
    assert farm("submit", "runs/r", "-b", spooler.command).out.splitlines() == [
        "s1  submitted  102",
        "s2  submitted  103",
    ]


@pytest.mark.parametrize(("how", "told"), [
    ("hang", "no answer within 1 s"), ("killed", "ended by signal 9"),
])  # fmt: skip
def test_what_may_have_been_submitted_is_not_submitted_by_itself(
    toys: Toys, spooler: Spooler, how: str, told: str
) -> None:
    farm = toys()
    spooler.only("s1", how)
    words = ["submit", "runs/r", "-b", spooler.command, "--timeout", "1s"]
    said = farm(*words, code=1)
    assert said.out.splitlines()[1].startswith(f"s1  doubtful   -  {told}")
    assert [line["event"] for line in journal(farm) if line["shard"] == 1] == [
        "about to", "no answer",
    ]  # fmt: skip
    assert spooler.names == ["s0", "s2", "s3"]
    spooler.only("s1", "")
    again = farm(*words, code=1)
    assert again.out == "s1  doubtful  -  may have been submitted before\n"
    assert "1 doubtful (s1)" in again.err
    assert f"farmhand submit runs/r -b {shlex.quote(spooler.command)} --doubtful" in again.err
    assert "1 that may have been submitted" in farm("check", "runs/r").err
    assert farm(*words, "--doubtful").out == "s1  submitted  103\n"
    assert len(spooler.log) == 4
    farm(*words, "--doubtful")
    assert len(spooler.log) == 4


def test_nonsense_is_no_id_and_no_success(toys: Toys, spooler: Spooler) -> None:
    farm = toys()
    spooler.only("s2", "nonsense")
    said = farm("submit", "runs/r", "-b", spooler.command)
    assert "s2  submitted  -\n" in said.out
    assert "(1 without a job id in the answer)" in said.err
    assert farm.check(code=0)["succeeded"] == 0
    farm("check", "runs/r", "--complete", code=1)


def test_a_command_that_never_works_is_not_tried_ten_thousand_times(toys: Toys) -> None:
    farm = toys(shards=4)
    said = farm("submit", "runs/r", "-b", "no-such-bsub -q 1nh", code=1)
    assert [line.split()[:2] for line in said.out.splitlines()] == [
        [f"s{i}", "refused"] for i in range(3)
    ]
    assert "1 not tried, for the command itself does not work" in said.err
    assert len(journal(farm)) == 6


def test_killed_in_the_middle_it_goes_on_with_what_is_certain(toys: Toys, spooler: Spooler) -> None:
    farm = toys()
    mine = shlex.quote(str(spooler.home / "now"))
    kill = f"test ${{PWD##*/}} != s1 || test -e {mine} || {{ touch {mine}; kill -9 $PPID; exit; }}"
    words = ["submit", "runs/r", "-b", f"{kill}; {spooler.command}"]
    assert farm.process(*words, code=-signal.SIGKILL).out == "s0  submitted  100\n"
    assert [line["event"] for line in journal(farm)] == ["about to", "submitted", "about to"]
    said = farm.process(*words, code=1)
    assert said.out.splitlines() == [
        "s1  doubtful  -  may have been submitted before",
        "s2  submitted  101",
        "s3  submitted  102",
    ]
    assert farm.process(*words, "--doubtful").out == "s1  submitted  103\n"
    assert sorted(spooler.names) == ["s0", "s1", "s2", "s3"]


def test_a_line_cut_short_hides_no_other(toys: Toys, spooler: Spooler) -> None:
    farm = toys()
    farm("submit", "runs/r", "-b", spooler.command, "--only", "s0")
    path = farm.run() / "submissions" / "1.chunks.jsonl"
    path.write_text(path.read_text() + '{"event":"subm')
    farm("submit", "runs/r", "-b", spooler.command)
    assert spooler.names == ["s0", "s1", "s2", "s3"]
    farm("submit", "runs/r", "-b", spooler.command)
    assert len(spooler.log) == 4


def test_interrupted_it_stops_after_the_one_that_runs(toys: Toys, spooler: Spooler) -> None:
    farm = toys()
    begun = spooler.home / "begun"
    command = f"touch {shlex.quote(str(begun))}; sleep 1; {spooler.command}"
    words = [sys.executable, "-m", "farmhand", "submit", "runs/r", "-b", command]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 30
    while not begun.exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert out == "s0  submitted  100\n"
    assert "stopping when the running command has answered" in err
    assert "stopped; 3 left, which the same line submits" in err
    farm("submit", "runs/r", "-b", spooler.command)
    assert spooler.names == ["s0", "s1", "s2", "s3"]


def test_a_reader_who_has_gone_stops_it_between_two_chunks(toys: Toys, spooler: Spooler) -> None:
    farm = toys()
    line = f"{sys.executable} -m farmhand submit runs/r -b {shlex.quote(spooler.command)}"
    done = subprocess.run(
        ["bash", "-c", f"{line} | head -n 1; exit ${{PIPESTATUS[0]}}"],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.stdout == "s0  submitted  100\n"
    assert all(line["event"] != "about to" for line in journal(farm)[1::2])
    farm("submit", "runs/r", "-b", spooler.command)
    assert sorted(spooler.names) == ["s0", "s1", "s2", "s3"]


def test_for_real_with_nohup_to_the_end(toys: Toys) -> None:
    farm = toys(command=["bash", "-c", "sleep 0.5; echo fine >out.txt"])
    start = time.monotonic()
    said = farm.process("submit", "runs/r", "-b", f"{NOHUP} echo $!")
    assert time.monotonic() - start < 30
    pids = [line.split() for line in said.out.splitlines()]
    assert [words[:2] for words in pids] == [[f"s{i}", "submitted"] for i in range(4)]
    assert all(words[2].isdecimal() for words in pids)
    succeeded(farm, 4)
    assert all(len(farm.attempts(i)) == 1 for i in range(4))


def test_a_run_in_a_place_with_an_odd_name(
    toys: Toys, spooler: Spooler, monkeypatch: pytest.MonkeyPatch
) -> None:
    farm = toys()
    odd = farm.path / 'it\'s $HOME `x` "y" ü'
    odd.mkdir()
    monkeypatch.chdir(odd)
    farm.path = odd
    farm("render", "--run-id", "r", "--scheduler", "nohup", "--shards", "2", "--", "true")
    lines = farm("submit", "runs/r", "-b", NOHUP, "--dry-run").out.splitlines()
    assert len(lines) == 2
    farm("submit", "runs/r", "-b", spooler.command)
    assert [place for _, place in spooler.log] == [f"{farm.run()}/shards/s{i}" for i in range(2)]
    for line in lines:
        subprocess.run(["bash", "-c", line], check=True, timeout=30, cwd="/")
    succeeded(farm, 2)


def test_only_some_by_name_or_component(farm: Farm, spooler: Spooler) -> None:
    farm.render(
        {
            "name": "c",
            "command": ["true"],
            "components": {
                "DYJets": {"work": {"count": 2}, "shards": 2},
                "TT": {"work": {"count": 3}, "shards": 3},
            },
        },
        "--scheduler",
        "nohup",
    )
    words = ["submit", "runs/r", "-b", spooler.command]
    shown = farm(*words, "--only", "TT*", "--skip", "*_s1", "--dry-run")
    assert len(shown.out.splitlines()) == 2
    assert "Nothing submitted. This would be done:" in shown.err
    assert spooler.names == []
    farm(*words, "--only", "TT", "--skip", "TT_s1")
    assert spooler.names == ["TT_s0", "TT_s2"]
    assert "did you mean 'DYJets'?" in farm(*words, "--only", "DYjet", code=2).err
    assert "--only goes with -b" in farm("submit", "runs/r", "--only", "TT", code=2).err
    farm(*words)
    assert spooler.names[2:] == ["DYJets_s0", "DYJets_s1", "TT_s1"]


def test_asked_wrongly(toys: Toys, farm: Farm) -> None:
    toys()
    assert "-b: the command is empty" in farm("submit", "runs/r", "-b", " ", code=2).err
    told = farm("submit", "runs/r", "-b", "true", "--timeout", "2", code=2).err
    assert "--timeout: " in told
    farm("render", "--run-id", "l", "--", "true")
    told = farm("submit", "runs/l", "-b", "true", code=2).err
    assert "this run is for local; it has no batchScript.sh for each chunk" in told
    assert "farmhand run runs/l" in told
    told = farm("submit", "runs/r", code=2).err
    assert "farmhand submit runs/r -b 'nohup ./batchScript.sh &'" in told


def test_a_moved_run_is_not_submitted_and_a_lost_script_is_named(
    toys: Toys, spooler: Spooler
) -> None:
    farm = toys()
    (farm.run() / "shards" / "s2" / "batchScript.sh").unlink()
    said = farm("submit", "runs/r", "-b", spooler.command, code=1)
    assert "s2  refused    -  no batchScript.sh here: No such file or directory\n" in said.out
    assert spooler.names == ["s0", "s1", "s3"]
    os.rename("runs/r", "moved")
    (Path("moved") / "submissions" / "1.chunks.jsonl").unlink()
    told = farm("submit", "moved", "-b", spooler.command, code=1).err
    assert f"its scripts were written for {farm.run()}" in told
    assert len(spooler.log) == 3


def test_two_at_once_submit_each_chunk_once(toys: Toys, spooler: Spooler) -> None:
    farm = toys()
    words = [sys.executable, "-m", "farmhand", "submit", "runs/r", "-b"]
    both = [
        subprocess.Popen([*words, f"sleep 0.2; {spooler.command}"], stdout=subprocess.PIPE)
        for _ in range(2)
    ]
    outs = [process.communicate(timeout=60)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert sorted(map(len, map(bytes.splitlines, outs))) == [0, 4]
    assert sorted(spooler.names) == ["s0", "s1", "s2", "s3"]
    del farm


def test_what_was_submitted_and_is_gone_is_redone_when_named(toys: Toys, spooler: Spooler) -> None:
    farm = toys()
    farm("submit", "runs/r", "-b", spooler.command)
    assert "again, same resources" in farm("resubmit", "runs/r", "--shards", "2").err
    assert farm("submit", "runs/r", "-b", spooler.command).out == "s2  submitted  104\n"
    assert spooler.log[-1] == (104, str(farm.run() / "resubmit-2" / "shards" / "s2"))
    spooler.run(100, 101, 103, 104)
    assert farm.check(code=0)["succeeded"] == 4
