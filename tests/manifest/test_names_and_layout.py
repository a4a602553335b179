from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manifest.layout import block_of, blocks, is_nested, parse_ranges, ranges, shard_dir
from manifest.names import name_problem


@pytest.mark.parametrize("text", ["a", "7", "s0", "A.b-c_d+e", "x" * 128])
def test_names_that_are_safe(text: str) -> None:
    assert name_problem(text) is None


@pytest.mark.parametrize(
    "text", ["", ".", "..", "-x", "_x", "a/b", "a b", "a\n", "é", "a:b", "a%", "x" * 129, "a\0"]
)
def test_names_that_are_not(text: str) -> None:
    assert name_problem(text)


@given(st.sets(st.integers(0, 300)))
def test_ranges_read_back(indices: set[int]) -> None:
    assert list(parse_ranges(ranges(indices))) == sorted(indices)


@given(st.sets(st.integers(0, 300), min_size=1))
def test_ranges_are_as_short_as_can_be(indices: set[int]) -> None:
    starts = sum(index - 1 not in indices for index in indices)
    assert len(ranges(indices).split(",")) == starts


@pytest.mark.parametrize("text", ["x", "1-", "-1", "3-1", "1-2-3", "1 2", "0x1", "²", "1-²"])
def test_ranges_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"not a shard number|backwards"):
        list(parse_ranges(text))


def test_ranges_may_hold_blanks() -> None:
    assert list(parse_ranges(" 3, 7-9 ,")) == [3, 7, 8, 9]


@given(st.integers(1, 200_000))
def test_no_directory_holds_more_than_a_thousand(shards: int) -> None:
    nested = is_nested(shards)
    assert nested == (shards > 1000)
    assert blocks(shards) == block_of(shards - 1) + 1
    last = shard_dir(shards - 1, "x", nested=nested)
    assert last == (f"shards/{(shards - 1) // 1000}/x" if nested else "shards/x")
