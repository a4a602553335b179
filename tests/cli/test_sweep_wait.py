"""How long a run of a sweep is waited for, by a clock that only this test moves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from farmhand.standing import Standing
from farmhand.sweep_wait import Patience, wait_for

if TYPE_CHECKING:
    from collections.abc import Sequence

QUEUED, RUNNING = Standing(queued=2, total=2), Standing(running=1, completed=1, total=2)
HELD, BOTH = Standing(held=1, completed=1, total=2), Standing(held=1, running=1, total=2)
DONE, MISSING = Standing(completed=2, total=2), Standing(completed=1, missing=1, total=2)
UNKNOWN = Standing(unknown=1, completed=1, total=2)


def waited(looks: Sequence[Standing], timeout_s: float = 1000.0) -> tuple[str, float, list[str]]:
    """How it ended, after how long, and what was told; the last look stays as it is."""
    now, told = 0.0, []
    left = list(looks)

    def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds

    end = wait_for(
        lambda: left.pop(0) if len(left) > 1 else left[0],
        Patience(poll_s=10.0, grace_s=60.0, timeout_s=timeout_s),
        told.append,
        lambda: now,
        sleep,
    )
    return end, now, told


@pytest.mark.parametrize(
    ("looks", "end", "after"),
    [
        ([DONE], "ended", 0.0),
        ([MISSING], "ended", 0.0),
        ([QUEUED, QUEUED, RUNNING, DONE], "ended", 30.0),
        ([UNKNOWN, DONE], "ended", 10.0),
        ([HELD], "held", 60.0),
        ([HELD, HELD, DONE], "ended", 20.0),
        ([HELD] * 5 + [RUNNING] + [HELD], "held", 120.0),
        ([BOTH] * 20 + [HELD], "held", 260.0),
        ([QUEUED], "late", 1000.0),
        ([UNKNOWN], "late", 1000.0),
    ],
)
def test_how_long_it_is_waited_for(looks: list[Standing], end: str, after: float) -> None:
    assert waited(looks)[:2] == (end, after)


def test_what_is_held_and_runs_is_not_waited_for_longer_than_anything_else() -> None:
    assert waited([BOTH], timeout_s=50.0)[:2] == ("late", 50.0)


def test_only_changes_are_told() -> None:
    told = waited([QUEUED, QUEUED, RUNNING, RUNNING, DONE])[2]
    assert told == [QUEUED.text(), RUNNING.text(), DONE.text()]
