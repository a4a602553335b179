from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manifest.errors import Refusal
from outputs.facts import ShardFacts
from outputs.proof import Span, compact_ranges, name_shards, prove, refuse_unless_complete


def row(index: int, start: int, size: int, component: str | None = None) -> ShardFacts:
    return ShardFacts(index, f"s{index}", component, start, size, None, 1, 1, None, "")


PLAN = [row(index, index * 10, 10) for index in range(60)]


def test_a_whole_plan_is_complete() -> None:
    proof = prove(PLAN, range(60), totals={None: 600})
    assert proof.complete
    assert proof.covered == (Span(None, 0, 600),)
    refuse_unless_complete(proof)


def test_missing_shards_are_named_as_ranges() -> None:
    proof = prove(PLAN, set(range(60)) - {3, 7, 8, 9}, totals={None: 600})
    with pytest.raises(Refusal, match=r"4 of 60 shards have no accepted output: 3, 7-9"):
        refuse_unless_complete(proof)
    refuse_unless_complete(proof, allow_missing=True)


def test_one_missing_shard_is_named_by_name() -> None:
    with pytest.raises(Refusal, match=r"shard 5 \(s5\) of 60 has no accepted output"):
        refuse_unless_complete(prove(PLAN, set(range(60)) - {5}))


def test_a_long_list_is_cut() -> None:
    proof = prove(PLAN, range(0, 60, 2))
    with pytest.raises(Refusal, match=r"1, 3, 5, 7, 9, 11, 13, 15, 17, 19 and 20 more"):
        refuse_unless_complete(proof)


@pytest.mark.parametrize(
    ("rows", "accepted", "total", "words"),
    [
        (PLAN[:3], [0, 1, 1, 2], 30, "more than one source for shards 1"),
        ([*PLAN[:3], PLAN[2]], [0, 1, 2], 30, "more than one source for shards 2"),
        (PLAN[:3], [0, 1, 2, 9], 30, "the plan has no shards 9"),
        ([row(0, 0, 12), row(1, 10, 10)], [0, 1], 20, r"ranges of shards 0 \(s0\) and 1 \(s1\)"),
        ([row(0, 0, 10), row(1, 12, 8)], [0, 1], 20, "no planned shard holds elements 10-11"),
        ([row(0, 0, 10), row(1, 10, 8)], [0, 1], 20, "no planned shard holds elements 18-19"),
        ([row(0, 1, 19)], [0], 20, "no planned shard holds elements 0"),
    ],
)
def test_unsound_plans_are_refused_even_when_missing_is_allowed(
    rows: list[ShardFacts], accepted: list[int], total: int, words: str
) -> None:
    proof = prove(rows, accepted, totals={None: total})
    with pytest.raises(Refusal, match=words):
        refuse_unless_complete(proof, allow_missing=True)


def test_ranges_of_two_components_do_not_meet() -> None:
    rows = [row(0, 0, 10, "a"), row(1, 0, 10, "b")]
    assert prove(rows, [0, 1], totals={"a": 10, "b": 10}).complete
    assert prove(rows, [0, 1], totals={"a": 10, "b": 11}).gaps == (Span("b", 10, 11),)


ranges = st.lists(st.tuples(st.integers(0, 30), st.integers(1, 8), st.booleans()), max_size=12)


@given(ranges=ranges, total=st.integers(0, 40))
def test_the_proof_agrees_with_counting_every_element(
    ranges: list[tuple[int, int, bool]], total: int
) -> None:
    rows = [row(index, start, size) for index, (start, size, _) in enumerate(ranges)]
    accepted = [index for index, (_, _, has) in enumerate(ranges) if has]
    proof = prove(rows, accepted, totals={None: total})

    hits = [0] * 100
    planned = [0] * 100
    for index, (start, size, _) in enumerate(ranges):
        for element in range(start, start + size):
            planned[element] += 1
            hits[element] += index in accepted
    covered = {e for span in proof.covered for e in range(span.start, span.stop)}
    assert covered == {element for element, n in enumerate(hits) if n}
    have = sorted((rows[index].start, index) for index in accepted)
    begun_inside = {
        index
        for place, (start, index) in enumerate(have)
        if any(start < rows[other].start + rows[other].size for _, other in have[:place])
    }
    assert {second.index for _, second in proof.overlaps} == begun_inside
    assert bool(proof.overlaps) == any(n > 1 for n in hits)
    assert {r.index for r in proof.missing} == set(range(len(ranges))) - set(accepted)
    gaps = {e for span in proof.gaps for e in range(span.start, span.stop)}
    assert {e for e in range(total) if not planned[e]} <= gaps
    exactly_once = hits == [1] * total + [0] * (100 - total)
    assert proof.complete == (exactly_once and len(accepted) == len(ranges))


@given(indices=st.lists(st.integers(0, 50)))
def test_compact_ranges_read_back(indices: list[int]) -> None:
    found: set[int] = set()
    for part in compact_ranges(indices).split(",") if indices else []:
        first, _, last = part.partition("-")
        found |= set(range(int(first), int(last or first) + 1))
    assert found == set(indices)


def test_names_count_what_they_leave_out() -> None:
    assert name_shards([1, 2, 3, 5, 7, 8], limit=1) == "1-3 and 3 more"
