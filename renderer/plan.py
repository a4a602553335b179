"""The plan: a spec worked out and checked, before a byte of it is written."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from manifest.errors import UserError
from manifest.event_names import expanded, is_event_pattern
from manifest.file_table import Found, file_lists
from manifest.layout import BLOCK
from manifest.spec import Spec
from manifest.splitting import Part, Row, plan_parts, rows
from renderer.block_template import BlockRow, BlockTemplate, Segments, segment_of
from renderer.companions import companion_words
from renderer.component_files import find_files
from renderer.inputs import Inputs, find_inputs
from renderer.literal_words import refuse_literal_files
from renderer.merge_values import refuse_unknown_values
from renderer.named_rows import Namer
from renderer.point_names import NameReader
from renderer.shares import CHUNK_WORDS, ITEM_WORDS, env_word, own_env
from renderer.staging import Stores, find_stores
from renderer.words import Names, Runtime, Word, parse_word
from renderer.work_items import Items, find_items

SHARD_FIELDS = (
    "index", "total", "name", "start", "size", "seed", "component", "first_event", "file",
)  # fmt: skip
PART_FIELDS = ("index", "total")
WORK_FIELDS = ("count", "seed")
SCRIPT = Runtime("plan", "script")
BUNDLE_WORDS = {Runtime("bundle", "dir"): '"$FARMHAND_BUNDLE"'}


@dataclass
class Plan:
    """A spec worked out, ready to be written. Rows are made anew at each reading."""

    spec: Spec
    base: str
    """Absolute directory that the spec's paths are relative to."""
    parts: list[Part]
    inputs: Inputs
    segments: Segments
    argv: list[str]
    env: list[tuple[str, str]]
    outputs: dict[str, Word]
    names: Word | None
    found: Found = field(default_factory=dict)
    """The files of components."""
    items: Items = field(default_factory=dict)
    """The items of components."""
    stores: Stores = field(default_factory=Stores)
    """What is copied to and from the nodes."""
    urls: dict[str, str] = field(default_factory=dict)
    """Destinations of outputs, as shell words."""
    companions: dict[str, list[Word]] = field(default_factory=dict)
    """What lies beside the destinations of outputs and belongs to them."""
    shards: int = field(init=False)
    _parameters: dict[str | None, tuple[str, ...]] = field(init=False)

    def __post_init__(self) -> None:
        """Count the shards."""
        self.shards = sum(part.shards for part in self.parts)
        self._parameters = {part.name: part.points.names for part in self.parts if part.points}

    def point(self, row: Row) -> dict[str, str]:
        """Return the parameters of a shard's point; none where its work is no grid."""
        return dict(zip(self._parameters.get(row.component, ()), row.point, strict=True))


def make_plan(spec: Spec, base: str) -> Plan:
    """Check a spec against itself and the files beside it, and work it out.

    Raises:
        UserError: anything that would make a shard fail for a reason known now.
    """
    found = find_files(spec, base)
    items = find_items(spec, base)
    parts = plan_parts(spec, file_lists(found), {name: len(each) for name, each in items.items()})
    if spec.workdir is None:
        refuse_literal_files(spec.command, base, "command")
        refuse_literal_files(("", *spec.arguments), base, "arguments")
    inputs = find_inputs(spec.inputs, base)
    names = _names(spec, parts)
    refuse_unknown_values(spec.merge, names)
    spell = {Runtime("inputs", name): word for name, word in inputs.words.items()}
    spell[Runtime("attempt", "dir")] = '"$FARMHAND_ATTEMPT"'
    spell[Runtime("attempt", "cpus")] = '"$FARMHAND_CPUS"'
    spell |= CHUNK_WORDS | ITEM_WORDS | BUNDLE_WORDS
    spell[SCRIPT] = '"$FARMHAND_RUN"/plan/script'
    segments = Segments(spell)
    outputs: dict[str, Word] = {}
    for name, output in spec.outputs.items():
        word = parse_word(output.path, f"outputs.{name}.path", names)
        if any(isinstance(piece, Runtime) for piece in word.pieces):
            raise UserError(
                "an output's path is relative to the attempt directory and needs no variable of it",
                where=f"outputs.{name}.path",
            )
        if not word.varies:
            refuse_unsafe_path("".join(map(str, word.pieces)), f"outputs.{name}.path")
        outputs[name] = word
        segments.spell[Runtime("outputs", name)] = '"$FARMHAND_ATTEMPT"/' + segments.shell_word(
            word
        )
    argv = [segments.shell_word(word) for word in _command(spec, names)]
    env = [
        (name, segments.shell_word(env_word(name, text, names)))
        for name, text in {**own_env(parts), **spec.env}.items()
    ]
    pattern = _name_pattern(spec, names, parts)
    stores = find_stores(spec, found, names)
    urls = {name: segments.shell_word(word) for name, word in stores.destinations.items()}
    beside = companion_words(spec, names)
    return Plan(
        spec, base, parts, inputs, segments, argv, env, outputs, pattern, found, items, stores,
        urls, beside,
    )  # fmt: skip


