"""Components beside each other: their shards, names and seeds."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manifest.errors import UserError
from manifest.spec import Spec
from manifest.splitting import plan_parts, rows, spawned_seed


def parts(components: dict[str, Any], **more: Any) -> Any:
    spec = {"name": "s", "command": ["true"], "components": components, **more}
    return plan_parts(Spec.model_validate(spec))


def part(count: int, shards: int = 1, seed: Any = None) -> dict[str, Any]:
    work = {"count": count} if seed is None else {"count": count, "seed": seed}
    return {"work": work, "shards": shards}


COUNTS = st.lists(st.integers(1, 50).flatmap(lambda n: st.tuples(st.just(n), st.integers(1, n))))


@given(COUNTS.filter(bool))
def test_each_component_is_covered_once_and_indices_run_on(counts: list[tuple[int, int]]) -> None:
    found = list(rows(parts({f"c{i}": part(*pair) for i, pair in enumerate(counts)})))
    assert [row.shard for row in found] == list(range(sum(shards for _, shards in counts)))
    assert len({row.name for row in found}) == len(found)
    for i, (count, shards) in enumerate(counts):
        mine = [row for row in found if row.component == f"c{i}"]
        assert [row.part for row in mine] == list(range(shards))
        units = [unit for row in mine for unit in range(row.start, row.start + row.size)]
        assert units == list(range(count))


def test_names_of_components() -> None:
    found = rows(parts({"ggH": part(20, 11), "VBF": part(3)}))
    assert [row.name for row in found][9:] == ["ggH_s09", "ggH_s10", "VBF"]


def test_a_component_named_like_a_shard_of_another_is_refused() -> None:
    with pytest.raises(UserError, match="'a_s1' is named like shard 1 of component 'a'"):
        parts({"a": part(2, 2), "a_s1": part(5)})
    for other in ({"a_s2": part(5)}, {"a_s01": part(5)}, {"a_s1": part(5, 5)}):
        found = list(rows(parts({"a": part(2, 2), **other})))
        assert len({row.name for row in found}) == len(found)
    assert parts({"a": part(2, 2), "a_s1": part(5)}, shard_name="x{{ shard.index }}")


@given(st.integers(0, 30), st.integers(0, 30), st.integers(1, 15), st.integers(1, 15))
def test_seeds_of_components_overlap_or_are_refused(a: int, b: int, n: int, m: int) -> None:
    shared = set(range(a, a + n)) & set(range(b, b + m))
    two = {"x": part(n, 1, a), "y": part(m, 1, b)}
    if shared:
        with pytest.raises(UserError, match=f"same seeds \\(from {min(shared)}\\)"):
            parts(two)
    else:
        assert [row.seed for row in rows(parts(two))] == [a, b]


def test_the_same_number_may_not_spawn_twice() -> None:
    with pytest.raises(UserError, match="spawn their seeds from the same number"):
        parts({"x": part(5, 5, {"spawn": 1}), "y": part(5, 5, {"spawn": 1})})


def test_spawned_seeds_keep_out_of_base_ranges() -> None:
    found = list(
        rows(parts({"x": part(20_000, 4, 0), "y": part(5000, 5000, {"spawn": 3, "bits": 16})}))
    )
    spawned = [row.seed for row in found if row.component == "y"]
    assert len(set(spawned)) == 5000
    assert all(seed is not None and 20_000 <= seed < 1 << 16 for seed in spawned)


@pytest.mark.parametrize(
    ("components", "fits"),
    [
        ({"y": part(32768, 32768, {"spawn": 3, "bits": 16})}, True),
        ({"y": part(32769, 32769, {"spawn": 3, "bits": 16})}, False),
        ({"x": part(65536, 1, 0), "y": part(5, 5, {"spawn": 3, "bits": 16})}, False),
        ({"x": part(65536, 1, 65536), "y": part(5, 5, {"spawn": 3, "bits": 16})}, True),
    ],
)
def test_seeds_too_narrow_are_refused_not_searched_for_ever(
    components: dict[str, Any], fits: bool
) -> None:
    if fits:
        assert parts(components)
    else:
        with pytest.raises(UserError, match="16 bits are 65536 seeds: too few"):
            parts(components)


def test_a_spawned_seed_is_fixed_for_ever() -> None:
    assert spawned_seed(42, 0, 63) == 5439111003294221076
    assert spawned_seed(42, 7, 29) == spawned_seed(42, 7, 64) >> 35
    wide = list(rows(parts({"x": part(9, 9, {"spawn": 42})})))
    alone = list(rows(parts({"x": part(5, 5, {"spawn": 42})})))
    assert [row.seed for row in wide][:5] == [row.seed for row in alone]
