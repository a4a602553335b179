"""Which items of a shard are done, from ledgers and tables looked at in any order."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.by_item import ItemShard
from collectors.records import new_attempt
from collectors.run_facts import RunFacts
from collectors.verdicts import when
from manifest.spec import Spec

ITEMS = ["u1", "u2", "u3", "u4"]
SPEC = Spec.model_validate(
    {
        "name": "n",
        "work": {"items": ITEMS},
        "command": ["true"],
        "outputs": {"t": {"path": "t.csv", "item": "user"}},
        "merge": {"kind": "csv"},
    }
)
PATHS = {"t": "t.csv"}


def attempt(  # noqa: PLR0913 (two have names)
    run: Path, name: str, ledger: str, rows: str, *, code: int | None = 0, started: float = 1.0
) -> dict[str, Any]:
    """Lay down what an attempt left behind, and say what its record says."""
    folder = run / "shards/s0" / name
    folder.mkdir(parents=True)
    (folder / "ledger").write_text(ledger)
    (folder / "t.csv").write_text("user,v\n" + rows)
    good = code == 0
    return new_attempt(name) | {
        "dir": f"shards/s0/{name}",
        "started": started,
        "ended": started + 10,
        "exit_code": code,
        "state": "succeeded" if good else "failed",
        "cause": None if good else "exit_code",
        "evidence": f"exit code {code}",
        "outputs": [{"name": "t", "path": "x", "bytes": 1, "mtime_ns": 1, "problem": None}]
        if good
        else None,
    }


def shard_of(run: Path) -> ItemShard:
    return ItemShard(RunFacts(str(run), SPEC, {}, 1, {}, {None: 4}, PATHS), ITEMS)


def judged(run: Path, attempts: list[dict[str, Any]]) -> tuple[Any, list[str], list[str]]:
    shard = shard_of(run)
    ordered = sorted(attempts, key=when)
    verdict, accepted = shard.verdict(ordered, PATHS)
    return verdict, accepted, shard.left(ordered, PATHS)


def lines(*items: str) -> str:
    return "".join(f"{item}\n" for item in items)


def rows(*items: str) -> str:
    return "".join(f"{item},1\n" for item in items)


def test_two_attempts_make_a_whole(tmp_path: Path) -> None:
    first = attempt(tmp_path, "a", "u1\tin 3 s\nu2\nu3", rows("u1", "u2", "u3"), code=137)
    verdict, accepted, left = judged(tmp_path, [first])
    assert (verdict.state, verdict.cause, accepted) == ("failed", "exit_code", [])
    assert verdict.evidence == "exit code 137; 2 of 4 items done"
    assert left == ["u3", "u4"]
    second = attempt(tmp_path, "b", lines("u3", "u4"), rows("u3", "u4"), started=20)
    verdict, accepted, left = judged(tmp_path, [second, first])
    assert (verdict.state, accepted, left) == ("succeeded", ["a", "b"], [])
    assert verdict.evidence == "exit code 0; 4 items by 2 attempts: 2 + 2"
    assert (first["ledger"]["new"], second["ledger"]["new"]) == (2, 2)


def test_an_attempt_that_finishes_what_is_done_already_brings_nothing_new(tmp_path: Path) -> None:
    first = attempt(tmp_path, "a", lines("u1", "u2"), rows("u1", "u2"), code=1)
    second = attempt(tmp_path, "b", lines("u1", "u3"), rows("u1"), code=1, started=20)
    judged(tmp_path, [first, second])
    assert (first["ledger"]["new"], second["ledger"]["new"]) == (2, 0)


def test_what_is_in_the_ledger_without_a_row_is_done_again(tmp_path: Path) -> None:
    ledger = lines("u1", "u2", "u3")
    _, _, left = judged(tmp_path, [attempt(tmp_path, "a", ledger, rows("u1") + "u2,1", code=1)])
    assert left == ["u2", "u3", "u4"]  # the row of u2 has no end
    whole = attempt(tmp_path, "b", lines(*ITEMS), rows("u1", "u2"))
    verdict, accepted, _ = judged(tmp_path, [whole])
    assert (verdict.state, accepted) == ("succeeded", ["b"])  # somebody may have no rows


@pytest.mark.parametrize("code", [0, 1])
@pytest.mark.parametrize(
    ("ledger", "said"),
    [
        (lines("u1", "u9", "u2"), "ledger, line 2: 'u9' is no item of this shard"),
        (lines("u1", "u2", "u1"), "ledger, line 3: 'u1' is there a second time"),
    ],
)
def test_a_faulty_ledger_counts_for_nothing(
    tmp_path: Path, ledger: str, said: str, code: int
) -> None:
    one = attempt(tmp_path, "a", ledger, rows("u1", "u2"), code=code)
    verdict, accepted, left = judged(tmp_path, [one])
    assert (verdict.state, accepted, left) == ("failed", [], ITEMS)
    assert verdict.cause == ("bad_output" if code == 0 else "exit_code")
    assert said in verdict.evidence


def test_a_pipe_in_the_place_of_a_ledger_hangs_nobody(tmp_path: Path) -> None:
    one = attempt(tmp_path, "a", "", rows("u1"), code=1)
    ledger = tmp_path / "shards/s0/a/ledger"
    ledger.unlink()
    os.mkfifo(ledger)
    with subprocess.Popen(["sh", "-c", "echo u1 >ledger"], cwd=ledger.parent) as writer:
        verdict, _ = shard_of(tmp_path).verdict([one], PATHS)
        writer.kill()
    assert one["ledger"]["items"] == 0
    assert "the ledger cannot be read: it is not a regular file" in verdict.evidence


def test_exit_code_0_without_all_items_is_bad_output(tmp_path: Path) -> None:
    one = attempt(tmp_path, "a", lines("u1"), rows("u1"))
    verdict, accepted, left = judged(tmp_path, [one])
    assert (verdict.state, verdict.cause, accepted) == ("failed", "bad_output", [])
    said = "exit code 0, but 3 of 4 items are in no ledger: u2, u3, u4; 1 of 4 items done"
    assert verdict.evidence == said
    assert left == ["u2", "u3", "u4"]  # what it has done is kept
    assert (one["state"], one["cause"]) == ("failed", "bad_output")


def test_a_row_of_nobody_is_bad_output(tmp_path: Path) -> None:
    one = attempt(tmp_path, "a", lines(*ITEMS), rows(*ITEMS, "all"))
    verdict, _, left = judged(tmp_path, [one])
    assert (verdict.cause, left) == ("bad_output", ITEMS)
    assert "t.csv has a row of 'all', which is no item of this shard" in verdict.evidence


def test_nothing_is_taken_from_what_failed_its_check_or_ran_another_plan(tmp_path: Path) -> None:
    bad = attempt(tmp_path, "a", lines("u1"), rows("u1"))
    bad["outputs"][0]["problem"] = "no header"
    bad |= {"state": "failed", "cause": "bad_output"}
    other = attempt(tmp_path, "b", lines("u2"), rows("u2"), code=1) | {"plan": "0" * 64}
    runs = attempt(tmp_path, "c", lines("u3"), rows("u3"), code=None) | {"state": "running"}
    assert judged(tmp_path, [bad, other, runs])[2] == ITEMS


def test_all_done_and_none_ended_well_is_not_a_success(tmp_path: Path) -> None:
    one = attempt(tmp_path, "a", lines(*ITEMS), rows(*ITEMS), code=1)
    verdict, accepted, left = judged(tmp_path, [one])
    assert (verdict.state, accepted, left) == ("failed", [], [])
    assert verdict.evidence == "exit code 1; 4 of 4 items done"


@given(
    ledgers=st.lists(
        st.tuples(st.lists(st.sampled_from(ITEMS), unique=True), st.sampled_from([0, 1])),
        min_size=1,
        max_size=4,
    )
)
def test_the_order_of_looking_changes_nothing(ledgers: list[tuple[list[str], int]]) -> None:
    run = Path(tempfile.mkdtemp())
    try:
        attempts = [
            attempt(run, f"a{n}", lines(*items), rows(*items), code=code, started=1.0 + n // 2)
            for n, (items, code) in enumerate(ledgers)
        ]
        answers = set()
        for order in itertools.permutations(attempts):
            verdict, accepted, left = judged(run, [json.loads(json.dumps(one)) for one in order])
            answers.add((verdict, tuple(accepted), tuple(left)))
        [(verdict, accepted, left)] = answers
        union = {item for items, _ in ledgers for item in items}
        assert set(left) == set(ITEMS) - union
        shares = shard_of(run).shares(sorted(attempts, key=when), PATHS)
        owners = {item: one["attempt"] for one, mine in shares for item in mine}
        assert sum(len(mine) for _, mine in shares) == len(owners)
        first = {
            item: min(n for n, (its, _) in enumerate(ledgers) if item in its) for item in union
        }
        assert owners == {item: f"a{number}" for item, number in first.items()}
        ended = any(code == 0 for _, code in ledgers)
        assert (verdict.state == "succeeded") == (ended and not left)
        assert bool(accepted) == (verdict.state == "succeeded")
    finally:
        shutil.rmtree(run)
