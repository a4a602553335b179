"""The table of holds in the documentation is the one that verdicts are made from."""

from __future__ import annotations

from pathlib import Path

import pytest

from collectors.condor_holds import hold, known_holds
from manifest.states import allowed

PAGE = Path(__file__).parents[2] / "docs" / "htcondor.md"


def test_the_page_has_the_table() -> None:
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    shown = [line for line in lines if line.startswith("| ") and line[2].isdigit()]
    made = [f"| {c} | {h.cause} | {h.meaning} | {h.advice} |" for c, h in known_holds().items()]
    assert shown == made


def test_every_code_of_the_manual_is_known() -> None:
    gone = {2, *range(28, 32), *range(37, 43)}  # the last of a universe that is not ours
    assert {int(code) for code in known_holds() if "/" not in code} == {*range(1, 49)} - gone
    for meaning in known_holds().values():
        assert meaning.advice


@pytest.mark.parametrize(
    ("code", "subcode", "cause"),
    [
        (21, 102, "oom"), (34, 102, "oom"), (34, 0, "oom"), (34, 104, "disk"), (21, 104, "disk"),
        (21, 7, "held_policy"), (13, 2, "stage_in"), (12, 2, "stage_out"), (6, 13, "setup"),
        (47, 0, "timeout"), (1, 0, "held_policy"),
        (4, 0, "setup"), (11, 0, "stage_in"), (27, 0, "held_policy"),
        (4711, 0, "held_policy"),
        (None, None, "held_policy"),
    ],
)  # fmt: skip
def test_codes_have_causes(code: int | None, subcode: int | None, cause: str) -> None:
    assert hold(code, subcode).cause == cause


def test_every_cause_may_be_that_of_a_held_shard() -> None:
    assert all(allowed("held", meaning.cause) for meaning in known_holds().values())
