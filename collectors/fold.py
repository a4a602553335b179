"""Folding: what is already known and what is new become the next manifest, block by block.

A block whose record names are those of last time, all of whose attempts had ended, and of which
no other source says anything new, keeps its rows as bytes: collecting twice lists the records and
touches nothing else.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from collectors.block_fold import BlockFold
from collectors.pool_journal import read_journal
from collectors.records import (
    Attempt,
    digest,
    list_block,
)
from collectors.run_facts import RunFacts
from collectors.verdicts import World
from manifest.header import Block, Header
from manifest.layout import BLOCK, blocks
from manifest.rows import SEPARATOR, count_states
from manifest.store import Manifest
from outputs.facts import ShardFacts

Due = list[tuple[ShardFacts, Attempt, dict[str, str]]]


@dataclass(frozen=True, slots=True)
class Folded:
    """The manifest as it would be written now."""

    manifest: Manifest
    changed: bool
    read: int
    """Records read."""
    strangers: int
    """Files among the records that are not records."""


def fold(
    manifest: Manifest,
    facts: RunFacts,
    world: World,
    *,
    recheck: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Folded:
    """Fold everything new into ``manifest``; nothing is written.

    With ``recheck`` every output is looked at again, and read again if it has changed.
    """
    header = manifest.header
    # The journal is read before the records are listed: its entry follows the end record.
    ends, offset = read_journal(manifest.run, header.journal_bytes)
    busy = {shard // BLOCK for shard in ends}
    told = {shard // BLOCK for observed in world.observed for shard in observed.shards}
    replaced: dict[int, bytes] = {}
    accounts: list[Block] = []
    read = strangers = 0
    for number in range(blocks(header.shards)):
        names = list_block(manifest.run, number)
        account = header.blocks[number]
        quiet = account.digest is not None and account.digest == digest(names)
        answered = account.accounted or number not in told
        if not recheck and number not in busy and quiet and answered:
            accounts.append(account)
        else:
            old = manifest.results.block(number)
            block = BlockFold(facts, world, manifest.path, header.plan_id, number)
            folded = block.fold(manifest.plans.block(number), old, names, ends, recheck=recheck)
            update: dict[str, Any] = {"digest": folded.digest, "accounted": folded.accounted}
            if folded.rows != old:
                replaced[number] = SEPARATOR.join(folded.rows)
                update["results"] = len(replaced[number])
                update["states"] = count_states(folded.rows, manifest.path)
                update["destination"] = None
            accounts.append(account.model_copy(update=update))
            read += folded.read
            strangers += folded.strangers
        if progress:
            progress(min(header.shards, (number + 1) * BLOCK), header.shards)
    fresh = header.model_copy(update={"blocks": tuple(accounts), "journal_bytes": offset})
    results = manifest.results.replaced(replaced)
    changed = bool(replaced) or fresh != header
    return Folded(replace(manifest, header=fresh, results=results), changed, read, strangers)


def stamped(header: Header) -> Header:
    """Return the header of the next revision, collected now."""
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return header.model_copy(update={"revision": header.revision + 1, "collected_at_utc": now})


def here() -> str:
    """Return this host's name as payloads write it ($HOSTNAME)."""
    return os.uname().nodename
