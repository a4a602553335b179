"""Files and events are cut so that every one is in exactly one chunk."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from manifest.chunks import FileList, cuts, number_of_shards
from manifest.errors import UserError
from manifest.spec import Spec
from manifest.splitting import Row, plan_parts, rows
from manifest.work import Work


def files(number: int, events: list[int] | None = None) -> FileList:
    return FileList(
        tuple(f"/d/{i}" for i in range(number)), None if events is None else tuple(events)
    )


def planned(
    components: dict[str, Any], found: dict[str | None, FileList], **more: Any
) -> list[Row]:
    spec = Spec.model_validate({"name": "s", "command": ["x"], "components": components, **more})
    return list(rows(plan_parts(spec, found)))


@given(number=st.integers(1, 300), parts=st.integers(1, 400), data=st.data())
def test_every_file_is_in_one_chunk_and_chunks_are_consecutive(
    number: int, parts: int, data: st.DataObject
) -> None:
    way = data.draw(
        st.sampled_from([{"split": parts}, {"files_per_chunk": parts}, {"one_per_file": True}, {}])
    )
    work = Work.model_validate({"files": ["*"], **way})
    found = list(cuts(work, parts, files(number)))
    assert [file for cut in found for file in range(cut.file, cut.file + cut.files)] == list(
        range(number)
    )
    assert all((cut.start, cut.size) == (cut.file, cut.files) for cut in found)
    assert len(found) == number_of_shards(work, parts, files(number))
    sizes = [cut.files for cut in found]
    assert set(sizes[:-1]) <= {sizes[0]}
    assert 1 <= sizes[-1] <= sizes[0]
    if "split" in way or not way:
        assert len(found) <= parts
        assert sizes[0] == -(-number // parts)


@given(events=st.lists(st.integers(0, 50), min_size=1, max_size=30), most=st.integers(1, 60))
def test_every_event_is_in_one_chunk_of_its_file(events: list[int], most: int) -> None:
    work = Work.model_validate({"files": ["*"], "events_per_chunk": most})
    lists = files(len(events), events)
    found = list(cuts(work, 1, lists))
    seen = [(cut.file, cut.first + i) for cut in found for i in range(cut.size)]
    assert seen == [(file, event) for file, count in enumerate(events) for event in range(count)]
    position = 0
    for cut in found:
        assert (cut.start, cut.files) == (position, 1)
        assert 1 <= cut.size <= most
        position += cut.size
    assert len(found) == number_of_shards(work, 1, lists)


@pytest.mark.parametrize(
    ("number", "split", "chunks"), [(10, 6, 5), (100, 30, 25), (3, 8, 3), (7, 1, 1)]
)
def test_a_split_may_come_to_fewer_chunks(number: int, split: int, chunks: int) -> None:
    found = planned({"a": {"files": ["*"], "split": split}}, {"a": files(number)})
    assert [row.name for row in found] == [f"a_Chunk{i}" for i in range(chunks)]


def test_names_places_and_parts_of_several_components() -> None:
    found = planned(
        {
            "dy": {"files": ["*"], "files_per_chunk": 2},
            "plain": {"files": ["*"]},
            "toys": {"work": {"count": 4}, "shards": 2},
            "ev": {"work": {"files": ["*"], "events_per_chunk": 5, "seed": 100}},
            "all": {"files": ["*"], "shards": 2},
        },
        {"dy": files(3), "plain": files(4), "ev": files(2, [7, 3]), "all": files(4)},
    )
    assert [(row.shard, row.name, row.start, row.size, row.files, row.first) for row in found] == [
        (0, "dy_Chunk0", 0, 2, 2, 0),
        (1, "dy_Chunk1", 2, 1, 1, 0),
        (2, "plain", 0, 4, 4, 0),
        (3, "toys_s0", 0, 2, 0, 0),
        (4, "toys_s1", 2, 2, 0, 0),
        (5, "ev_Chunk0", 0, 5, 1, 0),
        (6, "ev_Chunk1", 5, 2, 1, 5),
        (7, "ev_Chunk2", 7, 3, 1, 0),
        (8, "all_Chunk0", 0, 2, 2, 0),
        (9, "all_Chunk1", 2, 2, 2, 0),
    ]
    assert [row.seed for row in found[5:8]] == [100, 105, 107]


def test_without_components_chunks_have_no_stem() -> None:
    spec = Spec.model_validate(
        {"name": "s", "command": ["x"], "work": {"files": ["*"], "split": 2}}
    )
    assert [row.name for row in rows(plan_parts(spec, {None: files(2)}))] == ["Chunk0", "Chunk1"]


def test_a_component_may_not_be_named_like_a_chunk_of_another() -> None:
    parts = {"a": {"files": ["*"], "split": 2}, "a_Chunk1": {"files": ["*"]}}
    with pytest.raises(UserError, match="named like shard 1 of component 'a'"):
        planned(parts, {"a": files(2), "a_Chunk1": files(1)})
    assert planned(parts | {"a": {"files": ["*"]}}, {"a": files(2), "a_Chunk1": files(1)})


@pytest.mark.parametrize(
    ("component", "said"),
    [
        ({"files": ["a"], "split": 2, "one_per_file": True}, "split and one_per_file exclude"),
        ({"split": 2}, "there are no files:"),
        ({}, "exactly one of files:, events: and work:"),
        ({"files": ["a"], "work": {"count": 2}}, "exactly one of files:, events: and work:"),
        ({"files": ["a"], "split": 2, "shards": 3}, "shards: says how many chunks"),
        ({"files": ["a"], "tree": "t"}, "tree: is for events_per_chunk:"),
        (
            {"work": {"files": ["a"], "count": 3}},
            "exactly one of count:, items:, files:, events: and grid:",
        ),
        ({"files": ["a"], "split": 0}, "greater than 0"),
        ({"files": [{"command": []}]}, "at least 1 item"),
    ],
)
def test_what_a_component_cannot_say(component: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Spec.model_validate({"name": "s", "command": ["x"], "components": {"a": component}})
