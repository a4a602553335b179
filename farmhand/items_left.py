"""RUN/resubmit-<k>/items/<block>: what is left of shards that are resumed, as of a resubmission."""

from __future__ import annotations

import os
from collections.abc import Iterable
from itertools import groupby

from collectors.by_item import item_shards
from collectors.records import known_attempts
from farmhand.gather import Gathered
from manifest.item_table import line_of
from manifest.layout import BLOCK, block_of


def write_left(gathered: Gathered, number: int, members: Iterable[tuple[int, str]]) -> None:
    """Write the items that are left of each member, in order, for submission ``number``.

    A line a shard, as in the plan. An empty one stands for all items of the shard: nothing is done,
    or everything and yet no attempt ended well; a command that is given no items may take them all.
    """
    facts, manifest = gathered.facts, gathered.manifest
    for block, mine in groupby((index for index, _ in members), key=block_of):
        shards = item_shards(facts, block)
        if shards is None:
            return
        lines = [b"\n"] * len(shards.lines)
        paths = facts.output_paths(block)
        for index in mine:
            place = index % BLOCK
            shard, row = shards.of(place), manifest.results.row(index)
            attempts = list(known_attempts(row, manifest.path).values())
            left = shard.left(attempts, paths[place] if paths else facts.fixed_paths or {})
            if len(left) < len(shard.items):
                lines[place] = line_of(left)
        path = os.path.join(manifest.run, f"resubmit-{number}", "items", str(block))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "xb") as stream:
            stream.writelines(lines)
