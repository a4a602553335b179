"""Folding one block of 1,000 shards: its old rows, its records and what is known beside them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import orjson

from collectors import output_evidence
from collectors.by_item import is_weighed, item_shards
from collectors.observed_verdict import NFS_LAG_S
from collectors.observing import apply_observed, is_final, is_recorded
from collectors.pool_journal import Ends, apply_ends
from collectors.records import (
    Attempt,
    apply_record,
    digest,
    known_attempts,
    new_attempt,
    read_record,
    split_name,
    written_at,
)
from collectors.run_facts import RunFacts
from collectors.verdicts import World, attempt_verdict, shard_verdict, when
from manifest.layout import BLOCK, records_dir
from manifest.rows import parse_row
from outputs.facts import ShardFacts

Due = list[tuple[ShardFacts, Attempt, dict[str, str]]]
_LATE_END_S = 3600  # after this nobody waits for the end record of a job that is over
_EMPTY = b'"attempts":[]'


@dataclass(frozen=True, slots=True)
class FoldedBlock:
    """A block as it is now."""

    rows: list[bytes]
    digest: str | None
    accounted: bool
    read: int
    strangers: int


class BlockFold:
    """One block of 1,000 shards."""

    def __init__(self, facts: RunFacts, world: World, path: str, plan_id: str, number: int) -> None:
        """``path`` is the manifest's, for messages."""
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
    ) -> FoldedBlock:
        """Return the block's rows."""
        listed, strangers = self._by_shard(names, len(plans))
        paths = self.facts.output_paths(self.number)
        self.items = item_shards(self.facts, self.number)
        settled = accounted = True
        due: Due = []
        touched: list[tuple[int, dict[str, Any], dict[str, Attempt]]] = []
        rows = list(old)
        for position in range(len(plans)):
            index = self.number * BLOCK + position
            mine = listed.get(index, [])
            told = index in ends or any(index in one.shards for one in self.outside.observed)
            if not (mine or told or recheck or _EMPTY not in old[position]):
                continue
            row = parse_row(old[position], self.path)
            attempts = known_attempts(row, self.path)
            self._read_new(attempts, index, mine)
            apply_ends(attempts, ends.get(index, []))
            for observed in self.outside.observed:
                apply_observed(attempts, index, observed)
            self._seek_ends(attempts, index)
            if self.items and not recheck and is_weighed(attempts, known_attempts(row, self.path)):
                accounted = accounted and all(map(is_final, attempts.values()))
                continue
            plan = parse_row(plans[position], self.path)
            due += self._due(plan, attempts, paths[position] if paths else None, recheck=recheck)
            touched.append((position, plan, attempts))
        output_evidence.check_all(self.facts, due)
        for position, plan, attempts in touched:
            shown = (paths[position] if paths else self.facts.fixed_paths) or {}
            rows[position], final = self._result(plan, attempts, old[position], shown)
            settled = settled and final
            accounted = accounted and all(map(is_final, attempts.values()))
        known = digest(names) if settled and not self.unreadable else None
        return FoldedBlock(rows, known, accounted, self.read, strangers)

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
            if attempt["ended"] is None and is_recorded(attempt):
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
        self, plan: dict[str, Any], attempts: dict[str, Attempt], old: bytes, paths: dict[str, str]
    ) -> tuple[bytes, bool]:
        ordered = sorted(attempts.values(), key=when)
        final = True
        latest = {attempt["native_id"]: attempt["attempt"] for attempt in ordered}
        for attempt in ordered:
            again = attempt["native_id"] and latest[attempt["native_id"]] != attempt["attempt"]
            verdict = attempt_verdict(
                attempt, self.world, started_again=bool(again), siblings=ordered
            )
            attempt["state"] = verdict.state
            attempt["cause"] = verdict.cause
            attempt["evidence"] = verdict.evidence
            final = final and self._is_over(attempt) and verdict.state != "unknown"
        if self.items is None:
            verdict, accepted = shard_verdict(ordered)
        else:
            shard = self.items.of(plan["shard_index"] - self.number * BLOCK)
            verdict, accepted = shard.verdict(ordered, paths)
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

    def _is_over(self, attempt: Attempt) -> bool:
        """Say whether nothing more is to come of an attempt."""
        if attempt["ended"] is not None or not is_final(attempt):
            return attempt["ended"] is not None
        ended = attempt["observed"].get("ended", self.outside.now)
        return not is_recorded(attempt) or self.outside.now - ended > _LATE_END_S


def _missing(attempt: Attempt) -> bool:
    """Say whether an output was not visible when it was looked for: NFS may show it by now."""
    return attempt["state"] == "unknown" and any(
        output["bytes"] is None and output["path"] for output in attempt["outputs"] or []
    )
