"""The rows of a plan: components one after the other, their shards, names and seeds. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from manifest.chunks import Cut, FileList, cuts, number_of_shards, total
from manifest.errors import UserError
from manifest.points import Points
from manifest.resources import Resources
from manifest.spec import Component, Spec
from manifest.work import Seed, Work

_SHARD, _CHUNK = "_s", "_Chunk"


class Row(NamedTuple):
    """One planned shard."""

    shard: int
    """Its index in the run, from 0, fixed for ever."""
    name: str
    component: str | None
    start: int
    """First unit of the component's work that this shard does."""
    size: int
    """Number of units; never 0."""
    seed: int | None
    part: int
    """Number of the shard within its component, from 0."""
    file: int = 0
    """Its first file, counted in its component."""
    files: int = 0
    """Number of its files."""
    first: int = 0
    """First event in its file, where files are cut by events."""
    point: tuple[str, ...] = ()
    """Values of the parameters, where the work is a grid."""


@dataclass(frozen=True, slots=True)
class Part:
    """A component with its place in the run."""

    name: str | None
    component: Component
    first: int
    """Index of its first shard."""
    shards: int
    work: Work
    wanted: int
    """Shards that were asked for."""
    found: FileList | None = None
    """Its files."""
    points: Points | None = None
    """Its points, where the work is a grid."""

    @property
    def seed(self) -> Seed | None:
        """Return what the seeds of its shards are made from."""
        return self.work.seed

    @property
    def count(self) -> int:
        """Return the units, files or events of this component."""
        return self.points.count if self.points else total(self.work, self.found)

    def cuts(self) -> Iterator[Cut]:
        """Yield the work of its shards in order."""
        return self.points.cuts() if self.points else cuts(self.work, self.wanted, self.found)

    @property
    def chunked(self) -> bool:
        """Return whether its shards are chunks of files; what is not split keeps its name."""
        return self.found is not None and (self.work.is_cut or self.shards > 1)

    def needs(self) -> Iterator[tuple[Resources | None, int]]:
        """Yield what consecutive shards need otherwise than their component, and how many."""
        yield from self.points.needs() if self.points else [(None, self.shards)]

    def seed_range(self) -> tuple[int, int] | None:
        """Return [low, high) of the seeds that its units use, for base + start seeds."""
        if self.seed is None or self.seed.base is None:
            return None
        return self.seed.base, self.seed.base + self.count


def plan_parts(
    spec: Spec,
    found: Mapping[str | None, FileList] | None = None,
    items: Mapping[str | None, int] | None = None,
) -> list[Part]:
    """Place the components one after the other.

    Args:
        spec: what the user wants.
        found: the files of each component that works on files.
        items: how many items each component has that works on items.

    Raises:
        UserError: a component has fewer units than shards, or two share seeds.
    """
    parts: list[Part] = []
    first = 0
    for name, component in spec.parts():
        work, wanted = component.does, component.shards or spec.shards
        if work.grid:
            points = _points(name, component, spec)
            parts.append(Part(name, component, first, points.shards, work, 1, points=points))
            first += points.shards
            continue
        if work.items:
            work = work.counted((items or {})[name])
            wanted = min(wanted, work.count or 1)
        files = (found or {}).get(name) if work.listed else None
        shards = number_of_shards(work, wanted, files)
        count = total(work, files)
        if not shards:
            raise UserError(
                "there are no events to work on",
                where=f"components.{name}" if name else "work",
                hint="the files have none, or all are shorter than a job and tail: drop leaves "
                "them out",
            )
        if not work.listed and shards > count:
            label = f"components.{name}" if name else "work"
            raise UserError(
                f"{shards} shards of {count} units: {shards - count} would be empty",
                where=f"{label}.count, shards",
                hint=f"ask for at most {count} shards",
            )
        parts.append(Part(name, component, first, shards, work, wanted, files))
        first += shards
    _refuse_shared_seeds(parts)
    if spec.shard_name is None:
        _refuse_shared_names(parts)
    return parts


def _points(name: str | None, component: Component, spec: Spec) -> Points:
    """Work out the grid of a component."""
    where = f"components.{name}.work" if name else "work"
    asked = component.shards or (spec.shards if name is None else 1)
    if asked > 1:
        raise UserError(
            "shards: does not say how a grid is split: each point is a shard",
            where=f"components.{name}.shards" if name else "shards",
            hint="leave it out; shards_per_point: divides the units of each point",
        )
    seed = component.does.seed
    if seed is not None and seed.spawn is None:
        raise UserError(
            "base + start would give a point another seed whenever a point before it comes or goes",
            where=f"{where}.seed",
            hint=f"write seed: {{spawn: {seed.base}}}: then a seed follows from the point itself",
        )
    return Points(component.does, where)


