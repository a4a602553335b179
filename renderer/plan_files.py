"""The plan on disk: the immutable part of a run, sealed by checksums."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from manifest import file_table, item_table
from manifest.errors import UserError
from manifest.layout import BLOCK, is_nested
from manifest.rows import SEPARATOR
from manifest.spec import Spec
from manifest.splitting import Row
from manifest.units import SPELLED
from renderer.block_template import BlockTemplate, segment_of
from renderer.companions import check_companions
from renderer.inputs import Inputs
from renderer.plan import Plan, block_rows, plan_blocks, refuse_unsafe_path
from renderer.shares import ITEM_WORDS
from renderer.shell_words import sh
from renderer.software import NONE, write_software
from renderer.staging import refuse_shared, staging_text
from renderer.templating import template
from renderer.words import Runtime, Word
from renderer.work_items import items_of

# execve(2): arguments and environment have a quarter of the stack's limit, 2 MB by default, with a
# pointer of 8 bytes for each; the environment gets what is left.
_MAX_WORDS_BYTES = 1_500_000
KILL_AFTER_S = 10  # between TERM and KILL at the walltime


@dataclass(frozen=True, slots=True)
class RunId:
    """How a run is known: by its directory's name, and everywhere at once by its uuid."""

    run_id: str
    uuid: str
    rendered: Mapping[str, Any] = field(default_factory=dict)
    """What was typed to make it, where, and with which farmhand."""


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


def spec_json(spec: Spec) -> bytes:
    """Return a spec as a plan keeps it, which can be rendered again."""
    text = spec.model_dump_json(by_alias=True, exclude_unset=True, indent=1, context=SPELLED)
    return text.encode() + b"\n"


def write_plan(plan: Plan, run: str, ids: RunId) -> tuple[str, list[bytes], list[bytes]]:
    """Write plan/ of a run directory; return the plan id, and plans and first results by block."""
    writer = PlanWriter(run)
    writer.write("spec.json", spec_json(plan.spec))
    known = {"run_id": ids.run_id, "run_uuid": ids.uuid, "rendered": dict(ids.rendered)}
    writer.write("run.json", orjson.dumps(known) + b"\n")
    _stage(plan.inputs, run)
    writer.write(
        "inputs.json",
        orjson.dumps([item.row() for item in plan.inputs.files], option=orjson.OPT_INDENT_2),
    )
    if plan.found:
        writer.write(file_table.NAME, file_table.table_of(plan.found))
    if plan.items:
        counts = {name: len(items) for name, items in plan.items.items()}
        writer.write(item_table.NAME, item_table.counts_text(counts))
    if plan.spec.script is not None:
        runnable = 0o755 if plan.spec.script.startswith("#!") else 0o644
        writer.write("script", plan.spec.script.encode(), mode=runnable)
    software = write_software(plan.spec, plan.base, writer.write)
    writer.write("shard.sh", payload_text(plan, ids, software).encode(), mode=0o755)
    planned: list[bytes] = []
    results: list[bytes] = []
    lines = BlockTemplate(plan.segments.found)
    stored: set[str] = set()
    templated = any("{{" in output.path for output in plan.spec.outputs.values())
    for number, block in enumerate(plan_blocks(plan)):
        writer.write(f"args/{number}", lines.render(block_rows(block, plan)).encode("ascii"))
        if plan.found:
            writer.write(f"files/{number}", _chunk_lines(plan, block))
        if plan.items:
            writer.write(f"{item_table.FOLDER}/{number}", item_lines(plan, block))
        if templated:
            writer.write(f"outputs/{number}", _output_lines(plan, block))
        if plan.urls:
            writer.write(f"stores/{number}", _store_lines(plan, block, stored))
        if plan.companions:
            writer.write(f"companions/{number}", _companion_lines(plan, block))
        planned.append(SEPARATOR.join(plan_row(row, plan.point(row)) for row in block))
        results.append(SEPARATOR.join(map(first_result, block)))
    return writer.seal(), planned, results


def plan_row(row: Row, point: Mapping[str, str]) -> bytes:
    """Return a plan as its line in the manifest; names are safe and need no escape."""
    component = "null" if row.component is None else f'"{row.component}"'
    seed = "null" if row.seed is None else row.seed
    told = f',"point":{orjson.dumps(point).decode()}' if point else ""
    return (
        f'{{"shard_index":{row.shard},"name":"{row.name}","component":{component},'
        f'"start":{row.start},"size":{row.size},"seed":{seed}{told}}}'
    ).encode()


