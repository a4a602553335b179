"""One table for each point, with a column that says where rows came from."""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import io
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from manifest.checks import MergeSettings
from manifest.errors import Refusal
from outputs.csv_rows import raw_fields

if TYPE_CHECKING:
    from outputs.facts import Source
    from tests.outputs.conftest import Desk

GRID = [("0.10", "mu", "direct"), ("0.10", "mu", "tau"), ("0.2", "e", "direct"), ("0.10", "e", "w")]
PER_POINT: dict[str, Any] = {
    "kind": "csv",
    "group_by": ["params.mass", "params.flavour"],
    "source_column": "channel",
    "source": "params.mode",
}


def at_points(desk: Desk, contents: list[bytes], points: list[tuple[str, ...]]) -> list[Source]:
    return [
        dataclasses.replace(
            source,
            facts=dataclasses.replace(
                source.facts,
                params=dict(zip(("mass", "flavour", "mode"), point, strict=True)),
                component="_".join(point),
            ),
        )
        for source, point in zip(desk.sources(contents), points, strict=True)
    ]


def files(desk: Desk) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in desk.target.iterdir()}


def test_channels_of_a_point_become_one_file_with_a_source_column(desk: Desk) -> None:
    contents = [b"x,y\n%d,0.50\n%d,007\n" % (i, i + 10) for i in range(4)]
    sources = at_points(desk, contents, GRID)
    report = desk.merge(sources, **PER_POINT)
    assert files(desk) == {
        "mass=0.10,flavour=mu.csv": b"x,y,channel\n0,0.50,direct\n10,007,direct\n"
        b"1,0.50,tau\n11,007,tau\n",
        "mass=0.2,flavour=e.csv": b"x,y,channel\n2,0.50,direct\n12,007,direct\n",
        "mass=0.10,flavour=e.csv": b"x,y,channel\n3,0.50,w\n13,007,w\n",
    }
    assert report.rows == 8
    told = {row["path"]: row for row in desk.sidecar()["outputs"]}
    assert {name: row["shards"] for name, row in told.items()} == {
        "merged.out/mass=0.10,flavour=mu.csv": "0-1",
        "merged.out/mass=0.2,flavour=e.csv": "2",
        "merged.out/mass=0.10,flavour=e.csv": "3",
    }
    for name, data in files(desk).items():
        row = told[f"merged.out/{name}"]
        assert row["sha256"] == hashlib.sha256(data).hexdigest()
        assert row["rows"] == data.count(b"\n") - 1
    assert desk.sidecar()["rows"] == {"read": 8, "identical": 0, "written": 8}
    assert [Path(source.path).read_bytes() for source in sources] == contents


def test_columns_and_values_of_shards_together(desk: Desk) -> None:
    sources = at_points(desk, [b"u\na\nb\n", b"u\nb\n"], GRID[:2])
    desk.merge(sources, kind="csv", group_by=["u", "component"], key=["u", "params.mode"])
    assert files(desk) == {
        "u=a,component=0.10_mu_direct.csv": b"u\na\n",
        "u=b,component=0.10_mu_direct.csv": b"u\nb\n",
        "u=b,component=0.10_mu_tau.csv": b"u\nb\n",
    }


@pytest.mark.parametrize(
    ("contents", "changes", "words"),
    [
        ([b"x\n1\n", b"x\n2\n"], {"group_by": ["params.mas"]}, "has no params.mas; it has params"),
        ([b"x\n1\n", b"x\n2\n"], {"group_by": ["point.mass"]}, r"has no point.mass; it has no poi"),
        ([b"x\n1\n", b"x\n2\n"], {"source": "params.x"}, r"shard 0 \(s0\): has no params.x"),
        ([b"channel\n1\n", b"x\n2\n"], {}, r"the tables already have a column channel"),
        ([b"params.mass\n1\n", b"x\n2\n"], {}, r"params.mass is a column of the tables, and is kn"),
        ([b"x,y\n1,2\n", b"y,z\n2,3\n"], {}, r": only shard 1 \(s1\) has z; only shard 0 \(s"),
        ([b"x,y\n1,2\n", b"y,x\n2,3\n"], {}, "the same columns in another order"),
        ([b"x,x\n1,2\n", b"x,x\n2,3\n"], {}, "two columns have one name: x, x"),
    ],
)  # fmt: skip
def test_refusals(desk: Desk, contents: list[bytes], changes: dict[str, Any], words: str) -> None:
    with pytest.raises(Refusal, match=words):
        desk.merge(at_points(desk, contents, GRID[:2]), **(PER_POINT | changes))
    assert desk.left() == []


