from __future__ import annotations

import csv
import io
import resource
from typing import TYPE_CHECKING, Any, Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from manifest.checks import MergeSettings
from manifest.errors import Refusal, UserError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from outputs.facts import ShardFacts
    from tests.outputs.conftest import Desk

A = b"user,q\n1,0.10\n2,007\n"
B = b"user,q\n3,1e5\n"


def test_rows_are_concatenated_under_one_header(desk: Desk) -> None:
    report = desk.merge(desk.sources([A, B]), kind="csv")
    assert desk.result() == b"user,q\n1,0.10\n2,007\n3,1e5\n"
    assert report.rows == 3
    assert desk.left() == ["merged.out", "merged.out.merge.json"]
    side = desk.sidecar()
    assert [(s["shard_index"], s["path"], s["rows"], s["bytes"]) for s in side["sources"]] == [
        (0, "shards/s0", 2, len(A)),
        (1, "shards/s1", 1, len(B)),
    ]
    assert side["counts"]["rows"] == 3
    assert side["run"] == {"run_id": "r1", "plan_id": "p1"}
    assert (side["complete"], side["missing"]) == (True, [])


@pytest.mark.parametrize(
    ("tables", "merged"),
    [
        ([b"a,b\n1,2", b"a,b\n3,4\n"], b"a,b\n1,2\n3,4\n"),
        ([b"a,b\r\n1,2", b"a,b\r\n3,4\r\n"], b"a,b\r\n1,2\r\n3,4\r\n"),
        ([b"a,b\n", b"a,b\n3,4"], b"a,b\n3,4\n"),
        ([b"a,b", b"a,b"], b"a,b\n"),
        ([b"\xef\xbb\xbfa,b\n1,2\n", b"\xef\xbb\xbfa,b\n3,4\n"], b"a,b\n1,2\n3,4\n"),
        ([b'"a",b\n1,2\n', b"a,b\n\n3,4\n"], b'"a",b\n1,2\n3,4\n'),
        ([b"a\n\xff\x00\n", b'a\n"x\ny"\n'], b'a\n\xff\x00\n"x\ny"\n'),
    ],
)
def test_ends_of_lines_marks_and_empty_tables(
    desk: Desk, tables: list[bytes], merged: bytes
) -> None:
    desk.merge(desk.sources(tables), kind="csv")
    assert desk.result() == merged


@pytest.mark.parametrize(
    ("tables", "settings", "words"),
    [
        ([A, b"user,p\n3,1\n"], {}, r"shard 1 \(s1\): the header is user, p; shard 0 \(s0\) has"),
        ([A, b""], {}, r"shard 1 \(s1\): has no header line"),
        ([A, b"user,q\n3\n"], {}, r"shard 1 \(s1\): data row 1 has 1 fields, the header 2"),
        ([A, b'user,q\n3,"4\n'], {}, r"shard 1 \(s1\): line 2: unexpected end of data"),
        ([A, b"user,q\n2,5\n"], {"key": ["user"]}, r"s1\): key user=2 is also in shard 0 \(s0\)"),
        ([A, b"user,q\n3,5\n3,6\n"], {"key": ["user"]}, r"shard 1 \(s1\): key user=3 is there tw"),
        ([A, B], {"key": ["id"]}, r"shard 0 \(s0\): has no column id; it has user, q"),
        ([A, B], {"source_column": "q"}, "the tables already have a column q"),
        ([b"a,a\n1,2\n"], {"key": ["a"]}, r"shard 0 \(s0\): two columns have one name"),
        (
            [b"m,x\na/b,1\n", b"m,x\na_b,2\n"],
            {"group_by": ["m"]},
            r"shard 1 \(s1\): 'a/b' and 'a_b' of m would both be written to m=a_b.csv",
        ),
        ([b"m\n" + b"x" * 300], {"group_by": ["m"]}, "is too long for a file name"),
    ],
)
def test_refusals_name_the_shard_and_leave_nothing(
    desk: Desk, tables: list[bytes], settings: dict[str, Any], words: str
) -> None:
    with pytest.raises(Refusal, match=words):
        desk.merge(desk.sources(tables), kind="csv", **settings)
    assert desk.left() == []


def test_an_input_that_vanished(desk: Desk) -> None:
    sources = desk.sources([A, B])
    (desk.folder / "shards" / "s1").unlink()
    with pytest.raises(Refusal, match=r"shard 1 \(s1\): cannot be read: No such file"):
        desk.merge(sources, kind="csv")
    assert desk.left() == []


def test_source_column_and_key_over_two_columns(desk: Desk) -> None:
    tables = [b'a\tb\r\n1\t"x\r\ny"\r\n', b"a\tb\r\n1\tz"]
    desk.merge(
        desk.sources(tables), kind="csv", key=["a", "b"], source_column="shard", delimiter="\t"
    )
    assert desk.result() == b'a\tb\tshard\r\n1\t"x\r\ny"\ts0\r\n1\tz\ts1\r\n'


def test_groups_get_a_file_each_and_replace_an_earlier_merge(desk: Desk) -> None:
    tables = [b"m,f,x\n0.1,e,1\n0.2,e,2\n", b"m,f,x\n0.1,e,3\n"]
    for _ in range(2):
        report = desk.merge(desk.sources(tables), kind="csv", group_by=["m", "f"])
        assert sorted(path.name for path in desk.target.iterdir()) == [
            "m=0.1,f=e.csv",
            "m=0.2,f=e.csv",
        ]
    assert (desk.target / "m=0.1,f=e.csv").read_bytes() == b"m,f,x\n0.1,e,1\n0.1,e,3\n"
    assert report.rows == 3
    assert len(report.targets) == 2
    assert desk.sidecar()["outputs"][0]["path"] == "merged.out/m=0.1,f=e.csv"
    assert desk.left() == ["merged.out", "merged.out.merge.json"]


