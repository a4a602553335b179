"""What a run's plan says, as far as collecting needs it: read once, kept frozen."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

import orjson
from pydantic import ValidationError

from manifest.errors import UserError
from manifest.file_table import Found, file_lists, read_table
from manifest.item_table import read_counts
from manifest.layout import BLOCK, is_nested
from manifest.spec import Spec
from manifest.splitting import Part, plan_parts
from outputs.facts import ShardFacts
from outputs.item_rows import ItemTable


@dataclass(frozen=True, slots=True)
class RunFacts:
    """A run's spec and what follows from it."""

    run: str
    spec: Spec
    parts: dict[str | None, Part]
    shards: int
    found: Found
    """The files of its components."""
    items: Mapping[str | None, int]
    """How many items its components have."""
    fixed_paths: dict[str, str] | None
    """Output paths by name when all shards share them, else None: see ``output_paths``."""

    @property
    def nested(self) -> bool:
        """Return whether shard directories lie in blocks."""
        return is_nested(self.shards)

    def shard(self, row: dict[str, Any], attempt: str) -> ShardFacts:
        """Return what validators and merges know of a planned row."""
        part = self.parts[row["component"]]
        seed = part.seed
        return ShardFacts(
            index=row["shard_index"],
            name=row["name"],
            component=row["component"],
            start=row["start"],
            size=row["size"],
            seed=row["seed"],
            total=part.shards,
            count=part.count,
            base_seed=None if seed is None else seed.base,
            attempt=attempt,
            params=self.params(row["component"]),
            point=row.get("point", {}),
        )

    def params(self, component: str | None) -> dict[str, str]:
        """Return the parameters of a component."""
        return {} if component is None else self.spec.components[component].params

    def item_table(self, output: str, path: str, *, whole: bool) -> ItemTable:
        """Return the table at ``path`` of an output whose rows say which item they belong to."""
        delimiter = self.spec.delimiter_of(output)
        return ItemTable(path, self.spec.item_columns[output], delimiter, whole)

    @property
    def stored(self) -> frozenset[str]:
        """Return the outputs that have a destination."""
        return frozenset(name for name, out in self.spec.outputs.items() if out.destination)

    def output_paths(self, block: int) -> list[dict[str, str]] | None:
        """Return the output paths of each shard of a block, or None when they are fixed."""
        if self.fixed_paths is not None:
            return None
        return self._lines("outputs", block, self.spec.outputs.keys())

    def destinations(self, block: int) -> list[dict[str, str]]:
        """Return where the outputs of each shard of a block are kept."""
        return self._lines("stores", block, self.stored)

    def companions(self, block: int) -> list[dict[str, list[str]]] | None:
        """Return the names of what lies beside them there; None: nothing does, for any shard."""
        names = {name for name, output in self.spec.outputs.items() if output.companions}
        return self._lines("companions", block, names) if names else None

    def _lines(self, kind: str, block: int, names: AbstractSet[str]) -> list[dict[str, Any]]:
        path = os.path.join(self.run, "plan", kind, str(block))
        try:
            with open(path, "rb") as stream:
                lines: list[dict[str, Any]] = orjson.loads(
                    b"[%s]" % stream.read().rstrip().replace(b"\n", b",")
                )
        except (OSError, orjson.JSONDecodeError) as error:
            raise _damaged(str(error), path) from error
        if not all(isinstance(line, dict) and line.keys() == names for line in lines):
            raise _damaged("an output without a path", path)
        expected = min(BLOCK, self.shards - block * BLOCK)
        if len(lines) != expected:
            raise _damaged(f"{len(lines)} lines for {expected} shards", path)
        return lines


def read_facts(run: str) -> RunFacts:
    """Read plan/spec.json.

    Raises:
        UserError: it is missing or damaged.
    """
    path = os.path.join(run, "plan", "spec.json")
    try:
        with open(path, "rb") as stream:
            spec = Spec.model_validate_json(stream.read())
    except OSError as error:
        raise UserError(
            f"the plan cannot be read: {error.strerror}",
            where=path,
            hint="name a run directory made by farmhand render",
        ) from error
    except ValidationError as error:
        raise _damaged(error.errors()[0]["msg"], path) from error
    found = read_table(run)
    items = read_counts(run)
    parts = {part.name: part for part in plan_parts(spec, file_lists(found), items)}
    fixed: dict[str, str] | None = {name: out.path for name, out in spec.outputs.items()}
    if os.path.isdir(os.path.join(run, "plan", "outputs")):
        fixed = None
    return RunFacts(run, spec, parts, sum(p.shards for p in parts.values()), found, items, fixed)


def _damaged(why: str, path: str) -> UserError:
    return UserError(
        f"the plan is damaged: {why}",
        where=path,
        hint="restore plan/ from a copy; its checksums are in plan/SHA256SUMS",
    )


def changed_plan_files(run: str) -> list[str]:
    """Return the files under plan/ whose bytes are no longer those that were rendered."""
    plan = os.path.join(run, "plan")
    changed = []
    try:
        with open(os.path.join(plan, "SHA256SUMS"), encoding="utf-8") as stream:
            lines = stream.read().splitlines()
        with open(os.path.join(plan, "id"), encoding="utf-8") as stream:
            plan_id = stream.read().strip()
    except OSError:
        return ["SHA256SUMS"]
    if hashlib.sha256("".join(f"{line}\n" for line in lines).encode()).hexdigest() != plan_id:
        changed.append("SHA256SUMS")
    for line in lines:
        digest, _, name = line.partition("  ")
        try:
            with open(os.path.join(plan, name), "rb") as stream:
                found = hashlib.file_digest(stream, "sha256").hexdigest()
        except OSError:
            found = ""
        if found != digest:
            changed.append(name)
    return changed
