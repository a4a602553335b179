"""Items are shared out so that every one is in exactly one shard."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from manifest.spec import Spec
from manifest.splitting import plan_parts, rows
from renderer.work_items import items_of


def spec(shards: int, **work: Any) -> Spec:
    return Spec.model_validate(
        {"name": "n", "work": {"items": ["x"], **work}, "shards": shards, "command": ["true"]}
    )


@given(
    count=st.integers(1, 300),
    shards=st.integers(1, 320),
    split=st.sampled_from(["modulo", "contiguous"]),
)
def test_every_item_is_in_one_shard(count: int, shards: int, split: str) -> None:
    items = [f"u{number}" for number in range(count)]
    [part] = plan_parts(spec(shards, split=split), None, {None: count})
    planned = list(rows([part]))
    shares = [items_of(items, part, row) for row in planned]
    assert len(planned) == part.shards == min(shards, count)
    assert [row.size for row in planned] == [len(share) for share in shares]
    assert sorted(item for share in shares for item in share) == sorted(items)
    assert max(map(len, shares)) - min(map(len, shares)) <= 1
    if split == "modulo":
        assert [row.start for row in planned] == list(range(part.shards))
        assert shares == [items[i :: part.shards] for i in range(part.shards)]
    else:
        assert [item for share in shares for item in share] == items


@pytest.mark.parametrize(
    "work",
    [
        {"count": 3, "split": "modulo"},
        {"count": 3, "sorted": "false"},
        {"files": ["a"], "split": "contiguous"},
    ],
)
def test_what_is_for_items_only(work: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="is for items:"):
        Spec.model_validate({"name": "n", "work": work, "command": ["true"]})
