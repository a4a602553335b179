"""The scheduler that is none: one script a shard, started from anywhere by any of its ways."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Farm

    Toys = Callable[..., Farm]

WAYS = {
    "nohup in its directory": "cd {folder} && nohup ./batchScript.sh & wait",
    "nohup from elsewhere": "cd / && nohup {folder}/batchScript.sh >/dev/null 2>&1 & wait",
    "its relative path": "cd {folder}/.. && s1/batchScript.sh",
    "bash and its path": "bash {folder}/batchScript.sh",
    "fed to bash": "cd / && bash < {folder}/batchScript.sh",
    "fed to bash -s": "cd / && cat {folder}/batchScript.sh | bash -s",
    "fed to sh": "sh < {folder}/batchScript.sh",
}


@pytest.mark.parametrize("way", WAYS)
def test_a_batch_script_starts_by(toys: Toys, way: str) -> None:
    farm = toys()
    folder = farm.run() / "shards" / "s1"
    assert (folder / "batchScript.sh").read_bytes().startswith(b"#!/bin/bash\n")
    line = WAYS[way].format(folder=folder)
    subprocess.run(["bash", "-c", line], check=True, timeout=30, capture_output=True)
    assert farm.check(code=0)["states"] == {"planned": 3, "succeeded": 1}
    [attempt] = farm.attempts(1)
    assert (attempt / "out.txt").read_text() == "unit 1\n"


def test_the_printed_line_typed_as_it_is_from_anywhere(toys: Toys) -> None:
    farm = toys()
    said = farm("render", "--run-id", "q", "--scheduler", "nohup", "--shards", "3", "--", "true")
    assert "This starts all of them at once" in said.err
    [line] = said.out.splitlines()
    shell = subprocess.run(
        ["bash", "-c", line + "; wait"], cwd="/", check=True, timeout=30, capture_output=True
    )
    assert shell.stdout == shell.stderr == b""
    farm("collect", "--in-place", "runs/q")
    assert farm.check("q", code=0)["succeeded"] == 3
    assert all(len(row["attempts"]) == 1 for row in farm.manifest("q")["results"])


def test_by_hand_to_the_end(toys: Toys) -> None:
    farm = toys()
    for index in range(4):
        script = farm.run() / "shards" / f"s{index}" / "batchScript.sh"
        subprocess.run(["bash", str(script)], check=True, timeout=30)
    assert "4 shards: 4 succeeded" in farm("collect", "--in-place", "runs/r").out
    assert "all good" in farm("check", "runs/r").err
    farm("merge", "runs/r")
    assert (farm.run() / "merged.txt").read_text() == "".join(f"unit {i}\n" for i in range(4))


def test_the_walltime_is_the_payloads_own(toys: Toys) -> None:
    farm = toys(command=["sleep", "60"], resources={"walltime": "1s"})
    script = farm.run() / "shards" / "s0" / "batchScript.sh"
    assert subprocess.run(["bash", str(script)], check=False, timeout=30).returncode == 143
    [bad] = farm.check(code=1)["bad"]
    assert (bad["cause"], bad["state"]) == ("timeout", "failed")


def test_the_exit_code_is_the_commands(toys: Toys) -> None:
    farm = toys(command=["bash", "-c", "exit 7"])
    script = farm.run() / "shards" / "s0" / "batchScript.sh"
    assert subprocess.run(["bash", str(script)], check=False, timeout=30).returncode == 7


def test_a_moved_run_says_so_and_goes_on_from_its_new_place(toys: Toys) -> None:
    farm = toys()
    farm.job(0)
    farm.run().rename("moved")
    script = Path("moved/shards/s1/batchScript.sh")
    for call in (["bash", str(script)], ["bash", "-s"]):
        done = subprocess.run(
            call, input=script.read_text(), text=True, capture_output=True, check=False
        )
        assert done.returncode == 91
        assert f"belongs to the run at {farm.run()}" in done.stderr
        assert "farmhand run NEW-PLACE" in done.stderr
    farm.process("run", "moved")
    assert "4 succeeded" in farm("check", "moved").out
    farm("merge", "moved")


def test_a_run_copied_home_is_collected_there(toys: Toys) -> None:
    farm = toys()
    farm.job(0, 1, 2, 3)
    shutil.copytree("runs/r", "home", symlinks=True)
    shutil.rmtree("runs")
    farm("collect", "--in-place", "home")
    assert "4 succeeded" in farm("check", "home").out
    farm("merge", "home")
    assert Path("home/merged.txt").read_text().count("unit") == 4
    assert "out.txt" in farm("show", "home", "s2").out


def test_many_shards_lie_in_blocks(farm: Farm) -> None:
    words = ["--scheduler", "nohup", "--shards", "1001", "--", "true"]
    [line] = farm("render", "--run-id", "r", *words).out.splitlines()
    assert "/shards/*/*/batchScript.sh" in line
    script = farm.run() / "shards" / "1" / "s1000" / "batchScript.sh"
    subprocess.run(["bash"], input=script.read_bytes(), check=True, timeout=30, cwd="/")
    assert farm.check(code=0)["states"] == {"planned": 1000, "succeeded": 1}
    assert os.listdir(farm.run() / "shards" / "1") == ["s1000"]
