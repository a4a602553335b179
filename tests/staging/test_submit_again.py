"""``submit --execute`` typed again and again: only what is missing, until all is set."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.staging.test_destination import check, ran, spec

if TYPE_CHECKING:
    from pathlib import Path

    from tests.staging.conftest import Depot

pytestmark = pytest.mark.slow

AGAIN = ("submit", "runs/r", "--execute")
ALL_SET = "0 queued, 0 running, 0 held, 6 completed, 0 missing, 6 total\nall set\n"


def state_of(depot: Depot) -> dict[Path, bytes]:
    """Return all files of the run, for "nothing was changed"."""
    files = (path for path in (depot.path / "runs").rglob("*") if path.is_file())
    return {path: path.read_bytes() for path in files if not path.name.endswith(".lock")}


def ended(said: str) -> list[str]:
    """Return the line that it ends with on stdout, and what is said behind the other talk."""
    return [line for line in said.splitlines() if line.endswith(" total") or "all set" in line]


def test_from_the_render_to_all_set_and_then_nothing(depot: Depot) -> None:
    depot.render(spec(depot))
    assert "submit --execute runs/r" in depot("submit", "runs/r")
    assert "6 ok, 0 failed" in depot(*AGAIN)
    before = state_of(depot)
    assert sorted(ended(depot(*AGAIN))) == sorted(ALL_SET.splitlines())
    assert state_of(depot) == before


def test_what_is_gone_is_run_again_and_nothing_else(depot: Depot) -> None:
    store = ran(depot)
    (store / "s2.txt").unlink()
    (store / "s4.txt").write_text("u")
    shown = depot("submit", "runs/r")
    assert "0 queued, 0 running, 0 held, 4 completed, 2 missing, 6 total" in shown
    assert len(depot.ends()) == 6
    assert "2 ok, 0 failed" in depot(*AGAIN)
    assert len(depot.ends()) == 8
    before = state_of(depot)
    assert sorted(ended(depot(*AGAIN))) == sorted(ALL_SET.splitlines())
    assert state_of(depot) == before
    assert check(depot)["succeeded"] == 6


def test_a_store_that_dies_in_the_middle_and_comes_back(depot: Depot) -> None:
    dead = f"[ ! -e {depot.path}/dead ] || exit 7; "
    scripts = dict.fromkeys(("size", "sum", "move", "list"), dead + 'fine "$@"')
    dies = f"[[ -e once || $at != *s3.txt* ]] || touch once {depot.path}/dead; "
    scripts["put"] = f'{dies}{dead}fine "$@"'
    told = spec(depot, scripts)
    told["staging"]["retries"] = 0
    depot.render(told)
    depot.run(1, "--jobs", "1")
    assert [end["cause"] for end in depot.ends()] == [None] * 3 + ["stage_out"] * 3
    before = state_of(depot)
    said = depot(*AGAIN, code=1)
    assert "depot://store/dst does not say what it has: bash ended with exit code 7" in said
    assert "nothing was submitted" in said
    assert state_of(depot) == before
    (depot.path / "dead").unlink()
    assert "3 ok, 0 failed" in depot(*AGAIN)
    assert check(depot)["succeeded"] == 6


@pytest.mark.parametrize("code", [3, 125])
def test_what_fails_by_itself_is_tried_once_more_and_then_left(depot: Depot, code: int) -> None:
    told: dict[str, Any] = spec(depot)
    told["script"] += f"; [ $FARMHAND_SHARD_INDEX != 1 ] || exit {code}"
    depot.render(told)
    for _ in range(2):
        said = depot(*AGAIN, code=1)
        assert "0 queued, 0 running, 0 held, 5 completed, 1 missing, 6 total" in said
    before = state_of(depot)
    said = depot(*AGAIN, code=1)
    assert "left alone: 1 shard: 2 attempts ended in exit_code" in said
    assert "5 completed, 1 missing" in said
    assert "all set" not in said
    assert state_of(depot) == before


def test_a_store_that_refuses_each_time_is_not_asked_for_ever(depot: Depot) -> None:
    refuses = f'[ -e {depot.path}/renewed ] || {{ echo "token expired" >&2; exit 3; }}; fine "$@"'
    told = spec(depot, {"put": refuses}, work={"count": 1}, shards=1)
    told["staging"]["retries"] = 0
    depot.render(told)
    for _ in range(5):
        assert "0 completed, 1 missing" in depot(*AGAIN, code=1)
    before = state_of(depot)
    said = depot(*AGAIN, code=1)
    assert "left alone: 1 shard: the last 5 attempts or more ended in stage_out" in said
    assert "farmhand resubmit --execute --cause stage_out" in said
    assert state_of(depot) == before
    assert "token expired" in depot("check", "runs/r", code=1)
    (depot.path / "renewed").touch()
    depot("resubmit", "--execute", "--cause", "stage_out", "runs/r")
    assert "all set" in depot(*AGAIN)


def test_a_local_run_without_a_destination(depot: Depot) -> None:
    told = spec(depot)
    del told["outputs"]["out"]["destination"]
    depot.render(told)
    assert "6 ok, 0 failed" in depot(*AGAIN)
    assert "all set" in depot(*AGAIN)


def test_killed_between_the_rendering_and_the_pool(depot: Depot) -> None:
    """What was rendered again and never started is started, not rendered a third time."""
    store = ran(depot)
    (store / "s2.txt").unlink()
    depot("resubmit", "runs/r")
    assert "1 ok, 0 failed" in depot(*AGAIN)
    manifest = json.loads((depot.path / "runs/r/manifest.json").read_bytes())
    assert [one["id"] for one in manifest["submissions"]] == [1, 2]
    assert "all set" in depot(*AGAIN)