def test_a_directory_of_somebody_else_is_not_replaced(desk: Desk) -> None:
    sources = desk.sources([b"m\n1\n"])
    desk.target.mkdir()
    (desk.target / "thesis.tex").touch()
    with pytest.raises(UserError, match=r"holds files that no merge wrote: thesis.tex"):
        desk.merge(sources, kind="csv", group_by=["m"])
    assert (desk.target / "thesis.tex").exists()


def test_a_partial_result_says_so(desk: Desk, make_facts: Callable[..., ShardFacts]) -> None:
    desk.merge(desk.sources([A, B]), (make_facts(2, [10, 10, 10]),), kind="csv")
    side = desk.sidecar()
    assert side["complete"] is False
    assert [(row["shard_index"], row["name"]) for row in side["missing"]] == [(2, "s2")]


def test_merge_check_is_asked_before_the_rename(desk: Desk) -> None:
    desk.sources([])
    desk.target.write_bytes(b"old")
    with pytest.raises(Refusal, match="the merged result has 3 rows, planned 20"):
        desk.merge(desk.sources([A, B]), kind="csv", check={"csv": {"rows": "work.count"}})
    assert desk.result() == b"old"
    desk.merge(desk.sources([A, B]), kind="csv", check={"csv": {"rows": "3"}})


FIELDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)


@given(
    tables=st.lists(st.lists(st.tuples(FIELDS, FIELDS), max_size=4), min_size=1, max_size=4),
    delimiter=st.sampled_from([",", ";", "\t"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    newline=st.sampled_from(["\n", "\r\n"]),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_field_survives(
    desk: Desk,
    tables: list[list[tuple[str, str]]],
    delimiter: str,
    quoting: Literal[0, 1],
    newline: str,
) -> None:
    if any("\r" in field for rows in tables for row in rows for field in row):
        quoting = csv.QUOTE_ALL  # older csv writers leave a lone carriage return bare

    def written(rows: list[tuple[str, str]]) -> bytes:
        text = io.StringIO(newline="")
        writer = csv.writer(text, delimiter=delimiter, quoting=quoting, lineterminator=newline)
        writer.writerows([("a", "b"), *rows])
        return text.getvalue().encode()

    desk.merge(desk.sources([written(rows) for rows in tables]), kind="csv", delimiter=delimiter)
    text = io.StringIO(desk.result().decode(), newline="")
    found = [tuple(row) for row in csv.reader(text, delimiter=delimiter, strict=True)]
    assert found == [("a", "b"), *(row for rows in tables for row in rows)]
    assert desk.result() == written([row for rows in tables for row in rows])


def test_json_lines(desk: Desk) -> None:
    report = desk.merge(
        desk.sources([b'{"id": 1, "x": NaN}\n\n{"id":"1"}', b'{"id": 2}\r\n']),
        kind="json-lines",
        key=["id"],
    )
    assert desk.result() == b'{"id": 1, "x": NaN}\n{"id":"1"}\n{"id": 2}\r\n'
    assert report.rows == 3
    assert desk.sidecar()["sources"][0]["rows"] == 2


@pytest.mark.parametrize(
    ("second", "words"),
    [
        (b'{"id": 2}\n{"id": 3', r"shard 1 \(s1\): line 2: truncated JSON at byte 8"),
        (b'{"id": 1}\n', r"shard 1 \(s1\): key id=1 is also in shard 0 \(s0\)"),
        (b'{"no": 1}\n', r"shard 1 \(s1\): line 1 has no id, a field of the key"),
        (b"[1]\n", r"shard 1 \(s1\): line 1 has no id"),
    ],
)
def test_json_lines_refusals(desk: Desk, second: bytes, words: str) -> None:
    with pytest.raises(Refusal, match=words):
        desk.merge(desk.sources([b'{"id": 1}\n', second]), kind="json-lines", key=["id"])
    assert desk.left() == []


def test_text_is_joined_at_newlines(desk: Desk) -> None:
    report = desk.merge(desk.sources([b"a\nb", b"", b"c\n", b"\xffd"]), kind="text")
    assert desk.result() == b"a\nb\nc\n\xffd\n"
    assert report.rows == 4
    assert [part["bytes"] for part in desk.sidecar()["sources"]] == [3, 0, 2, 2]


@pytest.mark.parametrize(
    "settings",
    [
        {"kind": "text", "key": ["a"]},
        {"kind": "toys", "delimiter": ";"},
        {"kind": "json-lines", "group_by": ["a"]},
        {"kind": "csv", "command": ["hadd"]},
        {"kind": "command"},
        {"kind": "command", "command": ["hadd", "{{ merge.inputs }}"]},
    ],
)
def test_settings_that_a_kind_would_ignore_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        MergeSettings.model_validate(settings)


def test_many_sources_need_few_descriptors(desk: Desk, tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    sources = desk.sources([b"g,x\n%d,%d\n" % (i, i) for i in range(300)])
    resource.setrlimit(resource.RLIMIT_NOFILE, (100, hard))
    try:
        report = desk.merge(sources, kind="csv", group_by=["g"])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert len(report.targets) == 300
