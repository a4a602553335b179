"""How farmhand talks: data and talk apart, exit codes, terminals, pipes, closed streams, ^C."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Farm

    Toys = Callable[..., Farm]

FARMHAND = [sys.executable, "-m", "farmhand"]


def test_render_gives_only_what_to_type(farm: Farm) -> None:
    said = farm("render", "--run-id", "r", "--", "true")
    assert said.out == f"farmhand run {farm.run()}\n"
    assert said.err.endswith("Nothing submitted. Now type:\n")
    for words in (["render", "--"], ["render", "--shards", "3", "--"]):
        assert "no command follows the two dashes" in farm(*words, code=2).err
    assert farm("status", "--", "runs/r").out == "r: 1 shard: 1 planned\n"


def test_check_in_json_is_the_pinned_form(toys: Toys) -> None:
    farm = toys(command=["bash", "-c", "echo x{{ shard.index }} >&2; exit {{ shard.index }}"],
                outputs={}, merge=None)  # fmt: skip
    farm.job(0, 1, 2)
    said = farm("check", "runs/r", "--json", code=1)
    assert said.err == ""
    assert json.loads(said.out) == {
        "shards": 4,
        "succeeded": 1,
        "states": {"failed": 2, "planned": 1, "succeeded": 1},
        "bad": [
            {"shard_index": i, "name": f"s{i}", "state": "failed", "cause": "exit_code",
             "evidence": f"exit code {i}; x{i}"} for i in (1, 2)
        ],
    }  # fmt: skip


def test_check_answers_no_only_when_something_is_wrong(toys: Toys) -> None:
    farm = toys()
    assert "4 not done yet; none is bad" in farm("check", "runs/r").err
    farm("check", "--complete", "runs/r", code=1)
    farm.job(0, 1, 2, 3)
    assert "all good" in farm("check", "--complete", "runs/r").err
    assert farm("status", "runs/r").out == "r: 4 shards: 4 succeeded\n"
    assert json.loads(farm("status", "--json", "runs/r").out)["states"] == {"succeeded": 4}


@pytest.mark.parametrize("columns", ["80", "40"])
def test_the_table_of_bad_shards_fits(
    toys: Toys, monkeypatch: pytest.MonkeyPatch, columns: str
) -> None:
    story = "a long story of many words that does not fit in a line of any terminal there ever was"
    farm = toys(command=["bash", "-c", f"echo Error: {story} >&2; exit 3"], outputs={}, merge=None)
    farm.job(0, 1, 2, 3)
    monkeypatch.setenv("COLUMNS", columns)
    said = farm("check", "runs/r", code=1)
    assert max(map(len, said.out.splitlines())) <= int(columns)
    assert story in " ".join(said.out.split())
    assert "0-3" in said.out
    assert "\x1b" not in said.text


def test_show_of_every_state(toys: Toys) -> None:
    farm = toys(command=["bash", "-c", "echo one; echo two >&2; exit {{ shard.index }}"],
                outputs={}, merge=None)  # fmt: skip
    assert "planned: no record yet" in farm("show", "runs/r", "3").out
    farm.job(0, 1)
    good = farm("show", "runs/r", "s0").out
    assert "succeeded: exit code 0, no outputs declared" in good
    assert "(accepted)" in good
    assert "    | one" in good
    assert "failed (exit_code): exit code 1; two" in farm("show", "runs/r", "1").out
    shown = json.loads(farm("show", "--json", "runs/r", "1").out)
    assert shown["plan"]["seed"] == 8
    assert shown["result"]["attempts"][0]["exit_code"] == 1
    for wrong in ("4", "s9", "-1", "é", ""):
        told = farm("show", "runs/r", "--", wrong, code=2).err
        assert f"there is no shard '{wrong}'" in told
        assert "give a name, or a number from 0 to 3" in told


def test_which_run_is_meant(farm: Farm, monkeypatch: pytest.MonkeyPatch) -> None:
    farm("render", "--run-id", "one", "--", "true")
    assert "run: runs/one\n" in farm("check").err
    time.sleep(0.01)
    farm("render", "--run-id", "two", "--", "true")
    assert "run: runs/two (the newest)" in farm("check").err
    said = farm("run", code=2).err
    assert "2 runs lie here, and this verb writes: which one is meant?" in said
    assert "two, one" in said
    farm("check", "--manifest", "runs/one/manifest.json")
    monkeypatch.chdir("runs/one")
    assert farm("check").out.startswith("one: ")


def test_collect_without_in_place_writes_a_copy_and_says_how_to_use_it(toys: Toys) -> None:
    farm = toys()
    before = (farm.run() / "manifest.json").read_bytes()
    farm.job(0)
    said = farm("collect", "runs/r")
    assert "farmhand check runs/r/manifest.collected.json" in said.err
    assert (farm.run() / "manifest.json").read_bytes() == before
    farm.job(1)
    farm("collect", "runs/r")
    assert "2 succeeded" in farm("check", "runs/r/manifest.collected.json").out
    assert "farmhand check" not in farm("collect", "--out", "copy.json", "runs/r").err
    assert "copy the manifest into it" in farm("check", "copy.json", code=2).err
    manifest = str(farm.run() / "manifest.json")
    assert "say --in-place" in farm("collect", "--out", manifest, "runs/r", code=2).err
    assert "exclude each other" in farm("collect", "--in-place", "--out", "x", code=2).err
    assert (farm.run() / "manifest.json").read_bytes() == before


# --- the shell around it


def shell(farm: Farm, line: str, **env: str) -> str:
    """Run a line of bash with ``farmhand`` on PATH; return all that it prints."""
    done = subprocess.run(
        ["bash", "-c", line], cwd=farm.path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env={**os.environ, **env}, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert "Traceback" not in done.stdout
    return done.stdout


def test_a_reader_who_goes_away(farm: Farm) -> None:
    line = "farmhand schema | true; echo ${PIPESTATUS[*]}; farmhand schema | head -1; echo done"
    assert shell(farm, line) == "141 0\n{\ndone\n"


def test_closed_and_full_streams(toys: Toys) -> None:
    farm = toys()
    farm.job(0)
    before = (farm.run() / "manifest.json").read_bytes()
    assert shell(farm, "farmhand check runs/r >&-; echo $?") == "3 not done yet; none is bad\n0\n"
    assert shell(farm, "farmhand check runs/r <&- >&- 2>&-; echo $?") == "0\n"
    assert shell(farm, "farmhand check nothere 2>&-; echo $?") == "2\n"
    assert shell(farm, "farmhand check nothere 2>/dev/full; echo $?") == "2\n"
    full = shell(farm, "farmhand check runs/r --json >/dev/full; echo $?")
    assert full == "farmhand: No space left on device\n2\n"
    assert (farm.run() / "manifest.json").read_bytes() == before
    shell(farm, "farmhand collect --in-place runs/r <&- >&- 2>&-")
    assert farm.manifest()["revision"] == 2, "nothing was printed into it"


def test_text_that_the_terminal_cannot_show(toys: Toys) -> None:
    farm = toys(command=["bash", "-c", "echo 'Fehler: é☃' >&2; exit 3"])
    farm.job(0)
    said = shell(farm, "farmhand check runs/r; farmhand show runs/r 0", PYTHONIOENCODING="ascii")
    assert said.count(r"Fehler: \xe9\u2603") == 4
    assert "Fehler: é☃" in shell(farm, "farmhand check runs/r", LC_ALL="C")


def test_color_is_nobodys_duty(toys: Toys) -> None:
    farm = toys(command=["false"])
    farm.job(0)
    for env in ({"NO_COLOR": "1"}, {"FORCE_COLOR": "1"}, {"TERM": "dumb"}):
        assert "\x1b" not in shell(farm, "farmhand check runs/r", **env)


PYTHONPATHS = ["{evil}", "{evil}/", "/nowhere:{evil}:", "evil", ".", "./evil/.", "{evil}//../evil"]


@pytest.mark.parametrize("entry", PYTHONPATHS)
def test_a_pythonpath_that_holds_our_names(farm: Farm, entry: str) -> None:
    evil = farm.path / "evil"
    for name in ("renderer", "manifest", "outputs"):
        (evil / name).mkdir(parents=True)
        (evil / name / "__init__.py").write_text("raise SystemExit('theirs')")
    (evil / "pydantic.py").write_text("raise SystemExit('old')")
    (evil / "yaml.py").write_text("raise SystemExit('old')")
    path = entry.format(evil=evil)
    cd = "cd evil && " if entry == "." else ""
    line = f"{cd}farmhand render --out-dir {farm.path}/runs --run-id r -- sh -c 'echo $PYTHONPATH'"
    assert "1 shard in" in shell(farm, line, PYTHONPATH=path)
    assert "1 succeeded" in shell(farm, f"farmhand run {farm.run()}", PYTHONPATH=path)
    assert (farm.attempts()[0] / "stdout").read_text() == path + "\n", "the job still has it"


@pytest.mark.parametrize("verb", ["collect", "check", "merge"])
def test_interrupts_end_what_was_started(toys: Toys, verb: str) -> None:
    slow = ["bash", "-c", "echo $$ >>../../../checking; exec sleep 60"]
    check = {} if verb == "merge" else {"check": {"command": slow}}
    farm = toys(
        outputs={"o": {"path": "out.txt", **check}},
        merge={"kind": "command", "command": ["bash", "-c", "echo $$ >>checking; exec sleep 60",
                                              "{{ merge.output }}"]},
    )  # fmt: skip
    farm.job(0, 1, 2, 3)
    if verb == "merge":
        farm("collect", "--in-place", "runs/r")
    before = (farm.run() / "manifest.json").read_bytes()
    words = {"collect": ["collect", "--in-place"]}.get(verb, [verb])
    process = subprocess.Popen(
        [*FARMHAND, *words, "runs/r"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    pids = farm.run() / "checking"
    deadline = time.monotonic() + 20
    while not (pids.exists() and pids.read_text().endswith("\n")):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err) == (130, "", "farmhand: interrupted\n")
    assert (farm.run() / "manifest.json").read_bytes() == before
    assert not (farm.run() / "merged.out").exists()
    for pid in pids.read_text().split():
        assert not Path(f"/proc/{pid}").exists(), "nothing is left running"
    assert not list(farm.run().glob(".*.tmp*")), "nothing is left lying about"
