"""Observations arrive in any order, line by line, and are folded at any time."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.fold import Folded, fold
from collectors.run_facts import read_facts
from collectors.verdicts import Limits, World
from farmhand.new_run import make_run
from farmhand.submissions import Way
from manifest.errors import UserError
from manifest.rows import SEPARATOR
from manifest.spec import Spec
from manifest.store import read_manifest
from renderer.plan import make_plan

SHARDS = 3
SPEC = {
    "name": "f", "work": {"count": SHARDS}, "shards": SHARDS, "command": ["true"],
    "outputs": {"o": {"path": "o.json", "check": {"json": {"keys": ["a"]}}}},
}  # fmt: skip
WORLD = World(9000.0, "here", lambda _: None, {1: Limits(memory=1000)}, lambda _: "Error: x")


@pytest.fixture(scope="module")
def pristine() -> Iterator[str]:
    folder = tempfile.mkdtemp()
    run, _ = make_run(make_plan(Spec.model_validate(SPEC), folder), Way("local"), folder, "r")
    yield run
    shutil.rmtree(folder)


class Scene:
    """A run whose attempts leave their traces one line at a time."""

    def __init__(self, pristine: str) -> None:
        self.run = shutil.copytree(pristine, os.path.join(tempfile.mkdtemp(), "r"))
        self.manifest = read_manifest(f"{self.run}/manifest.json")
        self.facts = read_facts(self.run)

    def fold(self, *, recheck: bool = False) -> Folded:
        folded = fold(self.manifest, self.facts, WORLD, recheck=recheck)
        self.manifest = folded.manifest
        return folded

    def rows(self) -> list[bytes]:
        return list(self.manifest.results)

    def record(self, shard: int, attempt: str) -> Path:
        return Path(self.run, f"records/0/{shard}.{attempt}.jsonl")

    def observe(self, shard: int, number: int, kind: str, text: str) -> None:
        if kind == "pool":
            with open(f"{self.run}/logs/pool.jsonl", "a", encoding="utf-8") as stream:
                stream.write(text)
        else:
            with open(self.record(shard, f"{number}.1.x"), "a", encoding="utf-8") as stream:
                stream.write(text)

    def output(self, shard: int, number: int, text: str = '{"a": 1}') -> Path:
        folder = Path(self.run, f"shards/s{shard}/{number}.1.x")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "o.json").write_text(text)
        os.utime(folder / "o.json", (300, 300))
        return folder / "o.json"


def start_line(plan: str, shard: int, number: int) -> str:
    attempt = f"{number}.1.x"
    line = {
        "v": 1, "event": "start", "plan": plan, "submission": 1, "shard": shard,
        "attempt": attempt, "native_id": str(number), "scheduler": "local", "restarts": 0,
        "host": "gone", "pid": number, "pid_start": shard, "boot": "b", "time": 100.0 + number,
        "dir": f"shards/s{shard}/{attempt}",
    }  # fmt: skip
    return json.dumps(line) + "\n"


def end_line(number: int, code: int, peak: int | None) -> str:
    line = {
        "event": "end", "time": 500.0 - number, "exit_code": code, "cause": None, "wall_s": 1.5,
        "peak": None if peak is None else {"bytes": peak, "source": "vmhwm"},
    }  # fmt: skip
    return json.dumps(line) + "\n"


def pool_line(shard: int, number: int, code: int) -> str:
    line = {
        "v": 1, "event": "ended", "shard": shard, "pid": number, "pid_start": shard, "boot": "b",
        "host": "gone", "code": code, "signal": code - 128 if code > 128 else None, "wall_s": 1.0,
        "cpu_s": 1.0, "peak_bytes": 990, "time": 501.0,
    }  # fmt: skip
    return json.dumps(line) + "\n"


ATTEMPTS = st.lists(
    st.tuples(
        st.integers(0, SHARDS - 1),
        st.integers(1, 3),
        st.sampled_from(["this", "this", "this", "other", None]),  # the plan; None: no record
        st.sampled_from([None, 0, 0, 3, 137]),  # the record's end
        st.sampled_from([None, 0, 3, 137]),  # what the pool saw
        st.sampled_from([None, 10]),  # the peak that the record tells
        st.sampled_from(["good", "bad", "none"]),  # the output
    ),
    max_size=5,
    unique_by=lambda item: item[:2],
)


def observations(plan: str, items: list[Any]) -> list[tuple[int, int, str, str]]:
    found = []
    for shard, number, whose, code, pool, peak, _ in items:
        if whose is not None:
            text = start_line(plan if whose == "this" else "e" * 64, shard, number)
            if code is not None:
                text += end_line(number, code, peak)
            # Torn anywhere: in the start line, between the lines and in the end line.
            cut = sorted({0, len(text) // 3, text.index("\n") + 1, len(text) - 9, len(text)})
            pieces = [text[a:b] for a, b in pairwise(cut)]
            found += [(shard, number, "record", piece) for piece in pieces]
        if pool is not None:
            found.append((shard, number, "pool", pool_line(shard, number, pool)))
    return found


def mingled(data: st.DataObject, items: list[tuple[int, int, str, str]]) -> Iterator[Any]:
    """Yield observations in any order in which each file grows at its end."""
    queues: dict[Any, list[Any]] = {}
    for item in items:
        queues.setdefault(item[:3], []).append(item)
    while queues:
        key = data.draw(st.sampled_from(sorted(queues)))
        yield queues[key].pop(0)
        if not queues[key]:
            del queues[key]


@settings(max_examples=60, deadline=None)
@given(data=st.data(), items=ATTEMPTS)
def test_any_order_in_any_steps_twice(pristine: str, data: st.DataObject, items: list[Any]) -> None:
    once, scene = Scene(pristine), Scene(pristine)
    plan = once.manifest.header.plan_id
    for shard, number, *_, output in items:
        for place in (once, scene):
            if output != "none":
                place.output(shard, number, '{"a": 1}' if output == "good" else '{"a"')
    for item in observations(plan, items):
        once.observe(*item)
    once.fold()
    for item in mingled(data, observations(plan, items)):
        scene.observe(*item)
        if data.draw(st.booleans()):
            scene.fold()
    scene.fold()
    assert scene.rows() == once.rows()
    assert scene.fold().read <= once.fold().read
    assert scene.rows() == once.rows()
    for place in (once, scene):
        shutil.rmtree(os.path.dirname(place.run))


def ended(scene: Scene, shard: int, number: int = 1, code: int = 0) -> None:
    text = start_line(scene.manifest.header.plan_id, shard, number) + end_line(number, code, None)
    scene.observe(shard, number, "record", text)


@pytest.fixture
def scene(pristine: str, tmp_path: Path) -> Scene:
    made = Scene(pristine)
    made.run = shutil.copytree(made.run, tmp_path / "r")
    made.manifest = read_manifest(f"{made.run}/manifest.json")
    made.facts = read_facts(made.run)
    return made


def test_what_is_known_is_not_touched_again(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    outputs = [scene.output(shard, 1) for shard in range(SHARDS)]
    for shard in range(SHARDS):
        ended(scene, shard)
    first = scene.fold()
    assert (first.read, first.changed) == (SHARDS, True)
    rows = scene.rows()
    assert [json.loads(row)["state"] for row in rows] == ["succeeded"] * SHARDS
    for path in outputs:
        path.unlink()
    for path in Path(scene.run, "records/0").iterdir():
        path.write_bytes(b"other")
    monkeypatch.setattr(
        "collectors.block_fold.parse_row", lambda row, _: pytest.fail(f"parsed {row}")
    )
    second = scene.fold()
    assert (second.read, second.changed) == (0, False)
    assert scene.rows() == rows


def test_a_new_record_beside_known_ones_is_the_only_one_read(scene: Scene) -> None:
    for shard in range(SHARDS):
        ended(scene, shard, code=3)
    scene.fold()
    ended(scene, 1, number=2)
    scene.output(1, 2)
    assert scene.fold().read == 1
    row = scene.manifest.results.row(1)
    assert (row["state"], row["accepted_attempts"]) == ("succeeded", ["2.1.x"])
    assert [attempt["cause"] for attempt in row["attempts"]] == ["exit_code", None]


def test_recheck_notices_an_output_that_changed_or_went(scene: Scene) -> None:
    outputs = [scene.output(shard, 1) for shard in range(SHARDS)]
    for shard in range(SHARDS):
        ended(scene, shard)
    scene.fold()
    assert not scene.fold(recheck=True).changed
    outputs[0].write_text('{"b": 1}')
    outputs[1].unlink()
    assert not scene.fold().changed
    assert scene.fold(recheck=True).changed
    found = [scene.manifest.results.row(shard) for shard in range(SHARDS)]
    assert [(row["state"], row["cause"]) for row in found] == [
        ("failed", "bad_output"), ("failed", "bad_output"), ("succeeded", None),
    ]  # fmt: skip
    assert "o.json does not exist" in found[1]["evidence"]


def test_strangers_among_the_records_are_counted_and_passed_over(scene: Scene) -> None:
    for name in ("notes.jsonl", "99.1.2.x.jsonl", "0.\udcff.jsonl"):
        Path(scene.run, "records/0", name).write_text("hello\n")
    ended(scene, 0, code=3)
    folded = scene.fold()
    assert (folded.strangers, folded.read) == (3, 1)
    assert scene.manifest.header.blocks[0].states == {"bad": 1, "failed": 1, "planned": 2}


def test_a_record_that_cannot_be_read_is_asked_for_again(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.output(0, 1)
    ended(scene, 0)
    with monkeypatch.context() as patch:
        patch.setattr("collectors.block_fold.read_record", lambda _: None)
        scene.fold()
    assert scene.manifest.results.head(0) == ("unknown", None)
    scene.fold()
    assert scene.manifest.results.head(0) == ("succeeded", None)


def edited(scene: Scene, old: bytes, new: bytes) -> None:
    """Edit the row of shard 0 behind farmhand's back, and let it be folded again."""
    row, *rest = scene.rows()
    assert row.count(old) == 1
    results = scene.manifest.results.replaced({0: SEPARATOR.join([row.replace(old, new), *rest])})
    scene.manifest = replace(scene.manifest, results=results)
    ended(scene, 0, number=2, code=3)


def test_a_damaged_attempt_is_read_again_from_its_record(scene: Scene) -> None:
    ended(scene, 0, code=3)
    scene.fold()
    edited(scene, b'"ended":', b'"bended":')
    assert scene.fold().read == 2
    first = scene.manifest.results.row(0)["attempts"][0]
    assert (first["ended"], first["state"], first["exit_code"]) == (499.0, "failed", 3)


@pytest.mark.parametrize("key", ["attempt", "attempts"])
def test_damage_that_cannot_be_mended_is_told(scene: Scene, key: str) -> None:
    ended(scene, 0, code=3)
    scene.fold()
    edited(scene, f'"{key}":'.encode(), b'"x":')
    with pytest.raises(UserError, match="damaged"):
        scene.fold()
