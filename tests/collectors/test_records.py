"""Whatever stands in a record or in the journal, a verdict comes out and no exception."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.pool_journal import JOURNAL, apply_ends, read_journal
from collectors.records import (
    Attempt,
    apply_record,
    digest,
    list_block,
    new_attempt,
    read_record,
    split_name,
)
from collectors.verdicts import Limits, World, attempt_verdict, shard_verdict
from manifest.states import STATES, allowed

PLAN = "f" * 64
START = {
    "v": 1, "event": "start", "run": "u", "plan": PLAN, "submission": 1, "shard": 0, "name": "s0",
    "attempt": "1.2.a", "native_id": "1", "scheduler": "local", "restarts": 0, "host": "n",
    "pid": 7, "pid_start": 8, "boot": "b", "time": 1000.5, "dir": "shards/s0/1.2.a",
}  # fmt: skip
END = {
    "event": "end", "time": 1010.5, "exit_code": 137, "cause": None, "stopped_by": None,
    "warned": None, "wall_s": 10.0, "cpu_s": 1, "peak": {"bytes": 5, "source": "vmhwm"},
    "note": None,
}  # fmt: skip
RECORD = f"{json.dumps(START)}\n{json.dumps(END)}\n".encode()
LIMITS = {1: Limits(walltime=60, memory=5)}
WORLD = World(2000.0, "here", lambda _: None, LIMITS, lambda _: "")


def applied(data: bytes) -> Attempt:
    attempt = new_attempt("1.2.a")
    apply_record(attempt, data, PLAN)
    return attempt


def judged(attempt: Attempt) -> tuple[str, str | None]:
    verdict = attempt_verdict(attempt, WORLD)
    assert verdict.state in STATES
    assert allowed(verdict.state, verdict.cause)
    assert verdict.evidence
    attempt.update(state=verdict.state, cause=verdict.cause, evidence=verdict.evidence)
    shard_verdict([attempt])
    return verdict.state, verdict.cause


def test_a_whole_record() -> None:
    attempt = applied(RECORD)
    assert (attempt["started"], attempt["ended"], attempt["exit_code"]) == (1000.5, 1010.5, 137)
    assert (attempt["host"], attempt["pid"], attempt["dir"]) == ("n", 7, "shards/s0/1.2.a")
    assert attempt["plan"] is None, "null: the plan of this run"
    assert judged(attempt) == ("failed", "oom")
    again = dict(attempt)
    apply_record(again, RECORD, PLAN)
    assert again == attempt


def test_a_record_cut_anywhere_has_no_end() -> None:
    first = RECORD.index(b"\n")
    for size in range(len(RECORD)):
        attempt = applied(RECORD[:size])
        assert (attempt["started"] is not None) == (size >= first)
        assert (attempt["ended"] is not None) == (size == len(RECORD) - 1)
        judged(attempt)


def test_an_end_after_a_torn_line_counts() -> None:
    torn = RECORD[: RECORD.index(b"\n") + 20] + b"\n" + json.dumps(END).encode() + b"\n"
    assert applied(torn)["exit_code"] == 137


def test_a_record_of_another_plan_is_no_success() -> None:
    foreign = json.dumps({**START, "plan": "e" * 64}) + "\n" + json.dumps({**END, "exit_code": 0})
    attempt = applied(foreign.encode())
    assert attempt["plan"] == "e" * 64
    assert judged(attempt) == ("failed", "setup")


def test_an_end_without_a_start_is_no_success() -> None:
    attempt = applied(json.dumps({**END, "exit_code": 0}).encode())
    assert judged(attempt) == ("unknown", "disagree")


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=80), st.integers(0, len(RECORD)), st.integers(0, 60))
def test_garbage_anywhere_in_a_record(garbage: bytes, at: int, left_out: int) -> None:
    judged(applied(RECORD[:at] + garbage + RECORD[at + left_out :]))


JSON = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(-(2**63), 2**64 - 1), st.text(max_size=5),
        st.floats(allow_nan=False, allow_infinity=False),
    ),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2)
    ),
    max_leaves=4,
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(
    st.dictionaries(st.sampled_from(sorted(START.keys() - {"event"})), JSON, max_size=4),
    st.dictionaries(st.sampled_from(sorted(END.keys() - {"event"})), JSON, max_size=4),
)
def test_any_json_in_any_field(start: dict[str, Any], end: dict[str, Any]) -> None:
    lines = [json.dumps({**START, **start}), json.dumps({**END, **end})]
    for data in ("\n".join(lines), lines[0]):
        judged(applied(data.encode()))


def test_a_field_of_the_wrong_type_counts_as_not_said() -> None:
    attempt = applied(RECORD.replace(b'"pid": 7', b'"pid": "7"').replace(b"137", b"true"))
    assert attempt["pid"] is None
    assert attempt["exit_code"] is None
    assert attempt["host"] == "n"
    assert judged(attempt) == ("unknown", "disagree")


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("12.1.2.a.jsonl", (12, "1.2.a")),
        ("12.jsonl", None),
        (".jsonl", None),
        ("x.1.2.jsonl", None),
        ("-1.1.2.jsonl", None),
        ("1.\udcff.jsonl", None),
    ],
)
def test_names_of_records(name: str, parts: tuple[int, str] | None) -> None:
    assert split_name(name) == parts


def test_listing_and_reading(tmp_path: Path) -> None:
    run = str(tmp_path)
    assert list_block(run, 3) == []
    folder = tmp_path / "records/3"
    folder.mkdir(parents=True)
    for name in ("3001.b.jsonl", "3000.a.jsonl", "3000.a.jsonl.nfs", "\udcff.jsonl"):
        (folder / name).touch()
    names = list_block(run, 3)
    assert names == ["3000.a.jsonl", "3001.b.jsonl", "\udcff.jsonl"]
    assert digest(names) != digest(names[:2])
    assert read_record(str(folder / "gone")) is None
    for size in (0, 1, 65535, 65536, 65537, 131072, 200_000):
        (folder / "big").write_bytes(b"x" * size)
        assert read_record(str(folder / "big")) == b"x" * size


SAW = {
    "v": 1, "event": "ended", "shard": 0, "pid": 7, "pid_start": 8, "boot": "b", "host": "n",
    "code": 137, "signal": 9, "wall_s": 1.0, "cpu_s": 1.0, "peak_bytes": 99, "time": 1011.0,
}  # fmt: skip


@pytest.fixture
def journal(tmp_path: Path) -> Callable[[bytes], None]:
    (tmp_path / "logs").mkdir()

    def write(data: bytes) -> None:
        with open(tmp_path / JOURNAL, "ab") as stream:
            stream.write(data)

    return write


def test_the_journal_is_read_on_from_its_last_whole_line(
    tmp_path: Path, journal: Callable[[bytes], None]
) -> None:
    assert read_journal(str(tmp_path), 0) == ({}, 0)
    line = json.dumps(SAW).encode() + b"\n"
    journal(line + line[:30])
    ends, offset = read_journal(str(tmp_path), 0)
    assert (dict(ends), offset) == ({0: [SAW]}, len(line))
    journal(line[30:] + b"garbage\n" + line.replace(b'"pid": 7', b'"pid": null'))
    ends, offset = read_journal(str(tmp_path), offset)
    assert dict(ends) == {0: [SAW]}
    assert read_journal(str(tmp_path), offset) == ({}, offset)
    (tmp_path / JOURNAL).write_bytes(line)
    ends, offset = read_journal(str(tmp_path), offset)
    assert (dict(ends), offset) == ({0: [SAW]}, len(line)), "somebody put a shorter one there"


def test_an_entry_without_a_record_becomes_one_attempt_and_joins_its_record_later() -> None:
    attempts: dict[str, Attempt] = {}
    apply_ends(attempts, [SAW])
    apply_ends(attempts, [SAW])
    assert list(attempts) == ["pool.7.8"]
    assert judged(attempts["pool.7.8"]) == ("lost", "signal")
    start = {**new_attempt("1.2.a"), "pid": 7, "pid_start": 8, "boot": "b"}
    attempts["1.2.a"] = start
    apply_ends(attempts, [])
    assert list(attempts) == ["1.2.a"]
    assert attempts["1.2.a"]["pool"]["signal"] == 9
    assert attempts["1.2.a"]["peak"] == {"bytes": 99, "source": "wait4"}


def test_an_entry_belongs_to_its_very_process() -> None:
    attempts = {
        name: {**new_attempt(name), "pid": 7, "pid_start": start, "boot": boot}
        for name, start, boot in (("1", 8, "other"), ("2", 9, "b"), ("3", 8, "b"))
    }
    apply_ends(attempts, [SAW])
    assert [attempt["pool"] is not None for attempt in attempts.values()] == [False, False, True]


STRUCK = {
    "v": 1, "event": "oom", "shard": 0, "pid": 7, "pid_start": 8, "boot": "b", "host": "n1",
    "by": "pool", "bytes": 3 << 30, "request": 2 << 30, "why": "only 9 MB were free",
}  # fmt: skip


def test_a_job_killed_for_its_memory_is_oom_whichever_line_comes_first() -> None:
    found = []
    for ends in ([STRUCK, SAW], [SAW, STRUCK], [STRUCK]):
        attempt = applied(RECORD)
        for line in ends:  # one at a time, as a fold while it runs sees them
            apply_ends({"1.2.a": attempt}, [line])
        found.append(judged(attempt))
        assert attempt["peak"] == {"bytes": 3 << 30, "source": "sampled"}
        text = "peak 3 GB > request 2 GB: killed by the pool, only 9 MB were free"
        assert attempt["evidence"] == text
    assert found == [("failed", "oom")] * 3


def test_it_runs_until_its_end_is_seen_and_success_outlives_the_kill() -> None:
    attempt = {**new_attempt("1.2.a"), "pid": 7, "pid_start": 8, "boot": "b", "started": 1.0}
    apply_ends({"1.2.a": attempt}, [STRUCK])
    assert judged(attempt)[0] != "lost", "the payload lives on to write how it ended"
    good = {**attempt, "ended": 2.0, "exit_code": 0, "outputs": []}
    assert judged(good) == ("succeeded", None)
    unrecorded: dict[str, Attempt] = {}
    apply_ends(unrecorded, [STRUCK, {**SAW, "code": 137}])
    assert judged(unrecorded["pool.7.8"]) == ("lost", "oom")
