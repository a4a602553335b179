"""Do these documents make one study? What all shards must share, and how their ranges join."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from manifest.errors import Refusal
from outputs.facts import UNPLANNED
from outputs.job import refuse
from outputs.proof import name_shards

if TYPE_CHECKING:
    from outputs.facts import Source
    from outputs.toys_document import Toys

CLOSE = 1e-9
"""Relative difference below which two fitted generation points are one: another processor may
round the last digits of a maximum-likelihood fit differently."""


@dataclass(slots=True)
class Study:
    """What the documents seen so far agree on."""

    first: Toys | None = None
    rounded: list[Source] = field(default_factory=list)
    """Sources whose generation point differs in the last digits."""

    def agree(self, toys: Toys) -> None:
        """Compare one more document with the first one.

        Raises:
            Refusal: naming both shards and what differs.
        """
        if self.first is None:
            self.first = toys
            return
        for path, ours, theirs in self._shared(toys):
            if ours == theirs:
                continue
            if path in ("gen.params", "results.poi_true") and _close(ours, theirs):
                if toys.source not in self.rounded[-1:]:
                    self.rounded.append(toys.source)
                continue
            raise refuse(
                toys.source,
                f"{path} is {_clip(theirs)}, {self.first.source.label} has {_clip(ours)}",
            )

    def _shared(self, toys: Toys) -> list[tuple[str, Any, Any]]:
        """Return (path, value in the first, value here) of all that must be equal."""
        if self.first is None:
            return []
        a, b = self.first.document, toys.document
        rows: list[tuple[str, Any, Any]] = [
            (name, a.get(name), b.get(name))
            for name in ("input_schema_version", "parameter_names", "poi_index")
        ]
        rows += [
            (f"gen.{name}", a["gen"].get(name), b["gen"].get(name))
            for name in sorted((a["gen"].keys() | b["gen"].keys()) - {"seed", "n_toys"})
        ]
        rows.append(("results.poi_true", a["results"]["poi_true"], b["results"]["poi_true"]))
        rows.append(("the list of results", sorted(a["results"]), sorted(b["results"])))
        rows += [
            (f"guardrails.{name}", _threshold(a, name), _threshold(b, name))
            for name in ("require_all_converged", "max_abs_poi_pull_mean", "poi_pull_std_range")
        ]
        blocks = ("has a shard block", "has none")
        rows.append(("shard", blocks[self.first.block is None], blocks[toys.block is None]))
        if toys.block is not None and self.first.block is not None:
            rows.append(("gen.seed", self.first.seed, toys.seed))
            rows.append(("gen.n_toys", self.first.total, toys.total))
            totals = self.first.block["shard_total"], toys.block["shard_total"]
            rows.append(("shard.shard_total", *totals))
        return rows


def _threshold(document: dict[str, Any], name: str) -> object:
    guardrails = document.get("guardrails")
    return guardrails.get(name) if isinstance(guardrails, dict) else None


def _close(ours: object, theirs: object) -> bool:
    if isinstance(ours, list) and isinstance(theirs, list):
        return len(ours) == len(theirs) and all(map(_close, ours, theirs))
    if isinstance(ours, (int, float)) and isinstance(theirs, (int, float)):
        return abs(ours - theirs) <= CLOSE * max(abs(ours), abs(theirs))
    return False


def _clip(value: object) -> str:
    text = str(value)
    return text if len(text) <= 100 else text[:100] + "…"  # noqa: PLR2004 (two fit on a screen)


@dataclass(frozen=True, slots=True)
class Place:
    """Where one document's toys stand in the study; small enough to keep for every shard."""

    source: Source
    seed: int
    """Seed of its first toy."""
    n_toys: int
    index: int
    total: int
    """Shards of the study; 0 without a shard block."""
    start: int
    study_toys: int
    """Toys of the whole study; 0 without a shard block."""

    @property
    def is_block(self) -> bool:
        """Whether the document itself says where it stands."""
        return self.total > 0


def place(toys: Toys) -> Place:
    """Return where a document stands."""
    block = toys.block or {}
    return Place(
        source=toys.source,
        seed=toys.first_seed,
        n_toys=toys.n_toys,
        index=block.get("shard_index", UNPLANNED),
        total=block.get("shard_total", 0),
        start=block.get("shard_start", UNPLANNED),
        study_toys=toys.total if block else 0,
    )


def join_unplanned(places: list[Place], *, allow_partial: bool) -> list[int]:
    """Prove files without a plan complete by what they say themselves; return absent indices.

    Args:
        places: of all files, in the order of their toys.
        allow_partial: gaps between shard blocks are allowed and returned.

    Raises:
        Refusal: naming the files or the shard indices.
    """
    if places[0].is_block:
        return _join_blocks(places, allow_partial=allow_partial)
    for before, after in itertools.pairwise(places):
        if before.seed + before.n_toys != after.seed:
            raise refuse(
                after.source,
                f"its first seed is {after.seed}, but {before.source.shown} ends at "
                f"{before.seed + before.n_toys - 1}: the files do not join into one study",
            )
    return []


def _join_blocks(places: list[Place], *, allow_partial: bool) -> list[int]:
    first = places[0]
    absent = sorted(set(range(first.total)) - {place.index for place in places})
    if absent and not allow_partial:
        raise Refusal(
            f"not merged: of {first.total} shards {name_shards(absent)} "
            f"{'is' if len(absent) == 1 else 'are'} not among the files",
            hint="name them too, or merge without them with --allow-partial",
        )
    at, before = 0, None
    for here in places:
        if before is not None and here.index == before.index:
            raise refuse(here.source, f"is shard {here.index}, as {before.source.shown} is")
        if here.start < at or (here.start > at and not absent):
            raise refuse(here.source, f"shard {here.index} starts at toy {here.start}, not {at}")
        at, before = here.start + here.n_toys, here
    if at > first.study_toys or (at < first.study_toys and not absent):
        raise refuse(places[-1].source, f"ends at toy {at}, the study has {first.study_toys}")
    return absent


def refuse_shared_seeds(places: list[Place]) -> None:
    """Refuse shards that made the same toys: toy i of a shard uses the shard's seed + i.

    Raises:
        Refusal: naming two shards.
    """
    ordered = sorted(places, key=lambda place: place.seed)
    for before, after in itertools.pairwise(ordered):
        if after.seed < before.seed + before.n_toys:
            raise refuse(
                after.source,
                f"uses seeds from {after.seed} on, which {before.source.label} uses too "
                f"({before.seed} to {before.seed + before.n_toys - 1}): the same toys twice",
            )