def test_other_columns_name_both_files(desk: Desk) -> None:
    with pytest.raises(Refusal) as refused:
        desk.merge(desk.sources([b"a\n", b"b\n"]), kind="csv")
    assert refused.value.where == "shards/s1 and shards/s0"
    assert "columns: union" in str(refused.value.hint)


def test_the_union_leaves_empty_what_a_table_lacks(desk: Desk) -> None:
    tables = [
        b'\xef\xbb\xbfa,"b"\n1,"x,\n""y"""\n2,',
        b'c;d,a\r\n"3",\r\n',
        b"b,a\n",
        b'b,a\n"",0.0\n',
    ]
    desk.merge(desk.sources(tables), kind="csv", columns="union", source_column="s")
    assert desk.result() == (b'a,"b",c;d,s\n1,"x,\n""y""",,s0\n2,,,s0\n,,"3",s1\r\n0.0,"",,s3\n')


def test_a_union_needs_columns_of_different_names(desk: Desk) -> None:
    with pytest.raises(Refusal, match=r"shard 1 \(s1\): two columns have one name: a, a"):
        desk.merge(desk.sources([b"b\n", b"a,a\n"]), kind="csv", columns="union")


def test_two_points_never_share_a_file(desk: Desk) -> None:
    sources = at_points(desk, [b"x\n1\n"] * 2, [("a/b", "e", "m"), ("a_b", "e", "m")])
    with pytest.raises(Refusal, match=r"'a/b', 'e' and 'a_b', 'e' of params.mass, params.flavour"):
        desk.merge(sources, **PER_POINT)
    sources = at_points(desk, [b"x\n1\n"], [("../../etc", "", "m")])
    desk.merge(sources, **PER_POINT)
    assert list(files(desk)) == ["mass=.._.._etc,flavour=.csv"]


@pytest.mark.parametrize(
    "given_",
    [
        {"source": "params.mode"},
        {"source": "mode", "source_column": "s"},
        {"duplicates": "identical"},
        {"order": "key"},
        {"recompute": {"command": ["x", "{{ merge.input }}", "{{ merge.output }}"]}},
        {"drop": True},
        {"non_additive": ["q"], "key": ["q"], "drop": True},
        {"non_additive": ["q"], "recompute": {"command": ["x", "{{ merge.input }}"]}},
        {"source_column": ""},
    ],
)
def test_settings_that_mean_nothing_are_refused(given_: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        MergeSettings.model_validate({"kind": "csv"} | given_)


FIELD = st.text(st.sampled_from('ab ,;\n"é\x00'), max_size=4)


@given(rows=st.lists(st.lists(FIELD, min_size=2, max_size=4), min_size=1), quote=st.booleans())
def test_raw_fields_are_those_of_the_csv_module(rows: list[list[str]], *, quote: bool) -> None:
    for row in rows:
        text = io.StringIO(newline="")
        how = csv.QUOTE_ALL if quote else csv.QUOTE_MINIMAL
        csv.writer(text, lineterminator="\n", quoting=how).writerow(row)
        raw = text.getvalue().encode().removesuffix(b"\n")
        found = raw_fields(raw, b",")
        assert b",".join(found) == raw
        read = [csv.reader(io.StringIO(one.decode() + ",x", newline="")) for one in found]
        assert [next(one)[0] for one in read] == row


@given(
    tables=st.lists(
        st.tuples(
            st.permutations(["a", "b", "c"]).flatmap(
                lambda names: st.integers(1, 3).map(lambda n: names[:n])
            ),
            st.sampled_from(["0.1", "0.10", "x y"]),
            st.lists(st.tuples(FIELD, FIELD, FIELD), max_size=3),
        ),
        min_size=1,
        max_size=4,
    )
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_every_row_is_in_one_file_whatever_the_columns(
    desk: Desk, tables: list[tuple[list[str], str, list[tuple[str, str, str]]]]
) -> None:
    contents, wanted = [], Counter[Any]()
    for number, (names, mass, rows) in enumerate(tables):
        text = io.StringIO(newline="")
        writer = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL)
        writer.writerows([names, *(row[: len(names)] for row in rows)])
        contents.append(text.getvalue().encode())
        for row in rows:
            full = dict.fromkeys("abc", "") | dict(zip(names, row, strict=False))
            wanted[mass, f"s{number}", *full.values()] += 1
    sources = at_points(desk, contents, [(mass, "e", "m") for _, mass, _ in tables])
    desk.merge(sources, kind="csv", columns="union", group_by=["params.mass"], source_column="from")
    found = Counter[Any]()
    for mass in ("0.1", "0.10", "x y"):
        path = desk.target / f"mass={mass.replace(' ', '_')}.csv"
        if path.exists():
            for row in csv.DictReader(io.StringIO(path.read_bytes().decode(), newline="")):
                found[mass, row["from"], *(row.get(name, "") for name in "abc")] += 1
    assert found == wanted
