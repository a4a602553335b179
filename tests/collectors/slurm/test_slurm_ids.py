"""Every form of job id; the lists with dots and with none were printed by SLURM 22.05."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.slurm_ids import MAX_INDEX, JobId, parse_elements, parse_job_id, parse_mask


def told(text: str) -> tuple[int, list[int] | None, bool] | None:
    parsed = parse_job_id(text)
    if parsed is None:
        return None
    elements = parsed.elements
    indices = None if elements is None else [index for span in elements for index in span]
    return parsed.job, indices, parsed.truncated


@pytest.mark.parametrize(
    ("text", "indices"),
    [
        ("123", None),
        ("123_4", [4]),
        ("123_0", [0]),
        ("123_[4]", [4]),
        ("123_[5-9]", [5, 6, 7, 8, 9]),
        ("123_[0-8:2]", [0, 2, 4, 6, 8]),
        ("123_[0-9:4]", [0, 4, 8]),
        ("123_[1-3%4]", [1, 2, 3]),
        ("123_[0-4:2%4]", [0, 2, 4]),
        ("123_[1,3,5-7%2]", [1, 3, 5, 6, 7]),
        ("123_4000000", [4_000_000]),
        ("123_4.batch", [4]),
        ("123_[1-2].0", [1, 2]),
        ("123;main", None),
        ("123_4;main-2.x", [4]),
        ("123+1", None),
    ],
)
def test_whole_forms(text: str, indices: list[int] | None) -> None:
    assert told(text) == (123, indices, False)


@pytest.mark.parametrize(
    ("text", "step"),
    [
        ("123.batch", "batch"),
        ("123.extern", "extern"),
        ("123.interactive", "interactive"),
        ("123.0", "0"),
        ("123.TBD", "TBD"),
        ("123_4.17", "17"),
        ("123+1.batch", "batch"),
        ("123.0+1", "0"),
        ("123", None),
        ("123_4", None),
    ],
)
def test_steps(text: str, step: str | None) -> None:
    parsed = parse_job_id(text)
    assert parsed is not None
    assert parsed.step == step


def test_heterogeneous_and_federated() -> None:
    assert parse_job_id("123+2") == JobId(123, None, False, None, 2, None)
    assert parse_job_id("123_7;far") == JobId(123, (range(7, 8),), False, None, None, "far")


@pytest.mark.parametrize(
    ("text", "indices"),
    [
        # The number at the cut may be the beginning of a longer one, so it does not count.
        ("9_[7,11,13,15,20-22,27,29,31-32,34,36,43,45-46,61-62,64-65,67-6...%7]",
         [7, 11, 13, 15, 20, 21, 22, 27, 29, 31, 32, 34, 36, 43, 45, 46, 61, 62, 64, 65, 67]),
        ("9_[1,3,5,10,15,20,25,...]", [1, 3, 5, 10, 15, 20, 25]),
        ("9_[7,11,13,15,20-22...%7]", [7, 11, 13, 15, 20]),
        ("9_[7...%7]", []),
        ("9_[...%7]", []),
        ("9_[.%7]", []),
        ("9_[%7]", []),
        ("9_[]", []),
        # squeue's JobArrayID without SLURM_BITSTR_LEN: 30 bytes and no bracket
        ("9_[7,11,13,15,20-22,27,2", [7, 11, 13, 15, 20, 21, 22, 27]),
        ("9_[7,11,13,15,20-22,27,", [7, 11, 13, 15, 20, 21, 22, 27]),
        ("9_[7,11,13,15,20-", [7, 11, 13, 15, 20]),
        ("9_[", []),
    ],
)  # fmt: skip
def test_cut_lists_tell_only_what_is_sure(text: str, indices: list[int]) -> None:
    assert told(text) == (9, indices, True)


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "JobID", "abc", "12a", "-1", "123_", "123_x", "123_-1", "123_[5-3]", "123_[a]",
        "123_[1-5:0]", "123_[1,,2]", "123_[1-2-3]", "123_[1]x", "123_[1...2]", "123_4_5", "123.",
        "123._", "123 4", "123\n", "123_4\n", "123;", "99999999999", "123_4000001",
        "123_[0-4000001]", "1" * 5000, "1_" + "9" * 5000, "1_[0-" + "9" * 5000 + "]", "٣_٤", "1_²",
        "123+", "123+1+2", "[1-2]", "1_[" + "0-4000000," * 99 + "0]",
    ],
)  # fmt: skip
def test_junk(text: str) -> None:
    assert parse_job_id(text) is None


def test_a_huge_range_costs_nothing() -> None:
    parsed = parse_job_id(f"1_[0-{MAX_INDEX}]")
    assert parsed is not None
    assert parsed.elements == (range(MAX_INDEX + 1),), "as many indices as SLURM can have, no list"
    assert parse_job_id(f"1_[0-{MAX_INDEX},5]") is None, "one more than that"


@given(st.text(max_size=60) | st.from_regex(r"\d+_\[[0-9,:.%-]*\]?(\.[a-z0-9]+)?", fullmatch=True))
def test_any_text_is_an_id_or_none(text: str) -> None:
    parsed = parse_job_id(text)
    if parsed is not None and parsed.elements is not None:
        assert sum(map(len, parsed.elements)) <= MAX_INDEX + 1
        assert all(span.stop <= MAX_INDEX + 1 for span in parsed.elements)


INDICES = st.sets(st.integers(0, 200) | st.integers(0, MAX_INDEX), min_size=1, max_size=40)


def listed(indices: list[int]) -> str:
    """Write the indices as SLURM does: neighbours as ranges."""
    spans: list[list[int]] = []
    for index in indices:
        if spans and index == spans[-1][1] + 1:
            spans[-1][1] = index
        else:
            spans.append([index, index])
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in spans)


@given(INDICES, st.sampled_from(["", "%1", "%20"]))
def test_lists_read_back(chosen: set[int], throttle: str) -> None:
    indices = sorted(chosen)
    assert told(f"77_[{listed(indices)}{throttle}]") == (77, indices, False)


@given(INDICES, st.integers(0, 300))
def test_a_list_cut_anywhere_never_tells_an_index_too_many(chosen: set[int], length: int) -> None:
    text = listed(sorted(chosen))
    for cut in text[:length], f"{text[:length]}...":
        found, truncated = parse_elements(cut, cut=True)
        assert found is not None
        assert truncated
        assert {index for span in found for index in span} <= chosen


@given(INDICES)
def test_masks_read_back(chosen: set[int]) -> None:
    mask = f"0x{sum(1 << index for index in chosen):X}"
    found = parse_mask(mask)
    assert found is not None
    assert {index for span in found for index in span} == chosen


def test_masks() -> None:
    assert parse_mask("0x280") == (range(7, 8), range(9, 10)), "seen in slurmdbd for [7,9%1]"
    for junk in "", "280", "0x", "0xg", "0x-1", "0x1_0", f"0x{'F' * 2_000_000}", "0x" + "٣":
        assert parse_mask(junk) is None
    assert parse_mask(f"0x{1 << MAX_INDEX + 1:X}") is None, "an index no SLURM has"


def test_the_tests_see_what_the_manual_shows() -> None:
    assert re.fullmatch(r"[0-9,%:.-]+", listed([1, 2, 3, 9]))
    assert listed([1, 2, 3, 9]) == "1-3,9"
