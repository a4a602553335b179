"""Shards that are resumed: what each attempt has finished, and whether all of it is everything.

An item counts where its line is in the ledger and its rows are in the tables. One that two attempts
have finished belongs to the earlier: by start, then by id. So the answer depends on the set of
attempts only, never on the order in which they were looked at.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from collectors.records import Attempt
from collectors.run_facts import RunFacts
from collectors.verdicts import shard_verdict
from manifest.item_table import read_lines
from manifest.states import SEVERAL_GOOD, Verdict
from outputs.csv_rows import TableError
from outputs.item_rows import Ledger, read_ledger

_OVER = ("succeeded", "failed", "cancelled", "lost")
_NAMED = 5


@dataclass(frozen=True, slots=True)
class ItemShards:
    """The shards of a block whose attempts keep ledgers."""

    facts: RunFacts
    lines: Sequence[bytes]

    def of(self, position: int) -> ItemShard:
        """Return the shard at this place of the block."""
        return ItemShard(self.facts, os.fsdecode(self.lines[position]).split("\t"))


def item_shards(facts: RunFacts, block: int) -> ItemShards | None:
    """Return the shards of a block, or None where no output says which item a row belongs to."""
    return ItemShards(facts, read_lines(facts.run, block)) if facts.spec.item_columns else None


@dataclass(frozen=True, slots=True)
class ItemShard:
    """One shard and its items."""

    facts: RunFacts
    items: list[str]

    def verdict(self, attempts: list[Attempt], paths: dict[str, str]) -> tuple[Verdict, list[str]]:
        """Judge the shard from its judged attempts, which are in order of time."""
        shares = self.shares(attempts, paths)
        done = {item for _, mine in shares for item in mine}
        good = [attempt for attempt in attempts if attempt["state"] == "succeeded"]
        total = len(self.items)
        if good and len(done) == total:
            return _complete(good, [(a["attempt"], len(mine)) for a, mine in shares], total)
        if good:
            missing = [item for item in self.items if item not in done]
            shown = ", ".join(missing[:_NAMED]) + ", …" * (len(missing) > _NAMED)
            for attempt in good:
                text = f"exit code 0, but {len(missing)} of {total} items are in no ledger: {shown}"
                _spoil(attempt, text)
        verdict, accepted = shard_verdict(attempts)
        if done and verdict.state in _OVER:
            text = f"{verdict.evidence}; {len(done)} of {total} items done"
            verdict = Verdict(verdict.state, verdict.cause, text)
        return verdict, accepted

    def left(self, attempts: list[Attempt], paths: dict[str, str]) -> list[str]:
        """Return the items that no attempt has finished, in their order."""
        done = {item for _, mine in self.shares(attempts, paths) for item in mine}
        return [item for item in self.items if item not in done]

    def shares(
        self, attempts: list[Attempt], paths: dict[str, str]
    ) -> list[tuple[Attempt, list[str]]]:
        """Return the attempts that have finished items that no earlier one has, with those."""
        known, taken = set(self.items), set[str]()
        found = []
        for attempt in attempts:
            if attempt["state"] not in _OVER or attempt["plan"] is not None or not attempt["dir"]:
                continue
            mine = [item for item in self._finished(attempt, paths, known) if item not in taken]
            attempt["ledger"]["new"] = len(mine)
            taken.update(mine)
            if mine:
                found.append((attempt, mine))
        return found

    def _finished(self, attempt: Attempt, paths: dict[str, str], known: set[str]) -> Sequence[str]:
        """Return the items of an attempt that can be relied on, and note what its ledger says."""
        folder = os.path.join(self.facts.run, attempt["dir"])
        good = ended_well(attempt)
        try:
            ledger = read_ledger(folder, known)
        except OSError as error:
            ledger = Ledger({}, 0, f"the ledger cannot be read: {error.strerror}")
        problem, items = ledger.problem, list(ledger.done)
        attempt["ledger"] = {"bytes": ledger.bytes, "items": len(items)}
        if any(output["problem"] for output in attempt["outputs"] or ()):
            return ()
        for name in self.facts.spec.item_columns if items and not problem else ():
            path = os.path.join(self.facts.run, attempt["dir"], paths[name])
            table = self.facts.item_table(name, path, whole=good)
            try:
                there = dict.fromkeys(item for item, _ in table.rows())
            except (OSError, TableError) as error:
                why = getattr(error, "strerror", None) or error
                problem, items = f"{paths[name]} {why}" if good else None, []
                break
            strange = next((item for item in there if item not in known), None)
            if good and strange is not None:
                problem = f"{paths[name]} has a row of '{strange}', which is no item of this shard"
            elif not good:
                items = [item for item in items if item in there]
        if problem:
            if good:
                _spoil(attempt, f"exit code 0, but {problem}")
            else:
                attempt["evidence"] += f"; nothing of it counts, for {problem}"
            return ()
        if items and attempt["outputs"] is None:
            attempt["outputs"] = [
                _as_it_is(self.facts.run, attempt["dir"], name, paths[name])
                for name in self.facts.spec.item_columns
            ]
        return items


def ended_well(attempt: Attempt) -> bool:
    """Say whether the command itself says that it has done all that it was given."""
    return attempt["exit_code"] == 0 and attempt["reported"] is None


def is_weighed(attempts: dict[str, Attempt], before: dict[str, Attempt]) -> bool:
    """Say whether all is as it was when the ledgers of these attempts, all over, were read."""
    over = all("ledger" in one and one["ended"] is not None for one in attempts.values())
    return over and attempts == before


def _complete(
    good: list[Attempt], shares: list[tuple[str, int]], total: int
) -> tuple[Verdict, list[str]]:
    first = min(good, key=lambda a: (a["ended"], a["attempt"]))
    evidence = f"{first['evidence']}; {total} items"
    if len(shares) > 1:
        evidence += f" by {len(shares)} attempts: {' + '.join(str(n) for _, n in shares)}"
    if len(good) > 1:
        evidence += f"; {len(good)} {SEVERAL_GOOD}"
    return Verdict("succeeded", None, evidence), [attempt for attempt, _ in shares]


def _spoil(attempt: Attempt, evidence: str) -> None:
    attempt["state"], attempt["cause"], attempt["evidence"] = "failed", "bad_output", evidence


def _as_it_is(run: str, folder: str, name: str, path: str) -> dict[str, Any]:
    """Return the entry of an output that an attempt left behind without ending well."""
    status = os.stat(os.path.join(run, folder, path))
    return {
        "name": name,
        "path": f"{folder}/{path}",
        "bytes": status.st_size,
        "mtime_ns": status.st_mtime_ns,
        "problem": None,
    }
