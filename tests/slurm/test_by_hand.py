"""sbatch typed twice, for a part of an array, or for more than it has."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.slurm import by_hand
from tests.slurm.by_hand import SHARDS
from tests.slurm.season import once

if TYPE_CHECKING:
    from tests.clusters.slurm import Slurm
    from tests.slurm.season import Told


@pytest.fixture(scope="module")
def told(slurm_home: Path, slurm: Slurm) -> Told:
    return once(slurm_home, "by-hand", lambda: by_hand.play(slurm))


def states(told: Told, name: str) -> list[str]:
    return [row["state"] for row in told[name]]


def test_submitted_twice_nothing_is_overwritten_and_one_result_counts(told: Told) -> None:
    run = Path(told["twice path"])
    assert states(told, "twice") == ["succeeded"] * SHARDS
    for row in told["twice"]:
        attempts = row["attempts"]
        assert {a["native_id"].partition("_")[0] for a in attempts} == {
            str(job) for job in told["jobs"][:2]
        }
        written = {run.joinpath(a["dir"], "out.txt").read_text(encoding="utf-8") for a in attempts}
        assert written == {f"{run}/{a['dir']}\n" for a in attempts}
        first = min(attempts, key=lambda a: (a["ended"], a["attempt"]))
        assert row["accepted_attempts"] == [first["attempt"]]


def test_the_double_run_is_reported(told: Told) -> None:
    for row in told["twice"]:
        assert row["evidence"].endswith("; 2 attempts are good, the first to end counts")
    (submission,) = told["twice submissions"]
    assert submission["native_ids"] == [str(job) for job in told["jobs"][:2]]
    assert told["twice check"]["succeeded"] == SHARDS
    assert f"{SHARDS} succeeded more than once" in told["twice check said"]
    assert "more than once" not in told["part check said"]


def test_a_part_of_the_array_is_a_part_of_the_shards(told: Told) -> None:
    assert states(told, "part") == ["succeeded"] * 4 + ["planned"] * 2
    assert {row["attempts"][0]["array"] for row in told["part"][:4]} == {"0-3, 4 in all"}


def test_elements_beyond_the_array_are_refused_in_words(told: Told) -> None:
    assert states(told, "beyond") == ["planned"] * 4 + ["succeeded"] * 2
    assert told["beyond codes"] == ["0:0", "0:0", "91:0", "91:0"]
    said = told["beyond said"]
    for element in range(SHARDS, SHARDS + 2):
        assert re.search(
            rf"farmhand: element {element} on n\d: this array has the elements 0 to 5 "
            r"\(was --array given by hand, or is SBATCH_ARRAY_INX set\?\)",
            said,
        )


def test_without_sbatch_the_script_says_how_it_is_meant(told: Told) -> None:
    code, said = told["bash"]
    assert code == 91
    assert "not an element of a job array" in said
    assert "submit this script with sbatch" in said
    assert states(told, "single") == ["planned"] * SHARDS


def test_two_runs_of_one_name_are_told_apart_by_their_directories(told: Told) -> None:
    names = told["same name"]
    assert names["one"] == ["succeeded"] * SHARDS
    assert names["other"] == ["held"] * SHARDS
    assert names["one jobs"] == [str(names["ran"])]
    assert names["other jobs"] == [str(names["held"])]
