from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from manifest.header import SCHEMA, Header
from manifest.rows import SEPARATOR, Rows
from manifest.states import CAUSES, STATES, allowed, is_bad
from manifest.store import Manifest, with_blocks
from reports.bad_table import bad_table, group_bad
from reports.tally import bad_rows, tally

PAIRS = [(s, c) for s in STATES for c in (None, *CAUSES) if allowed(s, c)]


def row(index: int, state: str, cause: str | None, evidence: str = "e") -> dict[str, Any]:
    return {
        "shard_index": index, "name": f"s{index}", "state": state, "cause": cause,
        "evidence": evidence, "accepted_attempts": [], "attempts": [],
    }  # fmt: skip


def manifest(pairs: list[tuple[str, str | None]]) -> Manifest:
    lines = [orjson.dumps(row(index, *pair)) for index, pair in enumerate(pairs)]
    cut = [SEPARATOR.join(lines[at : at + 1000]) for at in range(0, len(lines), 1000)]
    head = Header(
        schema_version=SCHEMA, revision=1, run_id="r", run_uuid="u", name="n", scheduler="local",
        plan_id="p", seed=None, shards=len(pairs), created_at_utc="t",
    )  # fmt: skip
    rows = Rows(cut, "m")
    return with_blocks(Manifest("m", head, rows, rows), [None] * len(cut))


@given(st.lists(st.sampled_from(PAIRS), min_size=1, max_size=30))
def test_every_shard_is_counted_once(pairs: list[tuple[str, str | None]]) -> None:
    made = manifest(pairs)
    for found in (tally(made), tally(made, range(len(pairs)))):
        assert found.shards == len(pairs)
        assert dict(found.states) == {s: n for s in STATES if (n := [p[0] for p in pairs].count(s))}
        assert found.bad == [i for i, pair in enumerate(pairs) if is_bad(*pair)]
        assert found.succeeded + found.open + len(found.bad) == len(pairs)


def test_many_blocks_and_some_shards() -> None:
    made = manifest([("succeeded", None)] * 1500 + [("failed", "oom")] * 2 + [("planned", None)])
    found = tally(made)
    assert found.text() == "1503 shards: 1 planned, 1500 succeeded, 2 failed"
    assert found.bad == [1500, 1501]
    assert found.open == 1
    assert tally(made, [0, 1501]).text() == "2 shards: 1 succeeded, 1 failed"
    assert tally(manifest([("planned", None)])).text() == "1 shard: 1 planned"
    assert bad_rows(made, [1501]) == [
        {"shard_index": 1501, "name": "s1501", "state": "failed", "cause": "oom", "evidence": "e"}
    ]


def test_the_same_story_is_one_group_and_exit_codes_are_different_stories() -> None:
    rows = [
        row(0, "failed", "exit_code", "exit code 3"),
        row(1, "failed", "oom", "peak 2250 MB > request 2000 MB"),
        row(2, "failed", "exit_code", "exit code 4"),
        row(3, "failed", "oom", "peak 2051 MB > request 2000 MB"),
        row(4, "lost", "oom", "peak 2051 MB > request 2000 MB"),
    ]
    groups = [
        (state, cause, [member["shard_index"] for member in members])
        for state, cause, members in group_bad(rows)
    ]
    assert groups == [
        ("failed", "oom", [1, 3]),
        ("failed", "exit_code", [0]),
        ("failed", "exit_code", [2]),
        ("lost", "oom", [4]),
    ]


def test_the_table_reads_well() -> None:
    rows = [
        row(1, "failed", "signal", "killed by SIGKILL (exit code 137)"),
        *[
            row(index, "failed", "exit_code", "exit code 3; Error: no such model")
            for index in (4, 5)
        ],
        row(9, "unknown", "disagree", "the record says exit code 0, the pool saw 1"),
    ]
    assert bad_table(rows, 80) == [
        "shards  state      cause        which",
        "     2  failed     exit_code    4-5",
        "        e.g. s4: exit code 3; Error: no such model",
        "     1  failed     signal       1",
        "        s1: killed by SIGKILL (exit code 137)",
        "     1  unknown    disagree     9",
        "        s9: the record says exit code 0, the pool saw 1",
    ]


@pytest.mark.parametrize("width", [60, 80, 200])
def test_the_table_keeps_to_its_width(width: int) -> None:
    rows = [
        row(index, "failed", "bad_output", f"exit code 0, but {'word ' * 40} {letter}")
        for letter in "abcdefghijklmnopqrstuvwxyz"
        for index in range(0, 200, 2)
    ]
    lines = bad_table(rows, width)
    assert max(map(len, lines)) <= width
    assert lines[-1] == "   ...  and 600 more in 6 other groups (--json)"
    assert sum(line.startswith("   100") for line in lines) == 20


def test_a_manifest_file_is_not_needed_to_count(tmp_path: Path) -> None:
    assert tally(manifest([("held", "oom")])).bad == [0]
    assert not list(tmp_path.iterdir())
