"""The files of ``bsub -o``: which are read, how much of them, and when again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from collectors.lsf_files import Names, SubmissionReports
from manifest.header import Submission
from tests.collectors.lsf.layouts import START, Made, report, with_output

SUBMISSION = Submission(
    id=1,
    scheduler="lsf",
    shards="0-2",
    shards_per_job=1,
    arrays=(3,),
    resources={"memory": 1 << 30},
    created_at_utc="",
)
FAILED = Made(said="Exited with exit code 3.", index=2)
FILE = "array1/4711.2.out"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    for folder in ("plan/args", "logs/1/array1", "logs/1/0"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "plan/args/0").write_text("DY_Chunk0 x\nDY_Chunk1 x\ntop.7 x\n")
    return tmp_path


def read(run: Path, last_start: float | None = None) -> SubmissionReports:
    found = SubmissionReports(str(run / "logs/1"), SUBMISSION)
    found.recall()
    found.read(Names(str(run), 3), lambda _: last_start)
    found.keep()
    return found


@pytest.mark.parametrize("above", [False, True])
def test_of_a_large_file_both_ends_are_read(run: Path, above: bool) -> None:
    printed = report(replace(FAILED, job=8)) + "x" * 79 + "\n"
    output = printed * (6 << 20 >> 10)
    (run / "logs/1" / FILE).write_text(with_output(FAILED, output, above=above))
    told = read(run).told[FILE]
    assert (told.native_id, told.shards, told.settled) == ("4711[2]", (1,), True)
    assert told.observation().code == 3


def test_a_file_is_read_when_it_has_changed_and_until_its_report_is_whole(run: Path) -> None:
    path = run / "logs/1" / FILE
    path.write_text("output that comes as it is written\n")
    first = read(run)
    assert (first.opened, first.told[FILE].settled) == (1, False)
    assert first.told[FILE].observation().why == f"{FILE} holds no report of it (yet)"
    assert read(run).opened == 0
    path.write_text(report(FAILED)[:-60])
    assert read(run).told[FILE].observation().state == "cut"
    path.write_text(report(FAILED))
    assert read(run).told[FILE].observation().code == 3
    path.write_text("gone")
    assert read(run).opened == 0
    path.write_text(report(FAILED) + report(replace(FAILED, started=START + 900, said="Exited.")))
    assert read(run, START + 900.0).told[FILE].observation().started == START + 900
    (run / "logs/1/lsf-reports.read").write_text("damaged")
    assert read(run).opened == 1


def test_files_of_others_are_passed_over(run: Path) -> None:
    names = {
        "0/DY_Chunk1.12.out": ("12", (1,)),
        "0/top.7.13.out": ("13", (2,)),
        "array1/5.3.out": ("5[3]", (2,)),
    }
    others = [
        "0/DY.12.out",
        "0/DY_Chunk1.out",
        "0/DY_Chunk1.x.out",
        "array1/5.4.out",
        "array1/5.0.out",
    ]
    for name in [*names, *others]:
        (run / "logs/1" / name).write_text("")
    (run / "logs/1/array2").mkdir()
    (run / "logs/1/array2/6.1.out").write_text("")  # there is no second array
    told = read(run).told
    assert {name: (one.native_id, one.shards) for name, one in told.items()} == names


def test_a_job_of_which_only_anothers_report_is_there(run: Path) -> None:
    (run / "logs/1" / FILE).write_text(report(replace(FAILED, job=12)))
    assert not read(run).told[FILE].settled
