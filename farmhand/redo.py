"""Which shards are redone, with what, and why the others are not."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Any

from collectors.log_tail import tail_lines
from collectors.records import known_attempts
from farmhand.gather import Gathered
from farmhand.handed import Submitted
from farmhand.select import latest_submission, not_started
from farmhand.where import Condition
from manifest.policy import Decision, decide
from manifest.resources import Resources
from manifest.rows import head_of, parse_row
from manifest.states import is_bad


@dataclass(frozen=True, slots=True)
class Choice:
    """What the user chose; None: did not say."""

    shards: set[int] | None = None
    """Named one by one: that insists."""
    among: set[int] | None = None
    """Looked at; to be among these does not insist."""
    causes: set[str] | None = None
    where: tuple[Condition, ...] = ()
    match: re.Pattern[str] | None = None
    """To be found in the evidence, or in the end of what the last attempt printed."""
    held: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """Bad shards that are submitted again with the same resources, for the same reason."""

    resources: Resources
    asked: Resources
    cause: str
    why: str
    shards: list[tuple[int, str]]
    held: list[tuple[str, str]]
    """(scheduler, native id) of what is still held: it has to be removed first."""


Left = dict[str, list[tuple[int, str]]]
"""Why shards are left alone -> (index, name) of those."""


def select(gathered: Gathered, choice: Choice) -> tuple[list[Group], Left]:
    """Return what is submitted again by resources, and why other bad shards are not."""
    manifest = gathered.manifest
    selection = _Selection(gathered, choice)
    for index, data in enumerate(manifest.results):
        if choice.among is not None and index not in choice.among:
            continue
        named = choice.shards is not None and index in choice.shards
        if choice.shards is None or named:
            selection.look_at(index, data, named=named)
    return list(selection.groups.values()), selection.left


class _Selection:
    def __init__(self, gathered: Gathered, choice: Choice) -> None:
        self._gathered, self._choice = gathered, choice
        submissions = gathered.manifest.header.submissions
        self._asked = {s.id: Resources.model_validate(s.resources) for s in submissions}
        self._latest = latest_submission((s.id, s.shards) for s in submissions)
        self._submitted = {s.id for s in submissions if s.native_ids}
        self._journals = Submitted(gathered.facts.run, gathered.manifest.header)
        self.groups: dict[tuple[str, str, str, str], Group] = {}
        self.left: Left = {}

    def look_at(self, index: int, data: bytes, *, named: bool) -> None:
        """Put one shard into its group, or count why it is left alone."""
        path = self._gathered.manifest.path
        state, cause = head_of(data, path)
        latest = self._latest[index]
        # What was never submitted still can be; what is left of a job that is over cannot.
        handed = self._journals.chunks(latest).get(index)
        gone = latest in self._submitted or (handed is not None and handed.outcome != "refused")
        insistable = ("unknown", "planned") if gone else ("unknown",)
        if not (is_bad(state, cause) or (named and state in insistable)):
            if named:
                self._leave(f"{state}, not bad", index, data)
            return
        if self._choice.causes is not None and cause not in self._choice.causes:
            return
        row = parse_row(data, path)
        row["attempts"] = list(known_attempts(row, path).values())
        if not _fits(self._gathered, row, self._choice):
            return
        forced = named or self._choice.causes is not None
        why_not = _why_not(row, latest, self._choice, forced=forced)
        if why_not:
            self._leave(why_not, index, data)
            return
        before, retry = self._asked[latest], self._gathered.facts.spec.retry
        decision = decide(cause, row["attempts"], before, retry, forced=forced or state == "held")
        if decision.again:
            self._add(row, before, decision)
        else:
            self._leave(decision.why, index, data)

    def _leave(self, why: str, index: int, data: bytes) -> None:
        name = parse_row(data, self._gathered.manifest.path)["name"]
        self.left.setdefault(why, []).append((index, name))

    def _add(self, row: dict[str, Any], before: Resources, decision: Decision) -> None:
        cause, resources = row["cause"] or row["state"], decision.resources
        key = (resources.model_dump_json(), before.model_dump_json(), cause, decision.why)
        group = self.groups.setdefault(key, Group(resources, before, cause, decision.why, [], []))
        group.shards.append((row["shard_index"], row["name"]))
        group.held.extend(
            (a["scheduler"], a["native_id"]) for a in row["attempts"] if a["state"] == "held"
        )


def _why_not(row: dict[str, Any], latest: int, choice: Choice, *, forced: bool) -> str | None:
    if row["state"] == "held" and not choice.held:
        return "held by the scheduler; release them there, or redo them with --held"
    if not forced and row["state"] != "held" and not_started(row, latest):
        return f"rendered again in submission {latest} and not started since"
    return None


def _fits(gathered: Gathered, row: dict[str, Any], choice: Choice) -> bool:
    def plan() -> dict[str, Any]:
        return gathered.manifest.plans.row(row["shard_index"])

    if not all(condition.holds(row, plan) for condition in choice.where):
        return False
    if choice.match is None:
        return True
    if choice.match.search(row["evidence"]):
        return True
    folder = row["attempts"][-1]["dir"] if row["attempts"] else None
    if folder is None:
        return False
    return any(
        choice.match.search(line)
        for stream in ("stderr", "stdout")
        for line in tail_lines(os.path.join(gathered.facts.run, folder, stream))
    )
