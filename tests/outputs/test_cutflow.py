"""Cut flows: read in the spellings people have, added cut by cut, refused by name otherwise."""

from __future__ import annotations

import hashlib
import random
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from manifest.errors import Refusal
from outputs.cutflow_table import Cut, CutflowError, Table, read_cutflow, write_cutflow

if TYPE_CHECKING:
    from tests.outputs.conftest import Desk

FIRST = b"""\
# made by analyze.py
cut          passed  relative  absolute
all events     1000    1.0000    1.0000
trigger         800    0.8000    0.8000
two jets        100    0.1250    0.1000
"""
SECOND = b"""\
cut  passed  relative  absolute
all events  3000  1.0  1.0
trigger  800  0.26  0.26
two jets  0  0  0
"""
HEPPY = b"""\
Counter SimpleJetAnalyzer :
\t All events                                   1000 \t 1.00 \t 1.0000
\t at least 1 good jet                           800 \t 0.80 \t 0.8000

Counter Z :
\t All                                            20 \t 1.00 \t 1.0000
"""


def test_events_are_added_and_efficiencies_worked_out_again(desk: Desk) -> None:
    report = desk.merge(desk.sources([FIRST, SECOND]), kind="cutflow")
    assert desk.result().decode() == (
        "cut         passed  relative  absolute\n"
        "all events    4000    1.0000    1.0000\n"
        "trigger       1600    0.4000    0.4000\n"
        "two jets       100    0.0625    0.0250\n"
    )
    assert report.rows == 3
    assert ("two jets", "100") in report.table
    assert desk.sidecar()["outputs"] == [
        {
            "path": "merged.out",
            "bytes": len(desk.result()),
            "rows": 3,
            "sha256": hashlib.sha256(desk.result()).hexdigest(),
        }
    ]


def test_several_tables_as_heppy_prints_them(desk: Desk) -> None:
    desk.merge(desk.sources([HEPPY] * 3), kind="cutflow")
    assert desk.result().decode() == (
        "Counter SimpleJetAnalyzer :\n"
        "All events           3000  1.0000  1.0000\n"
        "at least 1 good jet  2400  0.8000  0.8000\n"
        "\n"
        "Counter Z :\n"
        "All  60  1.0000  1.0000\n"
    )


@pytest.mark.parametrize(
    ("line", "name", "passed"),
    [
        (b"trigger 7", "trigger", 7),
        (b"trigger 7 0.5 12.5%", "trigger", 7),
        (b"  trigger\t7\t\t-", "trigger", 7),
        (b"pt > 20  7", "pt > 20", 7),
        ("p_T ≥ 20\u00a0GeV  7".encode(), "p_T ≥ 20\u00a0GeV", 7),
        (b"2  7  0.5", "2", 7),
        (b"weighted  -3.5e2  nan  1.2 %", "weighted", -350.0),
        (b"exact  123456789012345678901234567890", "exact", 123456789012345678901234567890),
        (b"trigger  7\r", "trigger", 7),
    ],
)
def test_spellings_of_a_line(line: bytes, name: str, passed: float) -> None:
    [table] = read_cutflow(line + b"\n")
    assert [(cut.name, cut.passed) for cut in table.cuts] == [(name, passed)]
    assert type(table.cuts[0].passed) is type(passed)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "is empty"),
        (b"# nothing\n\n", "holds no cut"),
        (b"cut  passed\n", "line 1: no cut follows 'cut passed'"),
        (b"all  5\nlost its number\n", "line 2: 'lost its number' has no number"),
        (b"a  b\nc  d\n", "line 2: 'c  d' has no number"),
        (b"all  5  1.0  1.0  9\n", "line 1: 5 columns, a cut has at most 4"),
        (b"all  5  high\n", "line 1: 'high' is not an efficiency"),
        (b"all  5x\n", "line 1: '5x' is not a number of events"),
        (b"all  nan\n", "line 1: 'nan' is not a number of events"),
        (b"all  1e999\n", "line 1: '1e999' is not a number of events"),
        (b"all  " + b"9" * 5000 + b"\n", "line 1: '" + "9" * 40 + "' is not a number of events"),
        (b"at least 2 jets 50\n", "line 1: a name with blanks needs two blanks or a tab"),
        (b"jets 123456789  0.5\n", "line 1: two blanks have to stand before the number"),
        (b"all  5\n\xff\xfe  3\n", "line 2: is not UTF-8"),
        (b"\x00\x01root\x00", "line 1: no cut follows"),
    ],
)
def test_what_is_no_cut_flow_is_named_with_its_line(desk: Desk, data: bytes, why: str) -> None:
    with pytest.raises(Refusal) as caught:
        desk.merge(desk.sources([b"all  5\n", data]), kind="cutflow")
    assert f"not merged: shard 1 (s1): {why}" in str(caught.value)
    assert desk.left() == []


