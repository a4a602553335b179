from __future__ import annotations

from itertools import count, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manifest.chunks import split_count
from manifest.errors import UserError
from manifest.spec import Spec
from manifest.splitting import plan_parts, rows, spawned_seed


@given(units=st.integers(1, 5000), data=st.data())
def test_every_split_covers_its_range_exactly_once(units: int, data: st.DataObject) -> None:
    shards = data.draw(st.integers(1, min(units, 400)))
    split = list(split_count(units, shards))
    assert split[0][0] == 0
    assert all(start + size == after for (start, size), (after, _) in pairwise(split))
    assert sum(split[-1]) == units
    sizes = [size for _, size in split]
    assert len(sizes) == shards
    assert min(sizes) >= 1
    assert max(sizes) - min(sizes) <= 1
    assert sizes == sorted(sizes, reverse=True)


def spec(**more: object) -> Spec:
    return Spec.model_validate({"name": "s", "command": ["true"], **more})


def test_a_seed_is_base_plus_start() -> None:
    found = list(rows(plan_parts(spec(work={"count": 10, "seed": 42}, shards=4))))
    assert [(row.start, row.size, row.seed) for row in found] == [
        (0, 3, 42), (3, 3, 45), (6, 2, 48), (8, 2, 50),
    ]  # fmt: skip
    assert [row.name for row in found] == ["s0", "s1", "s2", "s3"]


@given(seed=st.integers(0, 2**63 - 1), shards=st.integers(1, 300), bits=st.integers(16, 64))
def test_spawned_seeds_differ_fit_and_stay(seed: int, shards: int, bits: int) -> None:
    one = spec(work={"count": 1000, "seed": {"spawn": seed, "bits": bits}}, shards=shards)
    seeds = [row.seed for row in rows(plan_parts(one))]
    assert len(set(seeds)) == shards
    assert all(value is not None and 0 <= value < 1 << bits for value in seeds)
    assert seeds == [row.seed for row in rows(plan_parts(one))]


def test_neighbouring_studies_share_no_spawned_seed() -> None:
    def seeds(base: int) -> set[int | None]:
        one = spec(work={"count": 500, "seed": {"spawn": base}}, shards=500)
        return {row.seed for row in rows(plan_parts(one))}

    assert not seeds(42) & seeds(43)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"work": {"count": 10}, "shards": 20}, "20 shards of 10 units: 10 would be empty"),
        (
            {
                "components": {
                    "a": {"work": {"count": 10, "seed": 42}},
                    "b": {"work": {"count": 10, "seed": 50}},
                }
            },
            "components 'a' and 'b' would use the same seeds (from 50)",
        ),
        (
            {"work": {"count": 60000, "seed": {"spawn": 1, "bits": 16}}, "shards": 60000},
            "too few",
        ),
    ],
)
def test_refused(more: dict[str, object], said: str) -> None:
    with pytest.raises(UserError, match=said.replace("(", r"\(").replace(")", r"\)")):
        plan_parts(spec(**more))


def test_no_spawned_seed_is_0_which_generators_take_for_the_clock() -> None:
    base = next(number for number in count() if spawned_seed(number, 0, 16) == 0)
    one = spec(work={"count": 3, "seed": {"spawn": base, "bits": 16}}, shards=3)
    assert all(row.seed for row in rows(plan_parts(one)))
