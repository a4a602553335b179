"""The plan: the immutable part of a run. Work, arguments and input fingerprints become files."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import orjson

from manifest.errors import UserError
from manifest.layout import BLOCK, is_nested
from manifest.names import name_problem
from manifest.rows import SEPARATOR
from manifest.spec import Spec
from manifest.splitting import Part, Row, plan_parts, rows
from renderer.inputs import Fingerprint, Inputs, find_inputs
from renderer.literal_words import refuse_literal_files
from renderer.shell_words import sh
from renderer.templating import template
from renderer.words import (
    BlockRow,
    BlockTemplate,
    Names,
    Runtime,
    Segment,
    Segments,
    Word,
    parse_word,
)

SHARD_FIELDS = ("index", "total", "name", "start", "size", "seed", "component")
PART_FIELDS = ("index", "total")
WORK_FIELDS = ("count", "seed")
_SCRIPT = Runtime("plan", "script")
KILL_AFTER_S = 10  # between TERM and KILL at the walltime


@dataclass(frozen=True, slots=True)
class RunId:
    """How a run is known: by its directory's name, and everywhere at once by its uuid."""

    run_id: str
    uuid: str


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
    shards: int = field(init=False)

    def __post_init__(self) -> None:
        """Count the shards."""
        self.shards = sum(part.shards for part in self.parts)


def make_plan(spec: Spec, base: str) -> Plan:
    """Check a spec against itself and the files beside it, and work it out.

    Raises:
        UserError: anything that would make a shard fail for a reason known now.
    """
    parts = plan_parts(spec)
    if spec.workdir is None:
        refuse_literal_files(spec.command, base, "command")
        refuse_literal_files(("", *spec.arguments), base, "arguments")
    inputs = find_inputs(spec.inputs, base)
    names = _names(spec, parts)
    spell = {Runtime("inputs", name): word for name, word in inputs.words.items()}
    spell[Runtime("attempt", "dir")] = '"$FARMHAND_ATTEMPT"'
    spell[_SCRIPT] = '"$FARMHAND_RUN"/plan/script'
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
        (name, segments.shell_word(parse_word(text, f"env.{name}", names)))
        for name, text in spec.env.items()
    ]
    pattern = _name_pattern(spec, names)
    return Plan(spec, base, parts, inputs, segments, argv, env, outputs, pattern)


def planned_only(spec: Spec) -> Plan:
    """Work out the rows of a spec whose inputs were found before; good for ``plan_blocks``."""
    parts = plan_parts(spec)
    names = _names(spec, parts)
    pattern = _name_pattern(spec, names)
    return Plan(spec, "", parts, Inputs({}, ()), Segments({}), [], [], {}, pattern)


def _name_pattern(spec: Spec, names: Names) -> Word | None:
    if spec.shard_name is None:
        return None
    word = parse_word(spec.shard_name, "shard_name", names)
    if any(isinstance(piece, Runtime) for piece in word.pieces):
        raise UserError(
            "a shard's name is made at the render and cannot use a variable of the job",
            where="shard_name",
            hint="use shard.*, part.*, work.* and params.*",
        )
    return word


def _names(spec: Spec, parts: list[Part]) -> Names:
    params = set(parts[0].component.params)
    for part in parts[1:]:
        params &= part.component.params.keys()
    constants: dict[str, Any] = {}
    if len(parts) == 1:
        constants = {"work": work_fields(parts[0]), "params": dict(parts[0].component.params)}
    return Names(
        {
            "shard": SHARD_FIELDS,
            "part": PART_FIELDS,
            "work": WORK_FIELDS,
            "params": sorted(params),
            "inputs": list(spec.inputs),
            "outputs": list(spec.outputs),
            "attempt": ("dir",),
        },
        constants,
    )


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
    yield Word("script", (_SCRIPT,))
    for position, text in enumerate(spec.arguments):
        yield parse_word(text, f"arguments[{position}]", names)


def plan_blocks(plan: Plan) -> Iterator[list[Row]]:
    """Yield the rows, named as the spec says, in blocks of 1,000.

    Raises:
        UserError: a name pattern gives an unsafe name, or one name twice.
    """
    source = rows(plan.parts)
    pattern = BlockTemplate(_one(plan.names), quote=False) if plan.names else None
    seen: set[str] = set()
    while block := list(islice(source, BLOCK)):
        if pattern:
            block = _named(block, pattern, plan, seen)
        yield block


def _one(word: Word) -> list[Segment]:
    return [Segment(word.where, tuple(p for p in word.pieces if not isinstance(p, Runtime)))]


def _named(block: list[Row], pattern: BlockTemplate, plan: Plan, seen: set[str]) -> list[Row]:
    texts = pattern.render(block_rows(block, plan, heads=False)).split("\n")[:-1]
    if len(texts) != len(block):
        raise UserError("a shard's name may not contain a line end", where="shard_name")
    named = []
    for row, name in zip(block, texts, strict=True):
        problem = name_problem(name)
        if problem:
            raise UserError(f"shard {row.shard}: {problem}", where="shard_name")
        if name in seen:
            raise UserError(
                f"two shards would be named '{name}' (shard {row.shard} is the second)",
                where="shard_name",
                hint="let the name contain {{ shard.index }} or everything that tells them apart",
            )
        seen.add(name)
        named.append(row._replace(name=name))
    return named


def block_rows(block: list[Row], plan: Plan, *, heads: bool = True) -> Iterator[BlockRow]:
    """Yield what a block's template is rendered from."""
    total = plan.shards
    parts = iter(plan.parts)
    part = next(parts)
    work, params = work_fields(part), dict(part.component.params)
    for index, name, component, start, size, seed, number in block:
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
        }
        if seed is not None:
            shard["seed"] = seed
        head = f"{name} {start} {size} {'-' if seed is None else seed}" if heads else ""
        yield head, shard, {"index": number, "total": part.shards}, work, params


