"""One shard's document of ``nextstat unbinned-fit-toys``: its shape, and is it the planned one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from outputs import json_document
from outputs.job import reading, refuse

if TYPE_CHECKING:
    from outputs.facts import Source

PER_TOY = ("converged", "poi_hat", "poi_sigma", "nll")
"""Arrays in ``results`` with one value a toy; null stands for a toy whose fit gave an error."""
_NUMBER = (int, float)
_VALUES: dict[str, set[type]] = {
    "converged": {bool, type(None)},
    "poi_hat": {int, float, type(None)},
    "poi_sigma": {int, float, type(None)},
    "nll": {int, float, type(None)},
}


@dataclass(frozen=True, slots=True)
class Toys:
    """One parsed document with what its place in the study depends on."""

    source: Source
    document: dict[str, Any]
    n_toys: int
    """Toys in this document."""
    seed: int
    """``gen.seed``: of the whole study when ``block`` is there, else of this document."""
    total: int
    """``gen.n_toys``: of the whole study when ``block`` is there, else of this document."""
    block: dict[str, int] | None
    """The ``shard`` block: shard_index, shard_total, shard_start, shard_n_toys."""

    @property
    def first_seed(self) -> int:
        """Return the seed of the first toy in here: toy i of a study uses seed + i."""
        return self.seed + (self.block["shard_start"] if self.block else 0)


def read_toys(source: Source) -> Toys:
    """Read and check one document by itself, then against its plan if it has one.

    Raises:
        Refusal: unreadable, damaged, not such a document, or not what was planned.
    """
    with reading(source), open(source.path, "rb") as file:
        data = file.read()
    try:
        document = orjson.loads(data)
    except orjson.JSONDecodeError as error:  # strict: nextstat writes null, never NaN
        raise refuse(source, json_document.parse(data).problem or f"not JSON: {error}") from error
    toys = _shape(source, document)
    if source.facts.planned:
        problem = _against_plan(toys)
        if problem:
            raise refuse(source, problem)
    return toys


def _shape(source: Source, document: object) -> Toys:
    if not isinstance(document, dict):
        raise refuse(source, "is not a JSON object")
    for name in ("gen", "results"):
        if not isinstance(document.get(name), dict):
            raise refuse(source, f"has no {name}: it is not an unbinned-fit-toys result")
    gen, results = document["gen"], document["results"]
    n_toys = _whole(source, results, "results", "n_toys")
    for name in PER_TOY:
        values = results.get(name)
        if not isinstance(values, list):
            raise refuse(source, f"has no array results.{name}")
        if len(values) != n_toys:
            raise refuse(source, f"results.{name} has {len(values)} values, n_toys is {n_toys}")
        if not set(map(type, values)) <= _VALUES[name]:
            raise refuse(source, f"results.{name} holds values that are no numbers")
    poi = document.get("poi_index")
    names = document.get("parameter_names")
    if not isinstance(poi, int) or not isinstance(names, list) or not 0 <= poi < len(names):
        raise refuse(source, "poi_index is not the index of one of parameter_names")
    if not isinstance(results.get("poi_true"), _NUMBER):
        raise refuse(source, "results.poi_true is not a number")
    return Toys(
        source=source,
        document=document,
        n_toys=n_toys,
        seed=_whole(source, gen, "gen", "seed"),
        total=_whole(source, gen, "gen", "n_toys"),
        block=_block(source, document.get("shard")),
    )


def _block(source: Source, shard: object) -> dict[str, int] | None:
    if shard is None:
        return None
    if not isinstance(shard, dict):
        raise refuse(source, "shard is not an object")
    keys = ("shard_index", "shard_total", "shard_start", "shard_n_toys")
    return {key: _whole(source, shard, "shard", key) for key in keys}


def _whole(source: Source, holder: dict[str, Any], name: str, key: str) -> int:
    value = holder.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise refuse(source, f"{name}.{key} is not a whole number")
    return value


def _against_plan(toys: Toys) -> str | None:
    """Compare with the plan. Two ways to run a shard are known.

    With ``--shard INDEX/TOTAL`` the document has a shard block, and ``gen`` speaks of the whole
    study; with the shard's own ``--n-toys SIZE --seed SEED`` there is no block, and ``gen`` speaks
    of the shard.
    """
    facts, block = toys.source.facts, toys.block
    pairs: list[tuple[str, int, int | None]]
    if block is None:
        pairs = [
            ("gen.seed", toys.seed, facts.seed),
            ("gen.n_toys", toys.total, facts.size),
        ]
    else:
        pairs = [
            ("gen.seed", toys.seed, facts.base_seed),
            ("gen.n_toys", toys.total, facts.count),
            ("shard.shard_total", block["shard_total"], facts.total),
            ("shard.shard_start", block["shard_start"], facts.start),
            ("shard.shard_n_toys", block["shard_n_toys"], facts.size),
            ("shard.shard_index", block["shard_index"], _index(toys)),
        ]
    pairs.append(("results.n_toys", toys.n_toys, facts.size))
    for name, found, planned in pairs:
        if planned is not None and found != planned:
            return f"{name} is {found}, planned {planned}"
    return None


def _index(toys: Toys) -> int:
    """Return the index that nextstat must have been given: the shard's, counted in its component.

    nextstat splits like divmod, the remainder to the first shards (crates/ns-cli/src/main.rs of
    NextStat/nextstat.io, option --shard), so the index follows from the start.
    """
    facts = toys.source.facts
    if facts.component is None:
        return facts.index
    per, extra = divmod(facts.count, facts.total)
    if facts.start < extra * (per + 1):
        return facts.start // (per + 1)
    return extra + (facts.start - extra * (per + 1)) // per if per else facts.index