def planned_only(spec: Spec, found: Found, items: Mapping[str | None, int]) -> Plan:
    """Work out the rows of a spec whose files were found before; good for ``plan_blocks``."""
    parts = plan_parts(spec, file_lists(found), items)
    names = _names(spec, parts)
    pattern = _name_pattern(spec, names, parts)
    return Plan(spec, "", parts, Inputs({}, ()), Segments({}), [], [], {}, pattern)


def _name_pattern(spec: Spec, names: Names, parts: list[Part]) -> Word | None:
    text = spec.shard_name
    if text is None:
        return None
    if is_event_pattern(text):
        if any(part.work.per_range is None for part in parts):
            raise UserError(
                f"'{text}': %d names files and events, and this work is not cut by events",
                where="shard_name",
                hint="say events: and events_per_job:, or use {{ shard.index }}",
            )
        text = expanded(text, "{{ shard.component }}" if spec.components else spec.name)
    word = parse_word(text, "shard_name", names)
    if any(isinstance(piece, Runtime) for piece in word.pieces):
        raise UserError(
            "a shard's name is made at the render and cannot use a variable of the job",
            where="shard_name",
            hint="use shard.*, part.*, work.*, params.* and point.*",
        )
    return word


def _names(spec: Spec, parts: list[Part]) -> Names:
    by_files = any(part.found is not None for part in parts)
    by_items = any(part.work.items for part in parts)
    params = set(parts[0].component.params)
    for part in parts[1:]:
        params &= part.component.params.keys()
    constants: dict[str, Any] = {}
    if len(parts) == 1:
        constants = {"work": work_fields(parts[0]), "params": dict(parts[0].component.params)}
    unseeded = any(part.seed is None for part in parts)
    return Names(
        {
            "shard": [name for name in SHARD_FIELDS if name != "seed" or not unseeded],
            "part": PART_FIELDS,
            "work": [name for name in WORK_FIELDS if name != "seed" or not unseeded],
            "params": sorted(params),
            "point": _parameters(parts),
            "inputs": list(spec.inputs),
            "outputs": list(spec.outputs),
            "chunk": tuple(field.name for field in CHUNK_WORDS) if by_files else (),
            "items": tuple(field.name for field in ITEM_WORDS) if by_items else (),
            "attempt": ("dir", "cpus"),
            "bundle": ("dir",) if spec.bundle else (),
        },
        constants,
        _absent(parts),
    )


def _parameters(parts: list[Part]) -> list[str]:
    """Return the parameters that the points of all components have."""
    names = [part.points.names if part.points else () for part in parts]
    return [name for name in names[0] if all(name in others for others in names)]


