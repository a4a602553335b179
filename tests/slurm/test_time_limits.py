"""Time limits, their warnings, and what SLURM could not start at all."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.slurm import limits
from tests.slurm.season import once

if TYPE_CHECKING:
    from pathlib import Path

    from tests.clusters.slurm import Slurm
    from tests.slurm.season import Told

RAN = r"ran (59\.\d|[12]m\d\d)s of 1m00s"


@pytest.fixture(scope="module")
def told(slurm_home: Path, rough_slurm: Slurm, begun_limits: Told) -> Told:
    return once(slurm_home, "limits", lambda: limits.finish(rough_slurm, begun_limits))


def verdicts(rows: list[Told]) -> list[tuple[str, str | None]]:
    return [(row["state"], row["cause"]) for row in rows]


def test_beyond_its_time_limit(told: Told) -> None:
    polite, stubborn = told["timed"]
    assert verdicts(told["timed"]) == [("failed", "timeout")] * 2
    for row in (polite, stubborn):
        assert re.fullmatch(f"sacct: TIMEOUT, {RAN}", row["evidence"]), row["evidence"]
    (attempt,) = polite["attempts"]
    assert (attempt["exit_code"], attempt["stopped_by"]) == (143, 15), "written within KillWait"
    assert stubborn["attempts"][0]["ended"] is None


def test_beyond_its_time_limit_by_the_records_alone(told: Told) -> None:
    """Whoever ignores TERM is killed before the payload can write an end."""
    polite, stubborn = told["timed by records"]
    assert (polite["state"], polite["cause"]) == ("failed", "timeout")
    assert re.fullmatch(f"{RAN}, stopped by SIGTERM", polite["evidence"])
    assert (stubborn["state"], stubborn["cause"]) == ("lost", "vanished")


@pytest.mark.parametrize("name", ["graced", "graced by records"])
def test_a_warning_in_time(told: Told, name: str) -> None:
    """SLURM's signal may come a minute early: sbatch(1), --signal."""
    ended, finished = told[name]
    assert (ended["state"], ended["cause"]) == ("failed", "timeout")
    shown = re.fullmatch(
        r"ran (\S+) of 2m00s, warned of its end and left with 143", ended["evidence"]
    )
    assert shown, ended["evidence"]
    assert finished["state"] == "succeeded"
    for row in (ended, finished):
        (attempt,) = row["attempts"]
        assert (attempt["warned"], attempt["stopped_by"]) == (10, None)
        assert attempt["wall_s"] < 100


@pytest.mark.parametrize("name", ["nologs", "norun"])
def test_slurm_could_not_begin(told: Told, name: str) -> None:
    rows = told[name]["rows"]
    assert verdicts(rows) == [("failed", "setup")] * 2
    for row in rows:
        assert "sacct: FAILED 0:53, SLURM could not open its output file" in row["evidence"]
    assert told[name]["said"] == ""


def test_the_wrapper_found_no_plan(told: Told) -> None:
    rows = told["noplan"]["rows"]
    assert verdicts(rows) == [("failed", "setup")] * 2
    for row in rows:
        assert "see the scheduler's own output in logs/" in row["evidence"]
        assert "sacct: FAILED 91:0, no record" in row["evidence"]
    for element in range(2):
        assert re.search(
            rf"farmhand: element {element} on n\d: \S+/plan/shard.sh cannot be read: "
            "is the run directory on a filesystem of this node",
            told["noplan"]["said"],
        )
