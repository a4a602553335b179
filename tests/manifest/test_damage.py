"""A manifest with one byte changed anywhere: a UserError, or rows that are whole."""

from __future__ import annotations

import tempfile
from pathlib import Path

import orjson
import pytest

from manifest.errors import UserError
from manifest.header import SCHEMA, Header, Submission
from manifest.rows import SEPARATOR, Rows, count_states
from manifest.states import STATES
from manifest.store import Manifest, read_manifest, with_blocks, write_manifest

SHARDS = 1002  # a second, short block
PLAN = '{"shard_index":%d,"name":"s%d","component":null,"start":%d,"size":1,"seed":null}'
RESULT = (
    '{"shard_index":%d,"name":"s%d","state":"planned","cause":null,"evidence":"no record yet",'
    '"accepted_attempts":[],"attempts":[]}'
)
FOLDER = Path(tempfile.mkdtemp())


def made(shards: int) -> bytes:
    path = str(FOLDER / "manifest.json")
    Path(path).unlink(missing_ok=True)
    plans = [(PLAN % (i, i, i)).encode() for i in range(shards)]
    results = [(RESULT % (i, i)).encode() for i in range(shards)]
    cut = [slice(i, i + 1000) for i in range(0, shards, 1000)]
    head = Header(
        schema_version=SCHEMA, revision=1, run_id="r", run_uuid="u", name="n", scheduler="local",
        plan_id="p", seed=None, shards=shards, created_at_utc="t",
        submissions=(
            Submission(id=1, scheduler="local", shards="0", resources={}, created_at_utc="t"),
        ),
    )  # fmt: skip
    rows = [Rows([SEPARATOR.join(r[part]) for part in cut], path) for r in (plans, results)]
    write_manifest(with_blocks(Manifest(path, head, *rows), ["d"] * len(cut)))
    return Path(path).read_bytes()


def all_of(data: bytes) -> list[tuple[object, ...]] | None:
    """Everything in a manifest, each row by itself; None where a UserError says it is damaged."""
    path = FOLDER / "damaged.json"
    path.write_bytes(data)
    try:
        manifest = read_manifest(str(path))
        return [
            (
                manifest.plans.row(i)["name"],
                manifest.results.row(i)["name"],
                manifest.results.head(i),
            )
            for i in range(manifest.header.shards)
        ]
    except UserError:
        return None


WHOLE = made(3)


@pytest.mark.parametrize("change", [lambda _: 32, lambda byte: byte ^ 1, lambda _: 0x22])
def test_any_one_byte_changed(change: object) -> None:
    assert callable(change)
    for at, byte in enumerate(WHOLE):
        found = all_of(WHOLE[:at] + bytes([change(byte)]) + WHOLE[at + 1 :])
        if found is not None:
            assert len(found) == 3
            assert all(head[0] in STATES for *_, head in found)


def test_cut_anywhere_is_never_a_shorter_manifest() -> None:
    expected = all_of(WHOLE)
    for size in range(len(WHOLE)):
        assert all_of(WHOLE[:size]) == (expected if size == len(WHOLE) - 1 else None)


def test_any_one_byte_left_out_or_put_in() -> None:
    for at in range(0, len(WHOLE), 3):
        for data in (WHOLE[:at] + WHOLE[at + 1 :], WHOLE[:at] + b"," + WHOLE[at:]):
            found = all_of(data)
            assert found is None or len(found) == 3


@pytest.mark.parametrize("label", [b"plans", b"results"])
def test_rows_in_another_order_or_number_are_refused(label: bytes) -> None:
    whole = orjson.loads(made(SHARDS))
    rows = whole[label.decode()]
    for changed in ([*rows[:5], rows[6], rows[5], *rows[7:]], rows[:-1], [*rows, rows[-1]]):
        assert all_of(orjson.dumps({**whole, label.decode(): changed})) is None
    assert all_of(orjson.dumps(whole)) is not None


def test_a_row_may_not_vanish_between_blocks() -> None:
    whole = made(SHARDS)
    assert all_of(whole) is not None
    line = (RESULT % (500, 500)).encode() + SEPARATOR
    assert whole.count(line) == 1
    assert all_of(whole.replace(line, b"")) is None
    assert all_of(whole.replace(line[:-2] + b",\n", line[:-2] + b";\n")) is None


def test_states_are_counted_with_the_bad_ones() -> None:
    row = (RESULT % (0, 0)).encode()
    failed = row.replace(b'"planned","cause":null', b'"failed","cause":"oom"')
    unsure = row.replace(b'"planned","cause":null', b'"unknown","cause":"disagree"')
    assert count_states([row, failed, failed, unsure], "p") == {
        "bad": 3, "failed": 2, "planned": 1, "unknown": 1,
    }  # fmt: skip
    with pytest.raises(UserError, match="damaged"):
        count_states([row.replace(b"planned", b"plannet")], "p")


def test_a_temporary_file_of_a_dead_writer_is_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "node.1")
    dead, other, living = (
        FOLDER / name
        for name in (
            ".manifest.json.node.1.999999999.tmp",
            ".manifest.json.elsewhere.999999999.tmp",
            ".manifest.json.node.1.1.tmp",
        )
    )
    for path in (dead, other, living):
        path.touch()
    made(3)
    assert [path.exists() for path in (dead, other, living)] == [False, True, True]
