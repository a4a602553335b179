"""collect where SLURM, or a part of it, does not answer, or answers somebody else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.slurm import silence
from tests.slurm.season import once

if TYPE_CHECKING:
    from pathlib import Path

    from tests.slurm.season import Told

WITHOUT = ("no SLURM", "neither")
QUEUE = ("everything answers", "no slurmdbd", "hanging")


@pytest.fixture(scope="module")
def told(slurm_home: Path) -> Told:
    return once(slurm_home, "silence", lambda: silence.Scene(slurm_home / "own-silence").play())


def verdicts(rows: list[dict[str, Any]]) -> list[tuple[str, str | None]]:
    return [(row["state"], row["cause"]) for row in rows]


ENDED = [("succeeded", None), ("failed", "exit_code")]


@pytest.mark.parametrize("name", [*WITHOUT, *QUEUE, "no slurmctld", "ended, no slurmctld"])
def test_what_the_records_tell_is_known_in_any_case(told: Told, name: str) -> None:
    rows = told[name]["rows"]
    assert verdicts(rows)[:2] == ENDED
    assert rows[1]["evidence"] == "exit code 3; Error: no such model"


@pytest.mark.parametrize("name", QUEUE)
def test_the_queue_tells_what_waits_and_runs(told: Told, name: str) -> None:
    rows = told[name]["rows"]
    assert verdicts(rows)[2:4] == [("running", None), ("held", "held_policy")]
    assert "squeue" in rows[2]["evidence"]


@pytest.mark.parametrize("name", WITHOUT)
def test_without_slurm_a_process_of_this_host_is_still_seen(told: Told, name: str) -> None:
    rows = told[name]["rows"]
    assert verdicts(rows)[2:] == [("running", None), ("planned", None), ("planned", None)]
    assert rows[2]["evidence"].startswith("pid ")


@pytest.mark.parametrize("name", ["no slurmdbd", "hanging"])
def test_an_end_that_only_the_queue_tells_is_not_judged_yet(told: Told, name: str) -> None:
    row = told[name]["rows"][4]
    assert (row["state"], row["cause"]) == ("unknown", None)
    assert "squeue: FAILED" in row["evidence"]
    assert "its records are not here yet" in row["evidence"]


def test_what_left_no_record_is_known_to_accounting(told: Told) -> None:
    for name in ("everything answers", "no slurmctld"):
        row = told[name]["rows"][4]
        assert (row["state"], row["cause"]) == ("failed", "setup")
        assert "sacct: FAILED 0:53" in row["evidence"]


def test_accounting_alone_knows_what_runs(told: Told) -> None:
    """It does not list what waits and is held, unless by its id."""
    rows = told["no slurmctld"]["rows"]
    assert verdicts(rows)[2] == ("running", None)
    assert "(sacct, " in rows[2]["evidence"]


@pytest.mark.parametrize("name", ["no slurmdbd", "neither", "no slurmctld", "no SLURM", "hanging"])
def test_who_did_not_answer_takes_nothing_back(told: Told, name: str) -> None:
    """Nothing is absent, lost or forgotten because nobody could say that it is there."""
    rows = told[f"{name}, again"]
    assert verdicts(rows)[:3] == [*ENDED, ("running", None)]
    if name not in ("no SLURM", "hanging"):  # these came first
        assert verdicts(rows)[3] == ("held", "held_policy")


def warnings(told: Told, name: str) -> list[str]:
    return [line for line in told[name]["said"].splitlines() if line.startswith("warning")]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("everything answers", None),
        ("no slurmdbd", ["sacct", "going on without accounting"]),
        ("no slurmctld", ["squeue", "nobody says what still waits or runs"]),
        ("neither", ["going by the records alone"]),
        ("no SLURM", ["going by the records alone"]),
        ("hanging", ["sacct", "1 s", "going on without accounting"]),
        ("restarted", None),
    ],
)
def test_it_is_said_once_who_did_not_answer(told: Told, name: str, words: list[str] | None) -> None:
    found = warnings(told, name)
    assert len(found) == (words is not None), told[name]["said"]
    for word in words or ():
        assert word in found[0]


def test_a_command_that_was_given_up_is_not_left_running(told: Told) -> None:
    assert told["left over"] == []


def test_what_ends_while_slurmctld_is_away_is_known_by_its_record(told: Told) -> None:
    assert verdicts(told["ended, no slurmctld"]["rows"])[2] == ("succeeded", None)


def test_a_restarted_slurmctld_knows_its_jobs(told: Told) -> None:
    rows = told["restarted"]["rows"]
    assert verdicts(rows) == [*ENDED, *ENDED[:1] * 2, ("failed", "setup")]
    assert {a["observed"]["source"] for row in rows for a in row["attempts"]} == {"sacct"}
    assert told["restarted, again"] == rows, "whatever did not answer in between"


def test_another_user_finds_the_same(told: Told) -> None:
    """Also what is known by its name alone, as a job of the user who owns the run."""
    assert told["root"]["rows"] == told["restarted"]["rows"]
    assert warnings(told, "root") == []
