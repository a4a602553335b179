"""How far items are, and how long it takes yet."""

from __future__ import annotations

from reports.item_progress import ItemProgress, ShardItems


def test_the_slowest_shard_or_all_that_waits_decides() -> None:
    running = ShardItems(0, "s0", 5, 15, 0.5)
    slow = ShardItems(1, "s1", 1, 11, 0.1)
    found = ItemProgress([running, slow, ShardItems(2, "s2", 9, 9, None)])
    assert (running.left_s, slow.left_s) == (20, 100)
    assert (found.done, found.total, found.left_s) == (15, 35, 100)
    waiting = ItemProgress([*found.shards, ShardItems(3, "s3", 0, 100, None)])
    assert waiting.left_s == (135 - 15) / 0.6
    assert list(found.lines()) == [
        "items: 15 of 35 done, 36 a minute, about 1m40s left",
        "  s0  5 of 15, 30 a minute, about 20s left",
        "  s1  1 of 11, 6 a minute, about 1m40s left",
    ]


def test_what_is_not_known_is_not_said() -> None:
    found = ItemProgress([ShardItems(0, "s0", 0, 4, None)])
    assert (found.rate, found.left_s) == (None, None)
    assert list(found.lines()) == ["items: 0 of 4 done"]
    assert found.as_json()["shards"] == [
        {"shard_index": 0, "name": "s0", "done": 0, "total": 4, "items_per_s": None, "left_s": None}
    ]


def test_many_shards_are_cut_short() -> None:
    found = ItemProgress([ShardItems(n, f"s{n}", 1, 4, None) for n in range(30)])
    lines = list(found.lines())
    assert len(lines) == 22
    assert lines[-1] == "  ... and 10 shards more (--json has all)"
