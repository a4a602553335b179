from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from manifest.arrays import Arrays, array_sizes
from manifest.layout import ranges

SHARDS = st.sets(st.integers(0, 400), min_size=1, max_size=200)


@given(st.integers(1, 10_000), st.integers(1, 50), st.integers(1, 1500))
def test_as_few_arrays_as_fit_and_none_larger_than_another_by_more_than_one(
    shards: int, per_job: int, largest: int
) -> None:
    sizes = array_sizes(shards, per_job, largest)
    elements = sum(sizes)
    assert (elements - 1) * per_job < shards <= elements * per_job
    assert max(sizes) <= largest
    assert (len(sizes) - 1) * largest < elements
    assert max(sizes) - min(sizes) <= 1
    assert sorted(sizes, reverse=True) == list(sizes)


@given(SHARDS, st.integers(1, 20), st.integers(1, 60))
def test_every_shard_is_in_one_element(shards: set[int], per_job: int, largest: int) -> None:
    arrays = Arrays(ranges(shards), per_job, array_sizes(len(shards), per_job, largest))
    parts = [list(arrays.elements(part)) for part in range(len(arrays.sizes))]
    assert [len(elements) for elements in parts] == list(arrays.sizes)
    flat = [shard for elements in parts for element in elements for shard in element]
    assert flat == sorted(shards)
    lengths = [len(element) for elements in parts for element in elements]
    assert set(lengths[:-1]) <= {per_job}
    assert 1 <= lengths[-1] <= per_job
    for part, elements in enumerate(parts):
        assert arrays.first_element(part) == sum(map(len, parts[:part]))
        assert [arrays.element(part, index) for index in range(len(elements))] == elements
        assert arrays.element(part, len(elements)) == arrays.element(part, -1) == []
    assert arrays.element(len(parts), 0) == arrays.element(-1, 0) == []


@given(SHARDS, st.integers(1, 20), st.integers(1, 60))
def test_a_part_is_contiguous_when_its_shards_follow_one_another(
    shards: set[int], per_job: int, largest: int
) -> None:
    arrays = Arrays(ranges(shards), per_job, array_sizes(len(shards), per_job, largest))
    for part in range(len(arrays.sizes)):
        mine = [shard for element in arrays.elements(part) for shard in element]
        follow = mine == list(range(mine[0], mine[0] + len(mine)))
        assert arrays.contiguous(part) == (mine[0] if follow else None)


def test_a_run_of_the_size_that_is_asked_for() -> None:
    assert array_sizes(100_000, 1, 1001) == (1000,) * 100
    assert array_sizes(1001, 1, 1001) == (1001,)
    assert array_sizes(1002, 1, 1001) == (501, 501)
    assert array_sizes(7, 3, 2) == (2, 1)
    arrays = Arrays("0-99999", 20, array_sizes(100_000, 20, 1001))
    assert (arrays.element(0, 0)[0], arrays.element(4, 999)[-1]) == (0, 99_999)
