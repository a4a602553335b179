"""Splitting work into shards, and the seeds of the shards. Pure, and lazy in the shards."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from manifest.errors import UserError
from manifest.spec import Component, Seed, Spec


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


@dataclass(frozen=True, slots=True)
class Part:
    """A component with its place in the run."""

    name: str | None
    component: Component
    first: int
    """Index of its first shard."""
    shards: int
    seed: Seed | None

    @property
    def count(self) -> int:
        """Return the units of work of this component."""
        return self.component.work.count

    def seed_range(self) -> tuple[int, int] | None:
        """Return [low, high) of the seeds that its units use, for base + start seeds."""
        if self.seed is None or self.seed.base is None:
            return None
        return self.seed.base, self.seed.base + self.count


def split_count(count: int, shards: int) -> Iterator[tuple[int, int]]:
    """Yield (start, size) of contiguous shards; the first ``count % shards`` have one unit more."""
    size, extra = divmod(count, shards)
    start = 0
    for index in range(shards):
        mine = size + (index < extra)
        yield start, mine
        start += mine


def plan_parts(spec: Spec) -> list[Part]:
    """Place the components one after the other.

    Raises:
        UserError: a component has fewer units than shards, or two share seeds.
    """
    parts: list[Part] = []
    first = 0
    for name, component in spec.parts():
        shards = component.shards or spec.shards
        if shards > component.work.count:
            label = f"components.{name}" if name else "work"
            raise UserError(
                f"{shards} shards of {component.work.count} units: "
                f"{shards - component.work.count} would be empty",
                where=f"{label}.count, shards",
                hint=f"ask for at most {component.work.count} shards",
            )
        parts.append(Part(name, component, first, shards, component.work.seed))
        first += shards
    _refuse_shared_seeds(parts)
    if spec.shard_name is None:
        _refuse_shared_names(parts)
    return parts


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
    known = {part.name: part for part in parts if part.name and part.shards > 1}
    for part in parts:
        stem, _, digits = (part.name or "").rpartition("_s")
        other = known.get(stem)
        if part.shards > 1 or other is None or not digits.isdecimal():
            continue
        number = int(digits)
        if number < other.shards and part.name == _default_name(other, number):
            raise UserError(
                f"component '{part.name}' is named like shard {number} of component '{stem}'",
                where=f"components.{part.name}",
                hint="give it another name",
            )


def _spans(parts: list[Part]) -> list[tuple[int, int]]:
    return [span for part in parts if (span := part.seed_range())]


def spawned_seed(seed: int, index: int, bits: int, attempt: int = 0) -> int:
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
        for number, (start, size) in enumerate(split_count(part.count, part.shards)):
            seed = _seed(part, number, start, spawned, spans)
            yield Row(
                part.first + number,
                _default_name(part, number),
                part.name,
                start,
                size,
                seed,
                number,
            )


def _seed(
    part: Part, number: int, start: int, spawned: set[int], spans: list[tuple[int, int]]
) -> int | None:
    if part.seed is None:
        return None
    if part.seed.base is not None:
        return part.seed.base + start
    assert part.seed.spawn is not None  # noqa: S101 (Seed allows no third form)
    attempt = 0
    while True:  # narrow seeds of many shards do collide; no two shards may share one
        value = spawned_seed(part.seed.spawn, number, part.seed.bits, attempt)
        if value not in spawned and not any(low <= value < high for low, high in spans):
            break
        attempt += 1
    spawned.add(value)
    return value


def _default_name(part: Part, number: int) -> str:
    width = len(str(part.shards - 1))
    if part.name is None:
        return f"s{number:0{width}}"
    return part.name if part.shards == 1 else f"{part.name}_s{number:0{width}}"