def _refuse_shared_seeds(parts: list[Part]) -> None:
    spans = sorted((*span, part.name) for part in parts if (span := part.seed_range()))
    for (_, high, one), (low, _, other) in pairwise(spans):
        if low < high:
            raise UserError(
                f"components '{one}' and '{other}' would use the same seeds (from {low})",
                where=f"components.{other}.work.seed",
                hint=f"give '{other}' a seed of {high} or more, or use seed: {{spawn: NUMBER}}",
            )
    bases = [part.seed.spawn for part in parts if part.seed and part.seed.spawn is not None]
    if len(set(bases)) < len(bases):
        raise UserError(
            "two components spawn their seeds from the same number",
            where="components.*.work.seed.spawn",
            hint="give every component its own number",
        )
    for part in parts:
        if part.seed and part.seed.spawn is not None:
            _refuse_narrow_seeds(part, parts)


def _refuse_narrow_seeds(part: Part, parts: list[Part]) -> None:
    """Half of the numbers must stay free: else finding another one for a shard takes long."""
    assert part.seed is not None  # noqa: S101 (the caller looked)
    numbers = 1 << part.seed.bits
    used = sum(min(high, numbers) - min(low, numbers) for low, high in _spans(parts))
    used += sum(p.shards for p in parts if p.seed and p.seed.spawn is not None)
    if 2 * used > numbers:
        raise UserError(
            f"{part.seed.bits} bits are {numbers} seeds: too few for {used} in use",
            where=f"components.{part.name}.work.seed.bits" if part.name else "work.seed.bits",
            hint="allow more bits, or leave bits: out for 63",
        )


def _refuse_shared_names(parts: list[Part]) -> None:
    """Refuse a component named like a shard of another: ``a_s0`` beside ``a`` of 2 shards."""
    known = {part.name: part for part in parts if part.name}
    for part in parts:
        for mark in (_SHARD, _CHUNK):
            stem, _, digits = (part.name or "").rpartition(mark)
            other = known.get(stem)
            if other is None or not digits.isdecimal():
                continue
            number = int(digits)
            names = {_default_name(part, 0), _default_name(part, part.shards - 1)}
            if number < other.shards and _default_name(other, number) in names:
                raise UserError(
                    f"component '{part.name}' is named like shard {number} of component '{stem}'",
                    where=f"components.{part.name}",
                    hint="give it another name",
                )


def _spans(parts: list[Part]) -> list[tuple[int, int]]:
    return [span for part in parts if (span := part.seed_range())]


def spawned_seed(seed: int, index: int | str, bits: int, attempt: int = 0) -> int:
    """Return seed number ``index`` of the independent streams spawned from ``seed``.

    A keyed hash: neighbouring bases and indices share nothing, unlike base + index, where two
    studies with bases 1 and 2 share all seeds but one. It depends on nothing else, so a retry
    has the seed of its first attempt.
    """
    text = f"farmhand.spawn/1 {seed} {index} {attempt}".encode()
    digest = hashlib.blake2b(text, digest_size=8).digest()
    return int.from_bytes(digest, "big") >> (64 - bits)


def rows(parts: list[Part]) -> Iterator[Row]:
    """Yield every shard in order, with its default name."""
    spawned: set[int] = set()
    spans = _spans(parts)
    for part in parts:
        for number, cut in enumerate(part.cuts()):
            seed = _seed(part, cut.key or number, cut.start, spawned, spans)
            yield Row(
                part.first + number,
                _default_name(part, number),
                part.name,
                cut.start,
                cut.size,
                seed,
                number,
                cut.file,
                cut.files,
                cut.first,
                cut.point,
            )


def _seed(
    part: Part, number: int | str, start: int, spawned: set[int], spans: list[tuple[int, int]]
) -> int | None:
    if part.seed is None:
        return None
    if part.seed.base is not None:
        return part.seed.base + start
    assert part.seed.spawn is not None  # noqa: S101 (Seed allows no third form)
    attempt = 0
    while (
        True
    ):  # narrow seeds of many shards do collide; no two shards may share one; 0 is the clock
        value = spawned_seed(part.seed.spawn, number, part.seed.bits, attempt)
        if value and value not in spawned and not any(low <= value < high for low, high in spans):
            break
        attempt += 1
    spawned.add(value)
    return value


def _default_name(part: Part, number: int) -> str:
    if part.chunked:
        return f"{part.name or ''}{_CHUNK}{number}".removeprefix("_")
    width = len(str(part.shards - 1))
    if part.name is None:
        return f"s{number:0{width}}"
    return part.name if part.shards == 1 else f"{part.name}{_SHARD}{number:0{width}}"
