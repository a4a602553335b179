"""Counters: numbers added at every depth, everything else the same everywhere or refused."""

from __future__ import annotations

import json
import math
import random
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from manifest.errors import Refusal
from outputs.counters_document import CountersError, read_counters, write_counters

if TYPE_CHECKING:
    from outputs.facts import Source
    from tests.outputs.conftest import Desk

FIRST = b"""\
sample: DY
weights: {sum: 1.5, squares: 1e5}
by_run:
  1: 10
  2: 0
bins: [1, 2, 3]
version: '010'
tuned: true
skipped:
"""
SECOND = b"""\
version: "010"
bins: [10, 20, 30]
by_run: {1: 1, 2: 5}
weights: {sum: 0.25, squares: 0.5}
sample: DY
tuned: true
skipped: null
"""


def named(sources: list[Source], suffix: str) -> list[Source]:
    """Give the files of sources a suffix."""
    return [
        replace(source, path=str(Path(source.path).rename(source.path + suffix)))
        for source in sources
    ]


def test_yaml(desk: Desk) -> None:
    report = desk.merge(named(desk.sources([FIRST, SECOND]), ".yaml"), kind="counters")
    assert desk.result().decode() == (
        "sample: DY\n"
        "weights:\n"
        "  sum: 1.75\n"
        "  squares: 100000.5\n"
        "by_run:\n"
        "  1: 11\n"
        "  2: 5\n"
        "bins:\n"
        "- 11\n"
        "- 22\n"
        "- 33\n"
        "version: '010'\n"
        "tuned: true\n"
        "skipped: null\n"
    )
    assert yaml.safe_load(desk.result())["version"] == "010"
    assert report.rows == 7
    assert report.table == [("counters", "7")]


def test_json(desk: Desk) -> None:
    data = [json.dumps({"n": 2**70, "é": {"x": [0.5, "t"]}}).encode() for _ in range(3)]
    desk.merge(named(desk.sources(data), ".json"), kind="counters")
    whole = {"n": 3 * 2**70, "é": {"x": [1.5, "t"]}}
    assert desk.result().decode() == json.dumps(whole, indent=2, ensure_ascii=False) + "\n"


def test_aliases_as_yaml_writers_make_them(desk: Desk) -> None:
    shared = [1, 2]
    data = yaml.safe_dump({"a": shared, "b": shared}).encode()
    assert b"*id001" in data
    desk.merge(desk.sources([data] * 2), kind="counters")
    assert read_counters(desk.result(), "x") == {"a": [2, 4], "b": [2, 4]}


@pytest.mark.parametrize(
    ("second", "why"),
    [
        (b"a: {n: 1, t: x, l: [1]}", "has no b; shard 0 (s0) has it"),
        (b"a: {n: 1, t: x}\nb: 1", "has no a.l; shard 0 (s0) has it"),
        (b"a: {n: 1, t: x, l: [1], z: 1}\nb: 1", "has a.z; shard 0 (s0) has it not"),
        (b"a: {n: 1, t: y, l: [1]}\nb: 1", "a.t is 'y'; in shard 0 (s0) 'x'"),
        (b"a: {n: '1', t: x, l: [1]}\nb: 1", "a.n is '1'; in shard 0 (s0) 1"),
        (b"a: {n: true, t: x, l: [1]}\nb: 1", "a.n is True; in shard 0 (s0) 1"),
        (b"a: {n: 1, t: x, l: [1, 2]}\nb: 1", "a.l is a list of 2; in shard 0 (s0) a list of 1"),
        (b"a: {n: 1, t: x, l: [x]}\nb: 1", "a.l[0] is 'x'; in shard 0 (s0) 1"),
        (b"a: 7\nb: 1", "a is 7; in shard 0 (s0) a map"),
        (b"a: {n: .nan, t: x, l: [1]}\nb: 1", "a.n is nan, which cannot be added"),
        (b"a: {n: -.inf, t: x, l: [1]}\nb: 1", "a.n is -inf, which cannot be added"),
    ],
)
def test_counters_that_do_not_fit_are_refused_by_name(desk: Desk, second: bytes, why: str) -> None:
    with pytest.raises(Refusal) as caught:
        desk.merge(desk.sources([b"a: {n: 1, t: x, l: [1]}\nb: 1", second]), kind="counters")
    assert f"not merged: shard 1 (s1): {why}" in str(caught.value)
    assert desk.left() == []