class PlanWriter:
    """Writes files under plan/ and remembers their checksums."""

    def __init__(self, run: str) -> None:
        """``run`` is the run directory being made."""
        self._plan = os.path.join(run, "plan")
        self._sums: list[str] = []

    def write(self, name: str, data: bytes, *, mode: int = 0o644) -> None:
        """Write one file of the plan."""
        path = os.path.join(self._plan, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "xb") as stream:
            stream.write(data)
        os.chmod(path, mode)
        self._sums.append(f"{hashlib.sha256(data).hexdigest()}  {name}\n")

    def seal(self) -> str:
        """Write SHA256SUMS and the plan id, which is their sha256; return the id."""
        sums = "".join(sorted(self._sums, key=lambda line: line[66:])).encode()
        plan_id = hashlib.sha256(sums).hexdigest()
        for name, data in (("SHA256SUMS", sums), ("id", plan_id.encode() + b"\n")):
            with open(os.path.join(self._plan, name), "xb") as stream:
                stream.write(data)
        return plan_id


def write_plan(plan: Plan, run: str, ids: RunId) -> tuple[str, list[bytes], list[bytes]]:
    """Write plan/ of a run directory; return the plan id, and plans and first results by block."""
    writer = PlanWriter(run)
    writer.write(
        "spec.json",
        plan.spec.model_dump_json(by_alias=True, exclude_unset=True, indent=1).encode() + b"\n",
    )
    writer.write("run.json", orjson.dumps({"run_id": ids.run_id, "run_uuid": ids.uuid}) + b"\n")
    _stage(plan.inputs.files, run)
    writer.write(
        "inputs.json",
        orjson.dumps([item.row() for item in plan.inputs.files], option=orjson.OPT_INDENT_2),
    )
    if plan.spec.script is not None:
        runnable = 0o755 if plan.spec.script.startswith("#!") else 0o644
        writer.write("script", plan.spec.script.encode(), mode=runnable)
    writer.write("shard.sh", payload_text(plan, ids).encode(), mode=0o755)
    planned: list[bytes] = []
    results: list[bytes] = []
    lines = BlockTemplate(plan.segments.found)
    templated = any("{{" in output.path for output in plan.spec.outputs.values())
    for number, block in enumerate(plan_blocks(plan)):
        writer.write(f"args/{number}", lines.render(block_rows(block, plan)).encode("ascii"))
        if templated:
            writer.write(f"outputs/{number}", _output_lines(plan, block))
        planned.append(SEPARATOR.join(map(plan_row, block)))
        results.append(SEPARATOR.join(map(first_result, block)))
    return writer.seal(), planned, results


def plan_row(row: Row) -> bytes:
    """Return a plan as its line in the manifest; names are safe and need no escape."""
    component = "null" if row.component is None else f'"{row.component}"'
    seed = "null" if row.seed is None else row.seed
    return (
        f'{{"shard_index":{row.shard},"name":"{row.name}","component":{component},'
        f'"start":{row.start},"size":{row.size},"seed":{seed}}}'
    ).encode()


def first_result(row: Row) -> bytes:
    """Return the result line of a shard of which nothing has been heard."""
    return (
        f'{{"shard_index":{row.shard},"name":"{row.name}","state":"planned","cause":null,'
        '"evidence":"no record yet","accepted_attempts":[],"attempts":[]}'
    ).encode()


def _output_lines(plan: Plan, block: list[Row]) -> bytes:
    """Return one line of JSON a shard: the paths of its outputs by name."""
    columns = []
    for name, word in plan.outputs.items():
        column = BlockTemplate(_one(word), quote=False).render(block_rows(block, plan, heads=False))
        paths = column.split("\n")[:-1]
        if len(paths) != len(block):
            raise UserError(
                "an output's path may not contain a line end", where=f"outputs.{name}.path"
            )
        for row, path in zip(block, paths, strict=True):
            refuse_unsafe_path(path, f"outputs.{name}.path (shard {row.shard})")
        columns.append(paths)
    return b"".join(
        orjson.dumps(dict(zip(plan.outputs, paths, strict=True))) + b"\n"
        for paths in zip(*columns, strict=True)
    )


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


def _stage(files: Iterable[Fingerprint], run: str) -> None:
    for item in files:
        if item.staged is None:
            continue
        link = os.path.join(run, "plan", "stage", item.staged)
        os.makedirs(os.path.dirname(link), exist_ok=True)
        os.symlink(item.source, link)


def payload_text(plan: Plan, ids: RunId) -> str:
    """Render plan/shard.sh, the one script that runs every shard."""
    spec = plan.spec
    return template("shard.sh.j2").render(
        run_id=sh(ids.run_id),
        run_uuid=sh(ids.uuid),
        total=plan.shards,
        nested=is_nested(plan.shards),
        threads=spec.threads,
        cpus=spec.resources.cpus or 1,
        argv=plan.argv,
        env=plan.env,
        prologue=spec.prologue or "",
        workdir=sh(os.path.join(plan.base, spec.workdir)) if spec.workdir else "",
        inputs=[
            (
                '"$FARMHAND_RUN"/plan/stage/' + sh(item.staged) if item.staged else sh(item.source),
                item.size,
                sh(item.shown),
            )
            for item in plan.inputs.files[:BLOCK]
        ],
        outputs=[
            (
                sh(name),
                plan.segments.spell[Runtime("outputs", name)],
                (output.check.min_size if output.check else None) or 0,
                True,
            )
            for name, output in spec.outputs.items()
        ],
        stop_signal=spec.resources.stop_signal,
        kill_after=KILL_AFTER_S,
    )
