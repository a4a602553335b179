"""Folding observations in any order, in any number of steps, twice, gives the same manifest."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.fold import fold
from collectors.run_facts import read_facts
from collectors.verdicts import World
from farmhand.new_run import make_run
from farmhand.submissions import Way
from manifest.spec import Spec
from manifest.store import Manifest, read_manifest
from renderer.plan import make_plan

if TYPE_CHECKING:
    from collections.abc import Sequence

SHARDS = 4
SPEC = {"name": "f", "work": {"count": SHARDS}, "shards": SHARDS, "command": ["true"]}
# One observation: shard, attempt, whether it has ended and how, and how the pool saw it.
OBSERVATIONS = st.lists(
    st.tuples(
        st.integers(0, SHARDS - 1),
        st.integers(0, 3),
        st.sampled_from([None, 0, 3, 137, 255]),
        st.sampled_from([None, 0, 3, 137]),
    ),
    max_size=12,
    unique_by=lambda item: item[:2],
)


def write(run: str, plan_id: str, item: Any) -> None:
    shard, number, code, pool = item
    attempt = f"{100 + number}.{number}.abc"
    start = {
        "v": 1, "event": "start", "plan": plan_id, "submission": 1, "shard": shard,
        "attempt": attempt, "native_id": "1", "scheduler": "local", "restarts": 0, "host": "gone",
        "pid": 100 + number, "pid_start": shard, "boot": "b", "time": 1000.0 + number,
        "dir": f"shards/s{shard}/{attempt}",
    }  # fmt: skip
    lines = [json.dumps(start)]
    if code is not None:
        end = {"event": "end", "time": 2000.0 + number, "exit_code": code, "cause": None}
        lines.append(json.dumps(end))
    record = Path(run, "records", "0", f"{shard}.{attempt}.jsonl")
    record.write_text("\n".join(lines) + "\n")
    if pool is not None:
        entry = {
            "v": 1, "event": "ended", "shard": shard, "pid": 100 + number, "pid_start": shard,
            "boot": "b", "host": "gone", "code": pool, "signal": None, "wall_s": 1.0,
            "cpu_s": 1.0, "peak_bytes": 5, "time": 2001.0,
        }  # fmt: skip
        with open(f"{run}/logs/pool.jsonl", "a", encoding="utf-8") as journal:
            journal.write(json.dumps(entry) + "\n")


def fresh() -> Manifest:
    folder = tempfile.mkdtemp()
    run, _ = make_run(make_plan(Spec.model_validate(SPEC), folder), Way("local"), folder, "r")
    return read_manifest(f"{run}/manifest.json")


def folded(manifest: Manifest) -> Manifest:
    world = World(5000.0, "here", lambda _: None, {}, lambda _: "")
    return fold(manifest, read_facts(manifest.run), world).manifest


def rows_after(items: Sequence[Any], cuts: set[int]) -> list[bytes]:
    manifest = fresh()
    for number, item in enumerate(items):
        write(manifest.run, manifest.header.plan_id, item)
        if number in cuts:
            manifest = folded(manifest)
    manifest = folded(manifest)
    assert list(folded(manifest).results) == list(manifest.results), "twice is once"
    return list(manifest.results)


@settings(max_examples=40, deadline=None)
@given(data=st.data(), items=OBSERVATIONS)
def test_any_order_in_any_steps(data: st.DataObject, items: list[Any]) -> None:
    shuffled = data.draw(st.permutations(items))
    cuts = data.draw(st.sets(st.integers(0, 12)))
    assert rows_after(shuffled, cuts) == rows_after(items, set())


def test_a_second_fold_reads_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    manifest = fresh()
    for shard in range(SHARDS):
        write(manifest.run, manifest.header.plan_id, (shard, 0, 0, 0))
    first = folded(manifest)
    monkeypatch.setattr(
        "collectors.block_fold.read_record", lambda path: pytest.fail(f"read {path}")
    )
    monkeypatch.setattr("collectors.output_evidence.check_attempt", lambda *_: pytest.fail("look"))
    assert list(folded(first).results) == list(first.results)


def test_an_attempt_that_ends_while_it_is_looked_at_is_not_lost() -> None:
    manifest = fresh()
    write(manifest.run, manifest.header.plan_id, (0, 0, None, None))
    record = next(Path(manifest.run, "records", "0").iterdir())
    answers = iter([True, False])

    def alive(_: object) -> bool:
        answer = next(answers)
        if answer:  # it ends right after this look, and its process is gone at the next
            end = {"event": "end", "time": 2000.0, "exit_code": 0, "cause": None}
            record.write_text(record.read_text() + json.dumps(end) + "\n")
        return answer

    world = World(5000.0, "gone", alive, {}, lambda _: "")
    now = fold(manifest, read_facts(manifest.run), world).manifest
    assert now.results.head(0) == ("running", None)
    assert folded(now).results.head(0) == ("succeeded", None)
