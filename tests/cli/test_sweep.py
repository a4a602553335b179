"""Sweeps on this machine: rendered, run one after the other, merged, compared and summarized."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.clusters.daemons import poll
from tests.dying_before import was_killed, words_to_die

if TYPE_CHECKING:
    from conftest import Farm

# A line a unit of work, from its seed: the same work gives the same lines however it is cut.
SCRIPT = """
for ((i = 0; i < FARMHAND_SHARD_SIZE; i++)); do
  x=$(((FARMHAND_SHARD_SEED + i) * 7 % 13))
  echo "{\\"unit\\": $((FARMHAND_SHARD_START + i)), \\"x\\": $x}"
done >"$1"
"""
SPEC: dict[str, Any] = {
    "name": "draws",
    "work": {"count": "24", "seed": "42"},
    "script": SCRIPT,
    "arguments": ["{{ outputs.r }}"],
    "outputs": {"r": "r.jsonl"},
    "merge": {"kind": "json-lines"},
}
FILE = "runs/s.sweep.json"


def render(farm: Farm, shards: str, *words: str, code: int = 0, **changes: Any) -> Any:
    (farm.path / "farmhand.yaml").write_text(json.dumps(SPEC | changes))
    return farm("sweep", "render", "--shards", shards, "--sweep-id", "s", *words, code=code)


def merged(farm: Farm) -> dict[str, bytes]:
    return {path.parent.name: path.read_bytes() for path in farm.path.glob("runs/s/*/merged.jsonl")}


def attempts(farm: Farm) -> dict[str, int]:
    """Records of each run: one for each attempt."""
    found: dict[str, int] = {}
    for path in farm.path.glob("runs/s/*/records/*/*.jsonl"):
        name = path.relative_to(farm.path / "runs/s").parts[0]
        found[name] = found.get(name, 0) + 1
    return found


def test_a_sweep_with_repeats_from_spec_to_table(farm: Farm) -> None:
    done = render(farm, "1,2,4,8", "--repeats", "2", "--warm-up")
    assert done.out == f"farmhand sweep submit {FILE}\n"
    assert attempts(farm) == {}, "nothing is submitted by a render"
    names = [f"s_sh{n}_r{r}" for r in (1, 2) for n in (1, 2, 4, 8)]
    said = farm("sweep", "submit", FILE)
    ran = re.findall(r"^(\w+) \(\d of 9\):$", said.err, re.MULTILINE)
    assert ran == ["s_warm", *names], "the warm-up first, then numbers of shards take turns"
    assert "the merged results of all 9 runs agree" in said.out
    assert attempts(farm) == {"s_warm": 8} | {name: int(name[4]) for name in names}
    results = merged(farm)
    assert set(results) == {"s_warm", *names}
    assert len(set(results.values())) == 1
    assert results["s_warm"].count(b"\n") == 24
    outs = ("--out-md", "t.md", "--out-csv", "t.csv", "--out-json", "t.json", "--plot", "t.png")
    text = farm("sweep", "summarize", FILE, *outs).out
    assert max(map(len, text.splitlines())) <= 80
    assert "the merged results of all 9 runs agree" in text
    data = json.loads((farm.path / "t.json").read_bytes())
    assert [one["shards"] for one in data["runs"]] == [1, 1, 2, 2, 4, 4, 8, 8]
    assert all(one["succeeded"] == one["shards"] for one in data["runs"])
    for one in data["runs"]:
        assert one["throughput"] == pytest.approx(24 / one["wall_s"])
        assert one["wall_s"] >= one["makespan_s"] > 0
        assert one["queue_wait_s"] is None, "there is no queue here"
    assert [point["complete"] for point in data["points"]] == [2, 2, 2, 2]
    lines = list(csv.DictReader((farm.path / "t.csv").read_text().splitlines()))
    assert [line["run"] for line in lines] == [one["run"] for one in data["runs"]]
    assert (farm.path / "t.md").read_text().startswith("# Sweep s\n")
    assert (farm.path / "t.png").read_bytes().startswith(b"\x89PNG")


def test_typed_again_nothing_runs_again(farm: Farm) -> None:
    render(farm, "1,3")
    farm("sweep", "submit", FILE)
    before = {path: path.stat().st_mtime_ns for path in farm.path.glob("runs/s/*/merged.jsonl")}
    said = farm("sweep", "submit", "runs/s")
    assert "to run" not in said.err
    assert attempts(farm) == {"s_sh1": 1, "s_sh3": 3}
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_a_result_that_is_older_than_what_is_known_is_merged_again(farm: Farm) -> None:
    render(farm, "1,2")
    farm("sweep", "submit", FILE)
    stale = farm.path / "runs/s/s_sh2/merged.jsonl"
    stale.write_text("of another day\n")
    os.utime(stale, (1, 1))
    assert farm("sweep", "merge", FILE).out == (
        "s_sh2: merged\nthe merged results of all 2 runs agree\n"
    )


def test_a_point_whose_jobs_all_fail(farm: Farm) -> None:
    """It is said with its cause, the others are done, and it counts for nothing in the table."""
    fails = '[ "$FARMHAND_SHARD_TOTAL" != 2 ] || { echo no disk >&2; exit 7; }\n' + SCRIPT
    render(farm, "1,2,4", script=fails)
    said = farm("sweep", "submit", FILE, code=1)
    assert "s_sh2: 2 shards: 2 failed" in said.out
    assert "2 of 3 runs done; not done: s_sh2" in said.out
    assert re.search(r"2  failed +exit_code +0-1\n.*exit code 7; no disk", said.err)
    assert set(merged(farm)) == {"s_sh1", "s_sh4"}
    again = farm("sweep", "submit", FILE, code=1)
    assert "to run" not in again.err, "what has failed is for resubmit, and not run by itself"
    assert attempts(farm) == {"s_sh1": 1, "s_sh2": 2, "s_sh4": 4}
    data = json.loads(farm("sweep", "summarize", FILE, "--json").out)
    (bad,) = [one for one in data["runs"] if one["shards"] == 2]
    assert bad["marks"] == ["incomplete"]
    assert (bad["throughput"], bad["efficiency"], bad["work_done"]) == (None, None, 0)
    told = farm("sweep", "merge", FILE, code=1)
    assert "s_sh2: not merged: 2 shards: 2 failed" in told.out
    assert "the merged results of all 2 runs agree" in told.out


def test_throughput_is_of_what_was_done_and_not_of_what_was_planned(farm: Farm) -> None:
    fails = '[ "$FARMHAND_SHARD_INDEX" != 0 ] || exit 7\n' + SCRIPT
    render(farm, "4", script=fails)
    farm("sweep", "submit", FILE, code=1)
    (one,) = json.loads(farm("sweep", "summarize", FILE, "--json").out)["runs"]
    assert (one["succeeded"], one["work_done"]) == (3, 18)
    assert one["throughput"] == pytest.approx(18 / one["wall_s"])


def test_a_failed_point_that_is_resubmitted_is_gone_on_with(farm: Farm) -> None:
    fails = f'[ "$FARMHAND_SHARD_TOTAL" != 2 ] || [ -e "{farm.path}/mended" ] || exit 7\n'
    render(farm, "1,2", script=fails + SCRIPT)
    farm("sweep", "submit", FILE, code=1)
    (farm.path / "mended").touch()
    farm("resubmit", "--execute", "runs/s/s_sh2")
    farm("sweep", "submit", FILE)
    assert len(set(merged(farm).values())) == 1
    data = json.loads(farm("sweep", "summarize", FILE, "--json").out)
    assert [one["retries"] for one in data["runs"]] == [0, 2]


def test_results_that_differ_are_named(farm: Farm) -> None:
    """A command that counts shards where it should count units."""
    wrong = "FARMHAND_SHARD_SEED=$((FARMHAND_SHARD_SEED + (FARMHAND_SHARD_TOTAL == 4)))\n" + SCRIPT
    render(farm, "1,2,4", script=wrong)
    said = farm("sweep", "submit", FILE, code=1)
    assert "the merged results of 1 of 3 runs differ from s_sh1" in said.out
    assert re.search(r's_sh4: line 1: \'\{"unit": 0, "x": 8\}\' and ', said.err)
    assert farm("sweep", "merge", FILE, code=1).out == (
        "the merged results of 1 of 3 runs differ from s_sh1\n"
    )
    data = json.loads(farm("sweep", "summarize", FILE, "--json").out)
    assert [one["marks"] for one in data["runs"] if one["shards"] == 4] == [["differs"]]


def test_seeds_of_independent_streams_are_not_compared(farm: Farm) -> None:
    done = render(farm, "1,2", work={"count": "24", "seed": {"spawn": "1"}})
    assert "results differ and are not compared" in done.err
    said = farm("sweep", "submit", FILE)
    assert "not compared: seeds are spawned for each shard" in said.err


def test_runs_submitted_by_hand_are_collected_and_merged(farm: Farm) -> None:
    render(farm, "1,2", "--scheduler", "nohup")
    assert "-b 'nohup" in farm("sweep", "submit", FILE, code=2).err
    for script in sorted(farm.path.glob("runs/s/*/shards/*/batchScript.sh")):
        subprocess.run([script], check=True, stdin=subprocess.DEVNULL)
    assert "farmhand sweep collect" in farm("sweep", "merge", FILE, code=2).err
    assert farm("sweep", "collect", FILE).out == (
        "s_sh1: 1 shard: 1 succeeded\ns_sh2: 2 shards: 2 succeeded\n"
    )
    assert "the merged results of all 2 runs agree" in farm("sweep", "merge", FILE).out


def test_nohup_with_a_command_of_the_users(farm: Farm) -> None:
    render(farm, "1,2", "--scheduler", "nohup")
    batch = ("-b", "nohup ./batchScript.sh >/dev/null 2>&1 &", "--poll-s", "0.2")
    said = farm.process("sweep", "submit", FILE, *batch)
    assert "the merged results of all 2 runs agree" in said.out
    assert attempts(farm) == {"s_sh1": 1, "s_sh2": 2}


def test_a_run_that_is_not_over_when_time_is_up_stops_the_sweep(farm: Farm) -> None:
    """The next would be disturbed by it; typed again, the sweep goes on."""
    waits = f'until [ -e "{farm.path}/go" ]; do sleep 0.05; done\n' + SCRIPT
    render(farm, "1,2", "--scheduler", "nohup", script=waits)
    batch = ("-b", "nohup ./batchScript.sh >/dev/null 2>&1 &", "--poll-s", "0.1")
    said = farm.process("sweep", "submit", FILE, *batch, "--timeout", "1s", code=1)
    assert "s_sh1 (1 of 2) is not over when time is up" in said.err
    assert attempts(farm) == {"s_sh1": 1}
    (farm.path / "go").touch()
    farm.process("sweep", "submit", FILE, *batch)
    assert attempts(farm) == {"s_sh1": 1, "s_sh2": 2}


def test_a_sweep_that_was_moved_is_summarized_where_it_is(farm: Farm) -> None:
    render(farm, "1,2")
    farm("sweep", "submit", FILE)
    (farm.path / "runs").rename(farm.path / "elsewhere")
    text = farm("sweep", "summarize", "elsewhere/s.sweep.json").out
    assert "elsewhere/s/s_sh2" in text
    os.rename(farm.path / "elsewhere/s/s_sh2", farm.path / "lost")
    text = farm("sweep", "summarize", "elsewhere/s").out
    assert "elsewhere/s/s_sh2 (not there)" in text
    assert "a run of this sweep is not there" in farm("sweep", "submit", "elsewhere/s", code=2).err


@pytest.mark.parametrize(
    ("shards", "words", "told"),
    [
        ("1,2,2", (), "2 stands there twice"),
        ("1,25", (), "25 shards of 24 units: 1 would be empty"),
        ("0,1", (), "'0' is not a number of shards"),
        ("1,2", ("--set", "shards=3"), "--set shards contradicts --shards"),
        ("1,2", ("--scheduler", "slrum"), "did you mean 'slurm'?"),
        ("1,2", ("--mode", "shared"), "local has only one"),
        ("1,2", ("--repeats", "0"), "Invalid value for '--repeats'"),
        ("1,2", ("--sweep-id", "a/b"), "not safe as a file name"),
        ("1,2", ("--sweep-id", "s" * 125), "128"),
    ],
)
def test_sweeps_that_are_refused(
    farm: Farm, shards: str, words: tuple[str, ...], told: str
) -> None:
    assert told in render(farm, shards, *words, code=2).err
    assert not (farm.path / "runs").exists()


def test_work_that_is_not_cut_by_a_number_of_shards(farm: Farm) -> None:
    for number in range(6):
        (farm.path / f"{number}.dat").touch()
    said = render(farm, "2,4", work={"files": ["*.dat"], "files_per_chunk": "3"}, code=2)
    assert "work comes to 2 shards where 4 are asked for" in said.err
    assert not (farm.path / "runs").exists()


def test_outputs_with_a_destination_would_meet(farm: Farm) -> None:
    output = {"r": {"path": "r.jsonl", "destination": f"{farm.path}/kept/{{{{ shard.name }}}}"}}
    said = render(farm, "1,2", outputs=output, merge={"kind": "json-lines"}, code=2)
    assert "outputs.r has a destination" in said.err


def test_a_name_that_is_taken(farm: Farm) -> None:
    render(farm, "1,2")
    said = render(farm, "1,2", code=2)
    assert "'s' exists, and nothing is ever overwritten" in said.err
    assert f"farmhand sweep submit {FILE}" in said.err
    (farm.path / FILE).unlink()
    assert "if a sweep render was cut short, remove it" in render(farm, "1,2", code=2).err


@pytest.mark.parametrize("verb", ["submit", "collect", "merge", "summarize"])
def test_a_sweep_file_of_another_version(farm: Farm, verb: str) -> None:
    render(farm, "1")
    path = farm.path / FILE
    path.write_text(path.read_text().replace("farmhand.sweep/1", "farmhand.sweep/9"))
    said = farm("sweep", verb, FILE, code=2).err
    assert "has the schema 'farmhand.sweep/9'; this farmhand reads 'farmhand.sweep/1'" in said
    assert "cannot be read: No such file" in farm("sweep", verb, "runs/x", code=2).err


def test_other_bad_words(farm: Farm) -> None:
    render(farm, "1")
    assert "there is no sweep verb 'sumbit'; did you mean 'submit'?" in (
        farm("sweep", "sumbit", code=2).err
    )
    assert (
        "--min-efficiency" in farm("sweep", "summarize", FILE, "--min-efficiency", "7", code=2).err
    )
    assert "'p.jpg'" in farm("sweep", "summarize", FILE, "--plot", "p.jpg", code=2).err
    assert "--timeout: " in farm("sweep", "submit", FILE, "--timeout", "soon", code=2).err


def test_two_at_once(farm: Farm) -> None:
    waits = f'touch "{farm.path}/began"; until [ -e "{farm.path}/go" ]; do sleep 0.05; done\n'
    render(farm, "1", script=waits + SCRIPT)
    first = start(farm)
    poll((farm.path / "began").exists, "the first to begin", 30)
    assert "another farmhand is running this sweep" in farm("sweep", "submit", FILE, code=1).err
    (farm.path / "go").touch()
    _, said = first.communicate(timeout=60)
    assert first.returncode == 0, said
    assert attempts(farm) == {"s_sh1": 1}


def start(farm: Farm) -> subprocess.Popen[bytes]:
    words = [sys.executable, "-m", "farmhand", "sweep", "submit", FILE]
    return subprocess.Popen(words, cwd=farm.path, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)


def test_interrupted_and_typed_again(farm: Farm) -> None:
    """^C ends the run that is at work; what was done before is not done again."""
    waits = f'[ "$FARMHAND_SHARD_TOTAL" = 1 ] || [ -e "{farm.path}/go" ] || '
    waits += f'{{ touch "{farm.path}/began"; exec sleep 60; }}\n'
    render(farm, "1,2", script=waits + SCRIPT)
    first = start(farm)
    poll((farm.path / "began").exists, "the second run to begin", 30)
    first.send_signal(signal.SIGINT)
    _, said = first.communicate(timeout=30)
    assert first.returncode == 130
    assert b"Go on with: farmhand sweep submit runs/s.sweep.json" in said
    (farm.path / "go").touch()
    farm("sweep", "submit", FILE)
    assert attempts(farm)["s_sh1"] == 1
    assert len(set(merged(farm).values())) == 1


def test_killed_while_jobs_run_they_are_not_started_again(farm: Farm) -> None:
    waits = f'touch "{farm.path}/began"; until [ -e "{farm.path}/go" ]; do sleep 0.05; done\n'
    render(farm, "1,2", script=waits + SCRIPT)
    first = start(farm)
    poll((farm.path / "began").exists, "the first run to begin", 30)
    first.kill()
    first.communicate()
    second = start(farm)
    log = farm.path / "runs/s/s_sh1/logs/pool.jsonl"
    log.unlink(missing_ok=True)
    poll(log.exists, "the second pool to begin", 30)
    (farm.path / "go").touch()
    _, said = second.communicate(timeout=60)
    assert second.returncode == 0, said
    assert b"still running from before" in said
    assert attempts(farm) == {"s_sh1": 1, "s_sh2": 2}


def killed_before(farm: Farm, name: str, number: int) -> str | None:
    """Type sweep submit, to be killed before a step; says which, or None: there was none."""
    words = words_to_die(name, number, "sweep", "submit", FILE)
    done = subprocess.run(words, cwd=farm.path, capture_output=True, text=True, check=False)
    return was_killed(done)


NAMED = [
    ("lock", 0),
    ("lock", 1),
    ("bash", 0),
    ("bash", 1),
    ("manifest.json", 0),
    ("merged.jsonl", 0),
    ("merged.jsonl.merge.json", 0),
    ("bash", 2),
    ("manifest.json", 1),
    ("merged.jsonl", 1),
]


@pytest.mark.parametrize(("name", "number"), NAMED)
def test_killed_before_a_named_step_each_shard_runs_once(
    farm: Farm, name: str, number: int
) -> None:
    render(farm, "1,2")
    assert killed_before(farm, name, number) == name
    farm("sweep", "submit", FILE)
    assert attempts(farm) == {"s_sh1": 1, "s_sh2": 2}
    assert len(set(merged(farm).values())) == 1
    assert "all 2 runs agree" in farm("sweep", "merge", FILE).out


@pytest.mark.slow
def test_killed_before_every_step_in_turn(farm: Farm) -> None:
    """The same sweep again and again, a step later each time, until there is nothing left to do."""
    render(farm, "1,2")
    step = 0
    while killed_before(farm, "", step):
        step += 1
    assert step > 3
    assert attempts(farm) == {"s_sh1": 1, "s_sh2": 2}
    assert len(set(merged(farm).values())) == 1


@pytest.mark.slow
def test_a_render_killed_before_each_name_of_a_file(farm: Farm) -> None:
    """There is a sweep file only where all runs are whole."""
    (farm.path / "farmhand.yaml").write_text(json.dumps(SPEC))
    step, seen = 0, []
    while True:
        words = ("sweep", "render", "--shards", "1,2", "--sweep-id", f"s{step}")
        words_now = words_to_die("", step, *words)
        done = subprocess.run(words_now, cwd=farm.path, capture_output=True, text=True, check=False)
        name = was_killed(done)
        assert (farm.path / f"runs/s{step}.sweep.json").exists() == (name is None)
        if name is None:
            break
        seen.append(name)
        step += 1
    assert seen[-1] == f"s{step - 1}.sweep.json"
    farm("sweep", "submit", f"runs/s{step}")
