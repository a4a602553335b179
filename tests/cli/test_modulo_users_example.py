"""The example of users, typed as its page says; and with the ledger cut in the middle of a line."""

from __future__ import annotations

import csv
import json
import re
import shutil
from pathlib import Path

import pytest

from tests.typed_page import blocks, typed

EXAMPLE = Path(__file__).resolve().parents[2] / "examples/modulo-users"
CUT = "for f in runs/users/shards/s1/*/ledger; do truncate -s -3 $f; done"
"""The last line, user33, becomes user, without its end."""


def until(done: int) -> str:
    return (
        f'until [ "$(cat runs/users/shards/s1/*/ledger 2>/dev/null | wc -l)" -ge {done} ]; '
        "do sleep 0.05; done"
    )


@pytest.mark.parametrize("cut", [False, True], ids=["killed", "cut"])
def test_from_nothing_to_the_table_of_a_run_that_was_not_split(tmp_path: Path, cut: bool) -> None:
    place = tmp_path / "users"
    shutil.copytree(EXAMPLE, place, ignore=shutil.ignore_patterns("data", "runs"))
    make, render, run, look, again, merge, compare = blocks(EXAMPLE)
    assert "60 users in data/" in typed(place, *make)
    dealt = typed(place, *render)
    assert "60 items in 4 shards, modulo" in dealt
    start, status, kill, wait = run
    start = start.replace("SECONDS_A_FIT=2", "SECONDS_A_FIT=0.2")
    freeze = kill.replace("kill -9", "kill -STOP")  # as long as status takes to answer
    said = typed(place, start, until(5), freeze, status, kill, CUT if cut else ":", wait)
    assert re.search(r"^items: \d+ of 60 done, .* left$", said, re.MULTILINE), said
    assert re.search(r"^  s1  \d+ of 15, ", said, re.MULTILINE), said
    bad = typed(place, *look, code=None)
    told = " ".join(bad.split())
    found = re.search(r"s1: killed by SIGKILL \(exit code 137\).*; (\d+) of 15 items done", told)
    assert found, bad
    done = int(found[1])
    assert 0 < done < 15
    first = (place / "runs/users/plan/items/0").read_text().splitlines()[1].split("\t")
    typed(place, again[0])
    left = (place / "runs/users/resubmit-2/items/0").read_text().splitlines()
    assert left == ["", "\t".join(first[done:]), "", ""]
    shown = typed(place, *again[1:])
    assert f"15 items by 2 attempts: {done} + {15 - done}" in shown
    typed(place, *merge)
    assert "60 users, each once, equal to the run that was not split" in typed(place, *compare)
    with (place / "runs/users/merged.csv").open() as stream:
        users = [row["user"] for row in csv.DictReader(stream)]
    assert sorted(users) == [f"user{number:02}" for number in range(60)]
    listed = json.loads((place / "runs/users/merged.csv.merge.json").read_bytes())["sources"]
    assert listed[1]["attempt"].count("+") == 1