def _absent(parts: list[Part]) -> dict[tuple[str, str], str]:
    """Return what to do about fields that some components have and others lack."""
    found: dict[tuple[str, str], str] = {}
    if not any(part.found is not None for part in parts):
        hint = "a shard has files where the work is files: (docs/components.md)"
        found |= {("chunk", field.name): hint for field in CHUNK_WORDS}
    if not any(part.work.items for part in parts):
        hint = "a shard has items where the work is items: (docs/items.md)"
        found |= {("items", field.name): hint for field in ITEM_WORDS}
    for part in parts:
        owner = f"components.{part.name}." if part.name else ""
        mine = part.points.names if part.points else ()
        for name in {name for other in parts if other.points for name in other.points.names}:
            if name not in mine:
                found["point", name] = f"give it to '{part.name}' too: {owner}work.grid.{name}"
        if part.seed is None:
            hint = f"say {owner}work.seed: a number, or {{spawn: NUMBER}}"
            found |= {("shard", "seed"): hint, ("work", "seed"): hint}
        for name in {name for other in parts for name in other.component.params}:
            if name not in part.component.params:
                found["params", name] = f"give it to '{part.name}' too: {owner}params.{name}"
    return found


def work_fields(part: Part) -> dict[str, Any]:
    """Return what ``work.*`` stands for in a component's texts."""
    seed = part.seed
    base = None if seed is None else seed.base if seed.base is not None else seed.spawn
    return {"count": part.count} if base is None else {"count": part.count, "seed": base}


def _command(spec: Spec, names: Names) -> Iterator[Word]:
    if spec.script is None:
        for position, text in enumerate(spec.command):
            yield parse_word(text, f"command[{position}]", names)
        return
    own_interpreter = spec.script.startswith("#!")
    yield from () if own_interpreter else [Word("script", ("bash",))]
    yield Word("script", (SCRIPT,))
    for position, text in enumerate(spec.arguments):
        yield parse_word(text, f"arguments[{position}]", names)


def plan_blocks(plan: Plan) -> Iterator[list[Row]]:
    """Yield the rows, named as the spec says, in blocks of 1,000.

    Raises:
        UserError: a name pattern gives an unsafe name, one twice, or one that loses digits.
    """
    source = rows(plan.parts)
    if plan.names is None:
        while block := list(islice(source, BLOCK)):
            yield block
        return
    pattern = BlockTemplate([segment_of(plan.names)], quote=False)
    namer = Namer(plan.parts, NameReader(plan.names), plan.point)
    while block := list(islice(source, BLOCK)):
        yield list(namer.named(block, pattern.render(block_rows(block, plan, heads=False))))


def block_rows(block: list[Row], plan: Plan, *, heads: bool = True) -> Iterator[BlockRow]:
    """Yield what a block's template is rendered from."""
    total = plan.shards
    parts = iter(plan.parts)
    part = next(parts)
    work, params = work_fields(part), dict(part.component.params)
    for row in block:
        index, name, component, start, size, seed, number = row[:7]
        while index >= part.first + part.shards:
            part = next(parts)
            work, params = work_fields(part), dict(part.component.params)
        shard = {
            "index": index,
            "total": total,
            "name": name,
            "start": start,
            "size": size,
            "component": component,
            "first_event": row.first if part.work.per_range else "",
            "file": row.file,
        }
        if seed is not None:
            shard["seed"] = seed
        head = f"{name} {start} {size} {'-' if seed is None else seed}" if heads else ""
        yield head, shard, {"index": number, "total": part.shards}, work, params, plan.point(row)


def refuse_unsafe_path(path: str, where: str) -> None:
    """Refuse an output path that leaves the attempt directory.

    Raises:
        UserError: absolute, empty, or above the attempt directory.
    """
    normal = os.path.normpath(path)
    if not path or os.path.isabs(path) or normal.split(os.sep)[0] == os.pardir or normal == ".":
        raise UserError(
            f"'{path}' is not a file inside the attempt directory",
            where=where,
            hint="write a relative path, such as out.json",
        )