def first_result(row: Row) -> bytes:
    """Return the result line of a shard of which nothing has been heard."""
    return (
        f'{{"shard_index":{row.shard},"name":"{row.name}","state":"planned","cause":null,'
        '"evidence":"no record yet","accepted_attempts":[],"attempts":[]}'
    ).encode()


def _chunk_lines(plan: Plan, block: list[Row]) -> bytes:
    """Return one line of shell words a shard: planned size (-: not known) and name of each file."""
    lines = []
    for row in block:
        files = plan.found.get(row.component, ())[row.file : row.file + row.files]
        sizes = ("-" if file.size is None else file.size for file in files)
        lines.append(
            " ".join(f"{size} {sh(file.path)}" for size, file in zip(sizes, files, strict=True))
        )
    return "\n".join([*lines, ""]).encode("ascii")


def item_lines(plan: Plan, block: list[Row]) -> bytes:
    """Return one line a shard: its items."""
    parts = {part.name: part for part in plan.parts}
    as_words = ITEM_WORDS[Runtime("items", "each")] in plan.argv
    lines = []
    for row in block:
        mine = items_of(plan.items.get(row.component, ()), parts[row.component], row)
        lines.append(item_table.line_of(mine))
        if as_words and len(lines[-1]) + 8 * len(mine) > _MAX_WORDS_BYTES:
            raise UserError(
                f"the {len(mine):,} items of shard {row.shard} are too long for a command line",
                where="command",
                hint="hand them over as a file: {{ items.list }}; or ask for more shards",
            )
    return b"".join(lines)


def _output_lines(plan: Plan, block: list[Row]) -> bytes:
    """Return one line of JSON a shard: the paths of its outputs by name."""
    columns = []
    for name, word in plan.outputs.items():
        paths = _texts(plan, block, word)
        for row, path in zip(block, paths, strict=True):
            refuse_unsafe_path(path, f"outputs.{name}.path (shard {row.shard})")
        columns.append(paths)
    return _json_lines(list(plan.outputs), columns)


def _store_lines(plan: Plan, block: list[Row], seen: set[str]) -> bytes:
    """Return one line of JSON a shard: where its outputs are kept, by name."""
    columns = []
    for word in plan.stores.destinations.values():
        urls = _texts(plan, block, word)
        refuse_shared(seen, urls, word.where)
        columns.append(urls)
    return _json_lines(list(plan.urls), columns)


def _companion_lines(plan: Plan, block: list[Row]) -> bytes:
    """Return one line of JSON a shard: the names of what lies beside its outputs, by output."""
    columns = []
    for name, words in plan.companions.items():
        texts = [_texts(plan, block, word) for word in words]
        columns.append([check_companions(names, name) for names in zip(*texts, strict=True)])
    return _json_lines(list(plan.companions), columns)


def _texts(plan: Plan, block: list[Row], word: Word) -> list[str]:
    """Return what a text of the spec is for each shard of a block."""
    column = BlockTemplate([segment_of(word)], quote=False).render(
        block_rows(block, plan, heads=False)
    )
    texts = column.split("\n")[:-1]
    if len(texts) != len(block):
        raise UserError("this text may not contain a line end", where=word.where)
    return texts


def _json_lines(names: list[str], columns: Sequence[Sequence[object]]) -> bytes:
    return b"".join(
        orjson.dumps(dict(zip(names, texts, strict=True))) + b"\n"
        for texts in zip(*columns, strict=True)
    )


def _stage(inputs: Inputs, run: str) -> None:
    stage = os.path.join(run, "plan", "stage")
    for item in inputs.files:
        if item.staged is None:
            continue
        link = os.path.join(stage, item.staged)
        os.makedirs(os.path.dirname(link), exist_ok=True)
        os.symlink(item.source, link)
    for folder in inputs.folders:
        os.makedirs(os.path.join(stage, folder), exist_ok=True)


def payload_text(plan: Plan, ids: RunId, software: Mapping[str, str] = NONE) -> str:
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
        files=bool(plan.found),
        items=bool(plan.items),
        ledger=bool(plan.spec.item_columns),
        staging=staging_text(
            plan.stores,
            {name: plan.segments.spell[Runtime("outputs", name)] for name in plan.urls},
            plan.urls,
            plan.env,
            checksums=bool(spec.provenance),
        )
        if plan.stores
        else "",
        staged_inputs=bool(plan.stores.inputs),
        stored=bool(plan.urls),
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
        bundle=software["bundle"],
        provenance=software["provenance"],
    )
