"""Arrays that had to be split, and elements that run several shards."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.slurm import arrays
from tests.slurm.arrays import MANY, most_at_once
from tests.slurm.season import once

if TYPE_CHECKING:
    from tests.clusters.slurm import Slurm
    from tests.slurm.season import Told


@pytest.fixture(scope="module")
def told(slurm_home: Path, small_slurm: Slurm) -> Told:
    return once(slurm_home, "arrays", lambda: arrays.play(small_slurm))


def states(told: Told, name: str) -> list[str]:
    return [row["state"] for row in told[name]]


def test_parts_are_as_large_as_the_site_allows(told: Told) -> None:
    """MaxArraySize 11, which `scontrol show config` says."""
    names = [Path(script).name for script in told["scripts"]]
    assert names == [f"slurm_array_job.{part}.sh" for part in (1, 2, 3)]
    texts = [Path(script).read_text(encoding="utf-8") for script in told["scripts"]]
    assert ["#SBATCH --array=0-7%4" in text for text in texts] == [True, True, False]
    assert "#SBATCH --array=0-6%4" in texts[2]
    assert all("#SBATCH --dependency=singleton" in text for text in texts)


def test_every_shard_of_split_arrays_runs_exactly_once(told: Told) -> None:
    assert states(told, "split") == ["succeeded"] * MANY
    run = Path(told["path"], "runs/r")
    for row in told["split"]:
        (attempt,) = row["attempts"]
        begun = (run / attempt["dir"] / "begun").read_text(encoding="utf-8")
        assert int(begun) == row["shard_index"]
        assert attempt["observed"]["kind"] == "completed"
    (submission,) = told["split submissions"]
    assert submission["native_ids"] == sorted(map(str, told["parts"]))


def test_the_throttle_holds_for_all_parts_together(told: Told) -> None:
    assert 2 <= most_at_once(told["split"]) <= 4


def test_a_packed_element_asks_for_the_time_of_all_its_shards(told: Told) -> None:
    text = told["packed script"]
    assert "#SBATCH --array=0-3\n" in text
    assert "#SBATCH --time=00:04:00" in text


def test_while_packed_elements_run_none_of_their_shards_is_given_up(told: Told) -> None:
    assert states(told, "packed running")[:4] == ["succeeded"] * 4
    assert states(told, "packed running")[4:8] == ["succeeded", *["running"] * 3]


def test_a_packed_element_cancelled_in_the_middle_leaves_the_rest_planned(told: Told) -> None:
    assert states(told, "packed") == [
        *["succeeded"] * 5, "cancelled", "planned", "planned", *["succeeded"] * 6,
    ]  # fmt: skip
    cancelled = told["packed"][5]
    assert "sacct: CANCELLED, by uid" in cancelled["evidence"]
    assert [row["shard_index"] for row in told["packed check"]["bad"]] == [5]
    assert [row["attempts"] for row in told["packed"][6:8]] == [[], []]


def test_a_packed_element_that_is_requeued_does_only_the_rest(told: Told) -> None:
    attempts = [row["attempts"] for row in told["packed"][8:12]]
    assert [len(found) for found in attempts] == [1, 2, 1, 1]
    before, after = attempts[1]
    assert (before["state"], after["state"]) == ("cancelled", "succeeded")
    assert "sacct: REQUEUED" in before["evidence"]
    assert attempts[0][0]["restarts"] == 0
    assert {found[-1]["restarts"] for found in attempts[1:]} == {1}


def test_what_was_left_planned_is_redone_when_it_is_named(told: Told) -> None:
    text = told["packed again"]
    assert "#SBATCH --array=0-0\n" in text
    assert states(told, "packed redone") == ["succeeded"] * 14
    assert [len(row["attempts"]) for row in told["packed redone"][5:8]] == [2, 1, 1]
    assert {row["attempts"][-1]["submission"] for row in told["packed redone"][5:8]} == {2}
