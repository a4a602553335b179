"""Keys that are there once: over all shards, in any order of them, in little memory."""

from __future__ import annotations

import csv
import io
import itertools
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from manifest.checks import MergeSettings
from manifest.errors import Refusal, UserError
from outputs import sorting
from outputs.merge import merge
from outputs.sorting import Sorter

if TYPE_CHECKING:
    from pathlib import Path

    from outputs.job import MergeReport
    from tests.outputs.conftest import Desk

USERS = [b"user,q\nb,1\na,2\n", b"user,q\nd,3\nc,4"]


def test_rows_in_the_order_of_shards_or_of_keys(desk: Desk) -> None:
    desk.merge(desk.sources(USERS), kind="csv", key=["user"])
    assert desk.result() == b"user,q\nb,1\na,2\nd,3\nc,4\n"
    report = desk.merge(
        desk.sources(USERS), kind="csv", key=["user"], order="key", source_column="shard"
    )
    assert desk.result() == b"user,q,shard\na,2,s0\nb,1,s0\nc,4,s1\nd,3,s1\n"
    assert ("unique key", "user") in report.table


@pytest.mark.parametrize("order", ["plan", "key"])
@pytest.mark.parametrize(
    ("tables", "words"),
    [
        ([b"u,q\na,1\n", b"u,q\nb,1\na,1\n"], r"shard 1 \(s1\): key u=a is also in shard 0 \(s0\)"),
        ([b"u,q\na,1\nb,2\na,1\n"], r"shard 0 \(s0\): key u=a is there twice, in rows 1 and 3"),
        ([b"u,q\na,1\nb,1\n"] * 2, r"key u=a is also in .* \(1 more rows have a key twice\)"),
        ([b'u,q\n"a",1\n', b"u,q\na,1\n"], "key u=a is also in"),
        ([b'u,q\n"a\nb",1\n', b'u,q\n"a\nb",1\n'], "key u=a\nb is also in"),
    ],
)
def test_a_key_that_is_there_twice(desk: Desk, tables: list[bytes], order: str, words: str) -> None:
    with pytest.raises(Refusal, match=words):
        desk.merge(desk.sources(tables), kind="csv", key=["u"], order=order)
    assert desk.left() == []


@pytest.mark.parametrize("order", ["plan", "key"])
def test_identical_rows_are_kept_once_when_the_spec_says_so(desk: Desk, order: str) -> None:
    how = {"kind": "csv", "key": ["u"], "duplicates": "identical", "order": order}
    tables = [b"u,q\na,1\nb,2\n", b"u,q\r\nb,2\r\nc,3\r\n", b"u,q\na,1"]
    report = desk.merge(desk.sources(tables), source_column="s", **how)
    assert desk.result().replace(b"\r", b"") == b"u,q,s\na,1,s0\nb,2,s0\nc,3,s1\n"
    assert desk.sidecar()["rows"] == {"read": 5, "identical": 2, "written": 3}
    assert ("left out", "2 rows that are there already") in report.table
    with pytest.raises(Refusal, match=r"shard 1 \(s1\): key u=b is also in shard 0"):
        desk.merge(desk.sources([tables[0], b"u,q\nb,2.0\n"]), **how)
    with pytest.raises(Refusal, match="key u=b is also in"):
        desk.merge(desk.sources([tables[0], b'u,q\nb,"2"\n']), **how)


def test_text_is_text(desk: Desk) -> None:
    table = b"u\n1e5\n100000\na\n a\nA\n007\n7\n\xff\n\x00\n"
    report = desk.merge(desk.sources([table]), kind="csv", key=["u"])
    assert (report.rows, desk.result()) == (9, table)


def expected(
    desk: Desk, keys: list[str], *, kind: str = "csv", partial: bool = False
) -> MergeReport:
    tables = [b"user,q\nb,1\na,2\n", b"user,q\n3,3\n"]
    if kind == "json-lines":
        tables = [b'{"user": "b"}\n{"user": "a"}\n', b'{"user": 3}\n']
    return merge(
        MergeSettings.model_validate({"kind": kind, "key": ["user"]}),
        desk.sources(tables),
        str(desk.target),
        missing=(),
        planned_total=2,
        run={},
        allow_partial=partial,
        expected=iter(keys),
    )


