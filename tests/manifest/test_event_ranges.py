"""Ranges of events: each event once, tails as asked for, names that read back."""

from __future__ import annotations

import re
from itertools import accumulate
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from manifest.chunks import FileList, cuts, number_of_shards, total
from manifest.errors import UserError
from manifest.event_names import expanded, is_event_pattern, read_name
from manifest.names import name_problem
from manifest.spec import Spec
from manifest.splitting import plan_parts
from manifest.work import Work

EVENTS = st.lists(st.integers(0, 500), min_size=1, max_size=20)


def listed(events: list[int]) -> FileList:
    return FileList(tuple(f"/d/{i}" for i in range(len(events))), tuple(events))


def work(most: int, **more: Any) -> Work:
    return Work.model_validate({"events": "a.list", "events_per_job": most, **more})


@given(events=EVENTS, most=st.integers(1, 600))
def test_every_event_is_in_one_range(events: list[int], most: int) -> None:
    found = listed(events)
    done = work(most)
    ranges = list(cuts(done, 1, found))
    seen = [(cut.file, event) for cut in ranges for event in range(cut.first, cut.first + cut.size)]
    assert seen == [(number, event) for number, n in enumerate(events) for event in range(n)]
    assert len(ranges) == number_of_shards(done, 1, found)
    starts = accumulate((cut.size for cut in ranges), initial=0)
    assert [cut.start for cut in ranges] == list(starts)[:-1]
    assert total(done, found) == sum(events)


@given(events=EVENTS, most=st.integers(1, 600), cap=st.none() | st.integers(1, 2_000))
def test_a_dropped_tail_leaves_whole_ranges(events: list[int], most: int, cap: int | None) -> None:
    found = listed(events)
    more = {} if cap is None else {"max_events": cap}
    kept = list(cuts(work(most, **more), 1, found))
    whole = list(cuts(work(most, tail="drop", **more), 1, found))
    assert [c.size for c in whole] == [most] * len(whole)
    assert [(c.file, c.first, c.size) for c in whole] == [
        (c.file, c.first, c.size) for c in kept if c.size == most
    ]
    assert sum(c.size for c in kept) == min(sum(events), cap or sum(events))


PATTERNS = st.builds(
    "{}{}%0{}d{}%0{}d{}%0{}d{}".format,
    st.sampled_from(["x", "{{ dataset }}", "pre-{{ dataset }}"]), st.sampled_from(["_", "-f"]),
    st.integers(1, 9), st.sampled_from(["_", "-", "_skip"]), st.integers(1, 9),
    st.sampled_from(["_", ".n", "-"]), st.integers(1, 9), st.sampled_from(["", "-x", ".a_"]),
)  # fmt: skip


@given(
    pattern=PATTERNS, dataset=st.sampled_from(["ep", "ep_18x100", "a-1", "q2_0"]),
    ranges=st.lists(
        st.tuples(st.integers(0, 1500), st.integers(0, 10**9), st.integers(1, 10**7)),
        unique=True, max_size=30,
    ),
)  # fmt: skip
def test_names_read_back_and_are_unique(
    pattern: str, dataset: str, ranges: list[tuple[int, int, int]]
) -> None:
    assert is_event_pattern(pattern)
    expanded(pattern, dataset)  # accepted
    names = [pattern.replace("{{ dataset }}", dataset) % numbers for numbers in ranges]
    assert len(set(names)) == len(ranges)
    for name, numbers in zip(names, ranges, strict=True):
        assert name_problem(name) is None
        said = read_name(pattern, name)
        assert said is not None
        assert (said.file, said.skip, said.events) == numbers
        assert "".join(said.rest) == (dataset if "dataset" in pattern else "")


@given(pattern=PATTERNS, data=st.data())
def test_a_name_that_is_read_is_one_that_the_pattern_makes(
    pattern: str, data: st.DataObject
) -> None:
    digits = st.from_regex(r"[0-9]{1,22}", fullmatch=True)
    parts = re.split(r"%0\d{1,2}d", pattern.replace("{{ dataset }}", "ep_1"))
    name = parts[0] + "".join(data.draw(digits) + part for part in parts[1:])
    said = read_name(pattern, name)
    numbers = [int(digits) for digits in re.findall(r"[0-9]+", name.removeprefix(parts[0]))]
    if said is None:
        remade = pattern.replace("{{ dataset }}", "ep_1") % tuple(numbers)
        assert remade != name or numbers[2] == 0 or max(numbers) >= 10**19
    else:
        assert pattern.replace("{{ dataset }}", "".join(said.rest)) % said[1:] == name
        assert list(said[1:]) == numbers


@pytest.mark.parametrize(
    ("pattern", "told"),
    [
        ("{{ dataset }}_%03d_%07d", "has 2 conversions, not three"),
        ("%d", "has 1 conversions"),
        ("{{ dataset }}%03d_%07d_%05d", "where does '{{ dataset }}' end?"),
        ("x_%03d%07d_%05d", "where does '%03d' end?"),
        ("x_%03d_%07d0%05d", "where does '%07d' end?"),
        ("x1%03d_%07d_%05d", "a digit stands beside a number"),
        ("{{ dataset }}_{{ params.q }}_%d_%d_%d", "which part of a name is of which {{ }}?"),
        ("x_%03d_%07d_%05d2", "a digit stands beside a number"),
    ],
)
def test_patterns_that_do_not_read_back(pattern: str, told: str) -> None:
    with pytest.raises(UserError, match=r"conversions|read back") as caught:
        expanded(pattern, "ep")
    assert told in str(caught.value)


@pytest.mark.parametrize(
    "name",
    [
        "DST_1.root",
        "ep_4_0_1",
        "ep_0004_0000000_00001",
        "ep_004_0000000_00000",
        "ep_004_0000000_00001.root",
        "ep_004_0000000_00001\n",
        "e p_004_0000000_00001",
        "_004_0000000_00001",
        "ep_004_0000000_" + "9" * 5000,
        "ep_\N{ARABIC-INDIC DIGIT ONE}04_0000000_00001",
    ],
)
def test_a_strangers_name_is_none_of_ours(name: str) -> None:
    assert read_name("{{ dataset }}_%03d_%07d_%05d", name) is None


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"events": "a"}, "events: and events_per_job: go together"),
        ({"events_per_job": 5, "count": 3}, "there are no files"),
        ({"events": "a", "events_per_job": 5, "files": ["b"]}, "exclude each other"),
        ({"events": [], "events_per_job": 5}, "events: is empty"),
        ({"files": ["a"], "tail": "drop"}, "tail: is for events_per_chunk"),
        ({"files": ["a"], "max_events": 3}, "max_events: is for events_per_chunk"),
        ({"events": "a", "events_per_job": 0}, "greater than 0"),
        ({"events": "a", "events_per_job": 5, "tail": "cut"}, "keep"),
        ({"events": "a", "events_per_job": 5, "count": 9}, "exactly one of count:"),
    ],
)
def test_what_does_not_go_together(keys: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        Work.model_validate(keys)


def test_nothing_left_is_refused() -> None:
    keys = {"events": "a", "events_per_job": 500, "tail": "drop"}
    spec = Spec.model_validate({"name": "s", "command": ["x"], "work": keys})
    with pytest.raises(UserError, match="there are no events to work on"):
        plan_parts(spec, {None: listed([499, 20, 0])})
