"""``farmhand render``: a spec becomes a run directory with everything to submit."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from farmhand.choose_components import OnlyOption, SkipOption, choose
from farmhand.locate import JsonOption, OutDirOption
from farmhand.new_run import first_rows, make_run
from farmhand.render_check import check_site
from farmhand.scheduler_option import ModeOption, SchedulerOption, refuse_unknown
from farmhand.seed_overlap import overlapping_runs
from farmhand.share_out import share_out
from farmhand.spec_source import Source, read_source
from farmhand.submissions import Way
from farmhand.talk import give, give_json, say, short_path, some, warn
from farmhand.tell_split import tell_split
from manifest.errors import UserError
from manifest.points import told
from manifest.splitting import Row
from manifest.yaml_writer import dump_yaml
from renderer.plan import Plan, make_plan
from renderer.software import write_software

SpecArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="SPEC",
        help="Spec file, or - for stdin. Default: farmhand.yaml",
        show_default=False,
    ),
]


def verb(
    ctx: typer.Context,
    spec: SpecArgument = None,
    scheduler: SchedulerOption = "local",
    mode: ModeOption = None,
    out_dir: OutDirOption = "runs",
    run_id: Annotated[
        str | None, typer.Option(metavar="NAME", help="Default: <name>-<UTC time>.")
    ] = None,
    shards: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Number of shards.")
    ] = None,
    sets: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change the spec, as in work.count=100."),
    ] = None,
    write_spec: Annotated[
        bool, typer.Option("--write-spec", help="Print the spec as YAML and stop.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the split and write nothing.")
    ] = False,
    check: Annotated[
        bool,
        typer.Option("--check", help="Test command, inputs and space, ask sbatch; no run."),
    ] = False,
    hosts: Annotated[
        str | None, typer.Option("--hosts", metavar="FILE", help="ssh: hosts, one a line.")
    ] = None,
    preflight: Annotated[
        str | None,
        typer.Option("--preflight", metavar="FILE", help="ssh: what doctor --hosts --out kept."),
    ] = None,
    only: OnlyOption = None,
    skip: SkipOption = None,
    as_json: JsonOption = False,
) -> None:
    """Render a spec into a run directory.

    The lines to type next go to stdout, everything else to stderr. Nothing is submitted.

    Without a spec file, give the command after two dashes:

    farmhand render --shards 4 -- python run.py '{{ shard.index }}'
    """
    refuse_unknown(scheduler, mode)
    extra = {} if shards is None else {"shards": str(shards)}
    source = read_source(spec, ctx.obj["words"], sets or [], extra)
    if write_spec:
        give(dump_yaml(source.data).rstrip("\n"))
        return
    chosen = choose(source.spec, only, skip)
    if scheduler == "ssh":
        chosen = share_out(chosen, hosts, preflight)
    elif hosts or preflight:
        raise UserError("--hosts and --preflight go with --scheduler ssh")
    plan = make_plan(chosen, source.base)
    tell_split(plan)
    if dry_run:
        show_split(plan, as_json=as_json)
        return
    if check:
        check_site(plan, out_dir, Way(scheduler, mode))
        return
    _render(source, plan, Way(scheduler, mode), out_dir, run_id, ctx.obj["typed"])


def _render(
    source: Source, plan: Plan, way: Way, out_dir: str, run_id: str | None, typed: Sequence[str]
) -> None:
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    name = run_id or f"{source.spec.name}-{stamp}"
    run, written = make_run(plan, way, out_dir, name, typed)
    spans = [span for part in plan.parts if (span := part.seed_range())]
    others = overlapping_runs(os.path.dirname(run), spans, but=name)
    if others:
        warn(
            f"these runs beside this one use some of the same seeds: {some(others)}. Their results "
            "are not independent (change work.seed, or use seed: {spawn: NUMBER})"
        )
    count = f"{plan.shards} shard" + "s" * (plan.shards != 1)
    say(f"{count} in {short_path(run)}")
    for item in written:
        for note in item.notes:
            say(note)
    say("Nothing submitted. Now type:")
    for command in dict.fromkeys(command for item in written for command in item.commands):
        give(command)


def show_split(plan: Plan, *, as_json: bool) -> None:
    """Print the table of shards; software that could not be packed or looked at is an error."""
    write_software(plan.spec, plan.base, lambda _name, _data: None)
    rows = first_rows(plan, plan.shards if as_json else 20)
    if as_json:
        give_json([_as_json(row, plan) for row in rows])
        return
    width = max(4, *(len(row.name) for row in rows))
    give(f"{'shard':>7}  {'name':<{width}}  {'start':>10}  {'size':>8}  {'seed':>20}")
    for row in rows:
        seed = "-" if row.seed is None else str(row.seed)
        line = f"{row.shard:>7}  {row.name:<{width}}  {row.start:>10}  {row.size:>8}  {seed:>20}"
        give(f"{line}  {told(plan.point(row))}" if row.point else line)
    if plan.shards > len(rows):
        give(f"    ...  and {plan.shards - len(rows)} more, {plan.shards} in all")
    say("Nothing written (--dry-run).")


def _as_json(row: Row, plan: Plan) -> dict[str, Any]:
    files = plan.found.get(row.component, ())[row.file : row.file + row.files]
    return {
        "shard_index": row.shard,
        "name": row.name,
        "component": row.component,
        "start": row.start,
        "size": row.size,
        "seed": row.seed,
        **({"point": plan.point(row)} if row.point else {}),
        "files": [file.path for file in files],
    }