@pytest.mark.parametrize("kind", ["csv", "json-lines"])
def test_keys_that_are_expected(desk: Desk, kind: str) -> None:
    assert expected(desk, ["a", "b", "3"], kind=kind).rows == 3
    with pytest.raises(Refusal, match=r"2 of the planned keys are in no output: c, d\n") as refused:
        expected(desk, ["d", "a", "b", "c", "3"], kind=kind)
    assert "--allow-partial" in str(refused.value.hint)
    with pytest.raises(Refusal, match="3 is none of those that were planned"):
        expected(desk, ["a", "b"], kind=kind, partial=True)


def test_keys_that_are_missing_may_be_allowed_and_are_told(desk: Desk) -> None:
    report = expected(desk, ["d", "a", "b", "3"], partial=True)
    assert report.warnings == ("1 of the planned keys are missing: d",)
    assert desk.sidecar()["missing_keys"] == ["d"]


RECORDS = st.lists(st.tuples(st.text("ab\udcff", max_size=3), st.integers(0, 3), st.binary()))


@given(records=RECORDS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_sorting_on_the_disk_is_sorting(tmp_path: Path, records: list[tuple[Any, ...]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sorting, "RUN", 1000)
        patch.setattr(sorting, "RUNS", 3)
        patch.setattr(sorting, "_PIECE", 900)
        sorter = Sorter(str(tmp_path / "target"))
        for record in records:
            sorter.add(record, len(record[2]))
        assert list(sorter) == sorted(records)
        sorter.close()
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_cannot_sort(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(sorting, "RUN", 1000)
    monkeypatch.setattr(sorting.marshal, "dump", full)
    sources = desk.sources([b"u\n" + b"".join(b"%d\n" % n for n in range(100))])
    desk.target.write_bytes(b"old")
    with pytest.raises(UserError, match="No space left on device"):
        desk.merge(sources, kind="csv", key=["u"])
    assert (desk.result(), desk.left()) == (b"old", ["merged.out"])


FIELD = st.text(st.sampled_from('ab,\n"é'), max_size=2)


@given(
    keys=st.lists(FIELD, unique=True, min_size=1, max_size=12),
    shards=st.integers(1, 4),
    order=st.sampled_from(["plan", "key"]),
    doubles=st.lists(st.integers(0, 11), max_size=4),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_each_key_once_whatever_the_shards(
    desk: Desk,
    keys: list[str],
    shards: int,
    order: str,
    doubles: list[int],
) -> None:
    rows = [(key, f"v{number}") for number, key in enumerate(keys)]
    dealt = [*rows, *(rows[number % len(rows)] for number in doubles)]
    contents = []
    for number in range(shards):
        text = io.StringIO(newline="")
        writer = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL)
        writer.writerows([("u", "v"), *dealt[number::shards]])
        contents.append(text.getvalue().encode())
    results = set()
    for some in itertools.islice(itertools.permutations(contents), 3):
        how = {"kind": "csv", "key": ["u"], "order": order}
        if doubles:
            with pytest.raises(Refusal, match="key u="):
                desk.merge(desk.sources(list(some)), **how)
        desk.merge(desk.sources(list(some)), duplicates="identical", **how)
        text = io.StringIO(desk.result().decode(), newline="")
        found = list(csv.reader(text))
        assert found[0] == ["u", "v"]
        assert sorted(map(tuple, found[1:])) == sorted(rows)
        results.add(desk.result())
    assert order == "plan" or len(results) == 1  # by key, the shards' order does not matter


def test_a_million_keys_in_little_memory(tmp_path: Path) -> None:
    """Peak memory is that of one run, however many keys there are."""
    script = f"""
import resource
from outputs import sorting
sorting.RUN = 4 << 20
from outputs.sorting import Sorter
sorter = Sorter({str(tmp_path / "t")!r})
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for number in range(300_000):
    sorter.add(((str(number * 7919 % 300_007),), number, 1, (), b""), 0)
assert sum(1 for _ in sorter) == 300_000
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < 45_000  # kB; as a list of tuples they take 90 MB
