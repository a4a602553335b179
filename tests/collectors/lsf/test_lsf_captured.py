"""What the captured reports say (data/NOTES.md), and the two that show the layouts of others."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from collectors.lsf_observation import Asked, of_report
from collectors.lsf_report import Usage, read_reports
from tests.collectors.lsf.layouts import RUNLIMIT, Made, with_output

DATA = Path(__file__).parent / "data"
ASKED = Asked(1, memory=200 << 20, walltime=60)

CAPTURED = {
    # file: native id, name, seconds, cpu time, code, kind
    "simple_5": ("5", "simple", 0, 0.04, 0, "completed"),
    "exit3_6": ("6", "exit3", 0, 0.03, 3, "failed"),
    "runlimit_plain_2": ("2", "runlimit_plain", 62, 0.02, 140, "timeout"),
    "memlimit_8": ("8", "memlimit", 18, 0.60, 130, "oom"),
    "killed_9": ("9", "killed", 2, 0.03, 130, "failed"),
    "sigself_12": ("12", "sigself", 0, 0.03, 139, "failed"),
    "arr_10_1": ("10[1]", "name[1-10]%3", 4, 0.02, 0, "completed"),
    "arr_10_4": ("10[4]", "name[1-10]%3", 4, 0.02, 3, "failed"),
    "arr_10_10": ("10[10]", "name[1-10]%3", 7, 0.03, 0, "completed"),
    "stdout-direct-ok": ("2", "directok", 0, 0.02, 0, "completed"),
}
USED = {
    "runlimit_plain_2": (9, 15, 4),
    "memlimit_8": (616, 627, 4),
}
"""Megabytes of memory and of swap, processes; others ended before that was measured."""


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Reports have local times; which those of the made ones are is written in them."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def test_every_captured_file_is_looked_at() -> None:
    assert {path.stem for path in DATA.glob("*.out")} == CAPTURED.keys() | {"made-10.1", "made-9"}


@pytest.mark.parametrize("name", CAPTURED)
def test_what_a_captured_report_says(name: str) -> None:
    native_id, job, seconds, cpu_s, code, kind = CAPTURED[name]
    [report] = read_reports((DATA / f"{name}.out").read_bytes())
    assert report.ending is not None
    assert report.started is not None
    assert report.ended is not None
    assert (report.native_id, report.name) == (native_id, job)
    assert report.outcome == ("Exited" if code else "Done")
    assert report.ended - report.started == seconds
    assert time.gmtime(report.started)[:4] == (2026, 11, 22, 7)
    assert (report.hosts, report.queue) == (("lsfhost",), "8nm" if "limit_plain" in name else "1nh")
    assert report.above == (name == "stdout-direct-ok")
    peak, swap, processes = USED.get(name, (None, None, None))
    assert report.ending.usage == Usage(cpu_s, peak and peak << 20, swap and swap << 20, processes)
    assert (report.ending.code, report.ending.term) == (code, None)
    said = of_report(report, ASKED)
    assert (said.kind, said.code, said.cpu_s) == (kind, code, cpu_s)
    assert (said.native_id, said.node) == (native_id, "lsfhost")


def test_the_two_layouts_of_ibm() -> None:
    new = Made(
        said="Exited with exit code 140.",
        term=RUNLIMIT,
        index=3,
        name="toys.1.array1[1-10]%5",
        hosts=("4*n1", "2*n2"),
        script=("#!/bin/bash", '#BSUB -J "toys.1.array1[1-10]%5"', "sleep 600"),
    )
    old = Made(layout="9", script=("#!/bin/bash", '#BSUB -J "toys.1.s0"', "echo Hello"))
    for name, made, output in ("made-10.1", new, ""), ("made-9", old, "Hello\n"):
        assert (DATA / f"{name}.out").read_text() == with_output(made, output)
