"""Folding: what is already known and what is new become the next manifest, block by block.

A block whose record names are those of last time, all of whose attempts had ended, and of which
no other source says anything new, keeps its rows as bytes: collecting twice lists the records and
touches nothing else.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import orjson

from collectors import output_evidence
from collectors.pool_journal import Ends, apply_ends, read_journal
from collectors.records import (
    Attempt,
    apply_record,
    digest,
    known_attempts,
    list_block,
    new_attempt,
    read_record,
    split_name,
    written_at,
)
from collectors.run_facts import RunFacts
from collectors.verdicts import NFS_LAG_S, World, attempt_verdict, shard_verdict
from manifest.header import Block, Header
from manifest.layout import BLOCK, blocks, records_dir
from manifest.rows import SEPARATOR, count_states, parse_row
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


@dataclass(frozen=True, slots=True)
class _Block:
    rows: list[bytes]
    digest: str | None
    read: int
    strangers: int


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
    replaced: dict[int, bytes] = {}
    accounts: list[Block] = []
    read = strangers = 0
    for number in range(blocks(header.shards)):
        names = list_block(manifest.run, number)
        account = header.blocks[number]
        quiet = account.digest is not None and account.digest == digest(names)
        if not recheck and number not in busy and quiet:
            accounts.append(account)
        else:
            old = manifest.results.block(number)
            block = _BlockFold(facts, world, manifest.path, header.plan_id, number)
            folded = block.fold(manifest.plans.block(number), old, names, ends, recheck=recheck)
            update: dict[str, Any] = {"digest": folded.digest}
            if folded.rows != old:
                replaced[number] = SEPARATOR.join(folded.rows)
                update["results"] = len(replaced[number])
                update["states"] = count_states(folded.rows, manifest.path)
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


class _BlockFold:
    """One block of 1,000 shards."""

    def __init__(self, facts: RunFacts, world: World, path: str, plan_id: str, number: int) -> None:
        self.facts = facts
        self.outside = world
        self.living: dict[str, bool | None] = {}
        self.world = replace(world, alive=lambda attempt: self.living.get(attempt["attempt"]))
        self.path = path
        self.plan_id = plan_id
        self.number = number
        self.folder = records_dir(facts.run, number)
        self.read = 0
        self.unreadable = False

    def fold(
        self,
        plans: list[bytes],
        old: list[bytes],
        names: list[str],
        ends: Ends,
        *,
        recheck: bool,
    ) -> _Block:
        """Return the block's rows."""
        listed, strangers = self._by_shard(names, len(plans))
        paths = self.facts.output_paths(self.number)
        settled = True
        due: Due = []
        touched: list[tuple[int, dict[str, Any], dict[str, Attempt]]] = []
        rows = list(old)
        for position in range(len(plans)):
            index = self.number * BLOCK + position
            mine = listed.get(index, [])
            if not mine and index not in ends and not recheck:
                continue
            row = parse_row(old[position], self.path)
            attempts = known_attempts(row, self.path)
            self._read_new(attempts, index, mine)
            apply_ends(attempts, ends.get(index, []))
            self._seek_ends(attempts, index)
            plan = parse_row(plans[position], self.path)
            due += self._due(plan, attempts, paths[position] if paths else None, recheck=recheck)
            touched.append((position, plan, attempts))
        output_evidence.check_all(self.facts, due)
        for position, plan, attempts in touched:
            rows[position], final = self._result(plan, attempts, old[position])
            settled = settled and final
        known = digest(names) if settled and not self.unreadable else None
        return _Block(rows, known, self.read, strangers)

    def _by_shard(self, names: list[str], size: int) -> tuple[dict[int, list[str]], int]:
        listed: dict[int, list[str]] = {}
        strangers = 0
        first = self.number * BLOCK
        for name in names:
            parts = split_name(name)
            if parts is None or not first <= parts[0] < first + size:
                strangers += 1
            else:
                listed.setdefault(parts[0], []).append(parts[1])
        return listed, strangers

    def _read_new(self, attempts: dict[str, Attempt], index: int, names: list[str]) -> None:
        for name in names:
            attempt = attempts.get(name)
            if attempt is None:
                attempt = attempts[name] = new_attempt(name)
            if attempt["ended"] is None:
                self._read(attempt, index)

    def _read(self, attempt: Attempt, index: int) -> None:
        path = f"{self.folder}/{index}.{attempt['attempt']}.jsonl"
        data = read_record(path)
        self.read += 1
        if data is None:
            self.unreadable = True
            return
        apply_record(attempt, data, self.plan_id)
        if attempt["started"] is None and self.outside.now - written_at(path) > NFS_LAG_S:
            # The payload runs nothing before this line is written, so nothing was run.
            attempt["reported"] = "setup"
            attempt["note"] = "its start record could not be written (was the disk full?)"

    def _seek_ends(self, attempts: dict[str, Attempt], index: int) -> None:
        """Ask once whether open attempts live; then read the record of one that does not again.

        In this order, and with this one answer for the verdict: a process that ends between two
        looks would else be gone without an end, and its shard would run again.
        """
        for attempt in attempts.values():
            if attempt["ended"] is None:
                alive = self.living[attempt["attempt"]] = self.outside.alive(attempt)
                if alive is False or attempt["pool"] is not None:
                    self._read(attempt, index)

    def _due(
        self,
        plan: dict[str, Any],
        attempts: dict[str, Attempt],
        paths: dict[str, str] | None,
        *,
        recheck: bool,
    ) -> Iterator[tuple[ShardFacts, Attempt, dict[str, str]]]:
        for attempt in attempts.values():
            if not output_evidence.wants_check(attempt):
                continue
            stale = recheck and output_evidence.has_changed(self.facts, attempt)
            if attempt["outputs"] is None or stale or _missing(attempt):
                yield (
                    self.facts.shard(plan, attempt["attempt"]),
                    attempt,
                    self.facts.fixed_paths or {} if paths is None else paths,
                )

    def _result(
        self, plan: dict[str, Any], attempts: dict[str, Attempt], old: bytes
    ) -> tuple[bytes, bool]:
        ordered = sorted(
            attempts.values(), key=lambda a: (a["started"] or a["ended"] or 0.0, a["attempt"])
        )
        final = True
        for attempt in ordered:
            verdict = attempt_verdict(attempt, self.world)
            attempt["state"] = verdict.state
            attempt["cause"] = verdict.cause
            attempt["evidence"] = verdict.evidence
            final = final and attempt["ended"] is not None and verdict.state != "unknown"
        verdict, accepted = shard_verdict(ordered)
        row = orjson.dumps(
            {
                "shard_index": plan["shard_index"],
                "name": plan["name"],
                "state": verdict.state,
                "cause": verdict.cause,
                "evidence": verdict.evidence,
                "accepted_attempts": accepted,
                "attempts": ordered,
            }
        )
        return (old if row == old else row), final


def _missing(attempt: Attempt) -> bool:
    """Say whether an output was not visible when it was looked for: NFS may show it by now."""
    return attempt["state"] == "unknown" and any(
        output["bytes"] is None and output["path"] for output in attempt["outputs"] or []
    )


def here() -> str:
    """Return this host's name as payloads write it ($HOSTNAME)."""
    return os.uname().nodename