@pytest.mark.parametrize(
    ("second", "why"),
    [
        (b"all  5\nmuons  3\n", "line 2: the cut is 'muons'; in shard 0 (s0) it is 'jets' (line"),
        (b"all  5\n", "line 1: 1 cuts; shard 0 (s0) has 2"),
        (b"all  5\njets  3\nmuons  1\n", "line 3: 3 cuts; shard 0 (s0) has 2"),
        (b"jets  5\nall  3\n", "line 1: the cut is 'jets'; in shard 0 (s0) it is 'all'"),
        (b"all  5\n\njets  3\n", "has 2 cut flows; shard 0 (s0) has 1"),
        (b"cut  n\nall  5\njets  3\n", "line 1: the heading is 'cut  n'; in shard 0 (s0) it is"),
    ],
)  # fmt: skip
def test_flows_that_do_not_fit_are_refused_by_name(desk: Desk, second: bytes, why: str) -> None:
    with pytest.raises(Refusal) as caught:
        desk.merge(desk.sources([b"# c\nall  5\njets  3\n", second]), kind="cutflow")
    assert f"shard 1 (s1): {why}" in str(caught.value)
    assert desk.left() == []


@pytest.mark.parametrize("other", [b"1e308", b"9" * 308])
def test_more_than_a_float_holds(desk: Desk, other: bytes) -> None:
    with pytest.raises(Refusal, match="'all' add up to more than a float holds"):
        desk.merge(desk.sources([b"all  1.7e308\n", b"all  " + other]), kind="cutflow")
    desk.merge(desk.sources([b"all  " + b"9" * 300] * 11), kind="cutflow")
    assert int(desk.result().split()[1]) == 11 * (10**300 - 1)


NAMES = st.lists(
    st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=8),
    min_size=1, max_size=3,
).map(" ".join)  # fmt: skip
FLOWS = st.lists(NAMES, min_size=1, max_size=5).flatmap(
    lambda names: st.lists(
        st.tuples(*[st.integers(-(10**25), 10**25) for _ in names]), min_size=1, max_size=12
    ).map(lambda rows: (names, rows))
)


def written(names: list[str], row: tuple[int, ...]) -> bytes:
    cuts = [Cut(f"c {name}", passed, 0) for name, passed in zip(names, row, strict=True)]
    return write_cutflow([Table((), 0, cuts)]).encode()


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(flows=FLOWS, seed=st.integers(0, 2**32))
def test_order_and_cutting_do_not_matter(
    desk: Desk, flows: tuple[list[str], list[tuple[int, ...]]], seed: int
) -> None:
    names, rows = flows
    total = tuple(sum(column) for column in zip(*rows, strict=True))
    desk.merge(desk.sources([written(names, row) for row in rows]), kind="cutflow")
    whole = desk.result()
    assert whole == written(names, total)
    dice = random.Random(seed)
    dice.shuffle(rows)
    cut = dice.randint(1, len(rows))
    parts = []
    for part in (rows[:cut], rows[cut:]):
        if part:
            desk.merge(desk.sources([written(names, row) for row in part]), kind="cutflow")
            parts.append(desk.result())
    desk.merge(desk.sources(parts), kind="cutflow")
    assert desk.result() == whole


@given(st.binary(max_size=200) | st.text(st.sampled_from("ab 1.9eE%-#\t\n")).map(str.encode))
def test_no_bytes_crash_the_reader_and_what_it_reads_is_written_again(data: bytes) -> None:
    try:
        tables = read_cutflow(data)
    except CutflowError:
        return
    again = read_cutflow(write_cutflow(tables).encode())
    assert [[(cut.name, cut.passed) for cut in t.cuts] for t in again] == [
        [(cut.name, cut.passed) for cut in t.cuts] for t in tables
    ]
    assert [t.heading for t in again] == [t.heading for t in tables]
