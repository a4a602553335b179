"""Attempts meet what lies at their destinations.

A second pass, over rows that are folded already: what ended before the stores were listed must be
in the listing, and what ends later cannot be among these rows. A block of which the listing says
what it said last time keeps its rows as bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import orjson

from collectors.at_destination import AtDestination, Survey
from collectors.destination import GONE, UNKNOWN, Listing, Places, joined
from collectors.output_evidence import wants_check
from collectors.records import Attempt, known_attempts
from collectors.run_facts import RunFacts
from collectors.stored_verdict import told_stored
from collectors.verdicts import World, attempt_verdict, shard_verdict
from manifest.header import Block
from manifest.layout import blocks
from manifest.rows import SEPARATOR, count_states, parse_row
from manifest.store import Manifest

_EMPTY = b'"attempts":[]'


@dataclass(frozen=True, slots=True)
class Confronted:
    """A manifest beside what was listed."""

    manifest: Manifest
    changed: bool
    found: AtDestination


def confront(manifest: Manifest, facts: RunFacts, world: World, listing: Listing) -> Confronted:
    """Judge what was stored by a listing that was begun after the manifest was folded."""
    survey = Survey(listing, manifest.path)
    replaced: dict[int, bytes] = {}
    accounts: list[Block] = []
    for number in range(blocks(manifest.header.shards)):
        places = _places(facts, number)
        seen = survey.count(places)
        account = manifest.header.blocks[number]
        rows = manifest.results.block(number)
        if account.destination != seen:
            old = rows
            rows, settled = _judged(rows, places, listing, world, manifest.path)
            update: dict[str, Any] = {"destination": seen}
            if rows != old:
                replaced[number] = SEPARATOR.join(rows)
                update["results"] = len(replaced[number])
                update["states"] = count_states(rows, manifest.path)
            if not settled:
                update["digest"] = None
            account = account.model_copy(update=update)
        if account.states.get("planned"):
            survey.look_for_unrecorded(rows, places)
        if account.states.get("succeeded") != len(rows):
            survey.look_for_wrong(rows)
        accounts.append(account)
    header = manifest.header.model_copy(update={"blocks": tuple(accounts)})
    fresh = replace(manifest, header=header, results=manifest.results.replaced(replaced))
    return Confronted(fresh, header != manifest.header, survey.result())


def _places(facts: RunFacts, number: int) -> list[Places]:
    urls = facts.destinations(number)
    beside = facts.companions(number)
    if beside is None:
        return [joined(mine, {}) for mine in urls]
    return [joined(mine, others) for mine, others in zip(urls, beside, strict=True)]


def _judged(
    rows: list[bytes], places: list[Places], listing: Listing, world: World, path: str
) -> tuple[list[bytes], bool]:
    """Return a block's rows as the listing has them, and whether all of it is certain."""
    fresh = list(rows)
    settled = True
    for position, data in enumerate(rows):
        if _EMPTY in data:
            continue
        row = parse_row(data, path)
        attempts = list(known_attempts(row, path).values())
        touched = [one for one in attempts if _tell(one, places[position], listing)]
        for attempt in touched:
            verdict = attempt_verdict(attempt, world, siblings=attempts)
            attempt |= {
                "state": verdict.state,
                "cause": verdict.cause,
                "evidence": verdict.evidence,
            }
            settled = settled and verdict.state != "unknown"
        if touched:
            fresh[position] = _row(row, attempts)
    return fresh, settled


def _row(row: dict[str, Any], attempts: list[Attempt]) -> bytes:
    verdict, accepted = shard_verdict(attempts)
    changes = {
        "state": verdict.state,
        "cause": verdict.cause,
        "evidence": verdict.evidence,
        "accepted_attempts": accepted,
        "attempts": attempts,
    }
    return orjson.dumps(row | changes)


def _tell(attempt: Attempt, places: Places, listing: Listing) -> bool:
    """Note what the listing says of an attempt's files; return whether that is news."""
    if not attempt["stored"] or not wants_check(attempt):
        return False
    problems = _problems(attempt, places, listing)
    if problems is None or problems == attempt["destination"]:
        return False
    attempt["destination"] = problems
    return True


def _problems(attempt: Attempt, places: Places, listing: Listing) -> list[dict[str, Any]] | None:
    """Return what is wrong with an attempt's files; None: of some it is not known."""
    problems: list[dict[str, Any]] = []
    for told in told_stored(attempt):
        if told["name"] not in places:
            continue
        url, *beside = places[told["name"]]
        size = listing.size(url)
        sizes = [listing.size(one) for one in beside]
        if size == UNKNOWN or UNKNOWN in sizes:
            return None
        if size == GONE:
            problems.append({"url": told["url"], "bytes": None, "problem": "gone"})
            continue
        if size != told["bytes"]:
            problems.append({"url": told["url"], "bytes": size, "problem": "size"})
        problems += [
            {"url": one, "bytes": None, "problem": "companion"}
            for one, there in zip(beside, sizes, strict=True)
            if there == GONE
        ]
    return problems