BOMB = b"a: &a {x: 1}\n" + b"".join(
    b"%c: &%c [*%c, *%c, *%c, *%c]\n" % (c, c, c - 1, c - 1, c - 1, c - 1) for c in range(98, 123)
)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"# only a comment\n", "holds no map of counters"),
        (b"- 1\n", "holds no map of counters"),
        (b"a: 1\na: 2\n", "line 2: the key a is there twice"),
        (b"a: 1\n--- \nb: 2\n", "line 2: a second document begins here"),
        (b"a: 1\nb: [1, 2", "did not find expected"),
        (b"a: !!python/object/apply:os.system [x]", "line 1: a value with a tag"),
        (b"a: !!bool maybe", "line 1: a value with a tag"),
        (b"[a]: 1", "line 1: a key is no word"),
        (b"a: &a [*a]", "line 1: *a names nothing that ends before it"),
        (b"a: \xff", "cannot be read"),
        (b"a: \x00", "cannot be read"),
        (b"a: " + b"9" * 5000, "cannot be read"),
        (b"a: " + b"9" * 400, "which cannot be added"),
        (b"a: " + b"[" * 200_000, "nest"),
        (b"a: " + b"{b: " * 150 + b"1" + b"}" * 150, "line 1: nests more than 100 deep"),
        (BOMB, "line 10: aliases make this more than 1,000,000 entries"),
    ],
)
def test_what_are_no_counters_is_named(desk: Desk, data: bytes, why: str) -> None:
    with pytest.raises(Refusal) as caught:
        desk.merge(desk.sources([data, data]), kind="counters")
    assert "not merged: shard 0 (s0): " in str(caught.value)
    assert why in str(caught.value)
    assert desk.left() == []


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b'{"a": 1, "a": 2}', "the key a is there twice"),
        (b'{"a": NaN}', "a is nan, which cannot be added"),
        (b'{"a": 1', "cannot be read"),
        (b'{"a": 1} x', "cannot be read"),
        (b"[1]", "holds no map of counters"),
        (b'{"a":' * 100_000, "nests more than 100 deep"),
        (b'{"a":' * 400 + b"1" + b"}" * 400, "nests more than 100 deep"),
        (b'{"a": "\xff"}', "cannot be read"),
        (b'{"a": ' + b"9" * 5000 + b"}", "cannot be read"),
    ],
)
def test_json_that_holds_no_counters_is_named(desk: Desk, data: bytes, why: str) -> None:
    with pytest.raises(Refusal) as caught:
        desk.merge(named(desk.sources([data]), ".json"), kind="counters")
    assert why in str(caught.value)


def test_more_than_a_float_holds(desk: Desk) -> None:
    with pytest.raises(Refusal, match=r"a\.b adds up to more than a float holds"):
        desk.merge(desk.sources([b"a: {b: 1.7e308}"] * 2), kind="counters")


KEYS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=6)
LEAVES = (
    st.integers(-(10**30), 10**30)
    | KEYS
    | st.booleans()
    | st.none()
    | st.integers(-(10**6), 10**6).map(lambda n: n / 64)
    | st.sampled_from(["1e5", "010", "12:30", "yes", ".nan", "~", "=", "<<", "0x1f", "1_000"])
)
TREES = st.dictionaries(
    KEYS,
    st.recursive(
        LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3)
    ),
    max_size=4,
)


def scaled(tree: Any, by: int) -> Any:
    """Multiply the numbers of a tree."""
    if isinstance(tree, dict):
        return {key: scaled(value, by) for key, value in tree.items()}
    if isinstance(tree, list):
        return [scaled(value, by) for value in tree]
    return tree if isinstance(tree, bool | str | None) else tree * by


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    tree=TREES,
    factors=st.lists(st.integers(-5, 5), min_size=1, max_size=8),
    suffix=st.sampled_from([".json", ".yaml"]),
    seed=st.integers(0, 2**32),
)
def test_order_and_cutting_do_not_matter(
    desk: Desk, tree: Any, factors: list[int], suffix: str, seed: int
) -> None:
    def added(datas: list[bytes]) -> bytes:
        desk.merge(named(desk.sources(datas), suffix), kind="counters")
        return desk.result()

    datas = [write_counters(scaled(tree, factor), suffix).encode() for factor in factors]
    whole = added(datas)
    assert read_counters(whole, suffix) == scaled(tree, sum(factors))
    dice = random.Random(seed)
    dice.shuffle(datas)
    cut = dice.randint(1, len(datas))
    parts = [added(part) for part in (datas[:cut], datas[cut:]) if part]
    assert read_counters(added(parts), suffix) == read_counters(whole, suffix)


@given(
    st.binary(max_size=100)
    | st.text(st.sampled_from("ab:{}[],\"'&*!-?#|>~0.e \n"), max_size=40).map(str.encode),
    st.sampled_from([".json", ".yaml"]),
)
def test_no_bytes_crash_the_reader(data: bytes, suffix: str) -> None:
    try:
        tree = read_counters(data, suffix)
    except CountersError:
        return
    again = read_counters(write_counters(tree, suffix).encode("utf-8", "surrogatepass"), suffix)
    assert repr(again) == repr(tree)  # where nan is nan


def test_floats_are_rounded_once(desk: Desk) -> None:
    desk.merge(desk.sources([b"a: 0.1"] * 10 + [b"a: 1e300", b"a: -1e300"]), kind="counters")
    assert math.isclose(read_counters(desk.result(), "x")["a"], 1.0, rel_tol=0, abs_tol=0)
