"""``farmhand sweep render``: the same work in several numbers of shards, one run each."""

from __future__ import annotations

import os
import shlex
import shutil
import time
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer

from farmhand.locate import OutDirOption
from farmhand.new_run import make_run
from farmhand.render import SpecArgument
from farmhand.scheduler_option import ModeOption, SchedulerOption, refuse_unknown
from farmhand.share_out import share_out
from farmhand.spec_source import Source, read_source
from farmhand.submissions import Way, utc_now
from farmhand.talk import give, say, short_path, warn
from farmhand.written import write_whole
from manifest.assignments import apply_set, parse_set
from manifest.document import Document
from manifest.errors import UserError
from manifest.loading import load_spec
from manifest.names import name_problem
from manifest.spec import Spec
from manifest.sweep import SCHEMA, SUFFIX, WARM_UP, Sweep, SweepRun, dump_sweep, parse_counts
from renderer.plan import Plan, make_plan

HostsOption = Annotated[
    str | None, typer.Option("--hosts", metavar="FILE", help="ssh: hosts, one a line.")
]
PreflightOption = Annotated[
    str | None,
    typer.Option("--preflight", metavar="FILE", help="ssh: what doctor --hosts --out kept."),
]


def verb(
    ctx: typer.Context,
    shards: Annotated[str, typer.Option(metavar="N,N,...", help="Numbers of shards: 1,2,4,8.")],
    spec: SpecArgument = None,
    repeats: Annotated[
        int, typer.Option(min=1, metavar="N", help="How often each number is run.")
    ] = 1,
    warm_up: Annotated[
        bool, typer.Option("--warm-up", help="Before all others a run that does not count.")
    ] = False,
    scheduler: SchedulerOption = "local",
    mode: ModeOption = None,
    out_dir: OutDirOption = "runs",
    hosts: HostsOption = None,
    preflight: PreflightOption = None,
    sweep_id: Annotated[
        str | None, typer.Option(metavar="NAME", help="Default: <name>-sweep-<UTC time>.")
    ] = None,
    sets: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change the spec, as in work.count=100."),
    ] = None,
) -> None:
    """Render the same work in several numbers of shards, one run each.

    All runs have the same seeds, so their merged results must be equal. The runs go to
    OUT_DIR/SWEEP_ID/, and OUT_DIR/SWEEP_ID.sweep.json lists them. Nothing is submitted.
    """
    refuse_unknown(scheduler, mode)
    counts = parse_counts(shards)
    _refuse_set(sets or ())
    source = read_source(spec, (), sets or (), {"shards": str(counts[0])})
    _refuse_stored(source.spec)
    if scheduler != "ssh" and (hosts or preflight):
        raise UserError("--hosts and --preflight go with --scheduler ssh")

    def share(spec: Spec) -> Spec:
        return _shared_out(spec, hosts, preflight) if scheduler == "ssh" else spec

    plans = {count: _plan(source, count, share) for count in counts}
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    name = sweep_id or f"{source.spec.name}-sweep-{stamp}"
    runs = _runs(name, plans, repeats, warm_up=warm_up)
    _refuse_name(name, runs)
    path = _write(name, plans, runs, Way(scheduler, mode), out_dir, ctx.obj["typed"])
    say(f"{len(runs)} runs in {short_path(path.removesuffix(SUFFIX))}")
    say("Nothing submitted. Now type:")
    give(f"farmhand sweep submit {shlex.quote(short_path(path))}")


def _refuse_set(sets: Sequence[str]) -> None:
    for text in sets:
        if parse_set(text)[0] == ("shards",):
            raise UserError(
                "--set shards contradicts --shards", hint="the sweep says how many shards there are"
            )


def _refuse_stored(spec: Spec) -> None:
    stored = [name for name, output in spec.outputs.items() if output.destination]
    if stored:
        raise UserError(
            f"outputs.{stored[0]} has a destination, where all runs of a sweep would meet",
            hint="leave the destination out of the spec of a sweep",
        )


def _shared_out(spec: Spec, hosts: str | None, preflight: str | None) -> Spec:
    """Return the spec with its hosts, of which any takes any shard unless the spec says else."""
    ssh = spec.ssh.model_copy(update={"split": spec.ssh.split or "shards"})
    return share_out(spec.model_copy(update={"ssh": ssh}), hosts, preflight)


def _plan(source: Source, count: int, share: Callable[[Spec], Spec]) -> Plan:
    """Return the plan with so many shards.

    Raises:
        UserError: there is less work than that, or it is not cut by ``shards:``.
    """
    data = apply_set(source.data, ("shards",), str(count))
    plan = make_plan(share(load_spec(Document(data, "the spec of the sweep"))), source.base)
    for part in plan.parts:
        if part.shards != count:
            what = f"components.{part.name}" if part.name else "work"
            raise UserError(
                f"{what} comes to {part.shards} shards where {count} are asked for",
                where=f"--shards {count}",
                hint="a sweep sets shards:, so the spec may not say how many otherwise, and there "
                "must be as much work; --shards may name other numbers",
            )
    return plan


def _runs(name: str, plans: dict[int, Plan], repeats: int, *, warm_up: bool) -> list[SweepRun]:
    """Return the runs in their order: numbers of shards take turns, as the farm's load changes."""
    order = [(max(plans), WARM_UP)] if warm_up else []
    order += [(count, repeat) for repeat in range(1, repeats + 1) for count in plans]
    found = []
    for count, repeat in order:
        again = f"_r{repeat}" if repeats > 1 else ""
        tail = "_warm" if repeat == WARM_UP else f"_sh{count}{again}"
        found.append(
            SweepRun(shards=plans[count].shards, repeat=repeat, run=f"{name}/{name}{tail}")
        )
    return found


def _refuse_name(name: str, runs: Sequence[SweepRun]) -> None:
    longest = max((os.path.basename(one.run) for one in runs), key=len)
    problem = name_problem(name) or name_problem(longest)
    if problem:
        raise UserError(f"--sweep-id: {problem}")


def _write(
    name: str,
    plans: dict[int, Plan],
    runs: Sequence[SweepRun],
    way: Way,
    out_dir: str,
    typed: Sequence[str],
) -> str:
    """Write the runs, then the sweep file: where there is one, all of its runs are whole."""
    folder = os.path.join(os.path.abspath(out_dir), name)
    path = folder + SUFFIX
    first = next(iter(plans.values()))
    _claim(folder, path)
    by_shards = {plan.shards: plan for plan in plans.values()}
    notes: dict[str, None] = {}
    try:
        for one in runs:
            run_id = os.path.basename(one.run)
            _, written = make_run(by_shards[one.shards], way, folder, run_id, typed)
            notes.update(dict.fromkeys(note for item in written for note in item.notes))
        write_whole(path, dump_sweep(_sweep(name, first, runs, way)))
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    for note in notes:
        say(note)
    return path


def _claim(folder: str, path: str) -> None:
    """Make the directory of the runs, which nobody else may have.

    Raises:
        UserError: the name is taken, or it cannot be made.
    """
    try:
        os.makedirs(os.path.dirname(folder), exist_ok=True)
        if not os.path.lexists(path):
            os.mkdir(folder)
            return
    except FileExistsError:
        pass
    except OSError as error:
        raise UserError(
            f"the sweep cannot be written: {error.strerror}",
            where=error.filename or folder,
            hint="choose another --out-dir",
        ) from error
    raise _taken(folder, path)


def _taken(folder: str, path: str) -> UserError:
    whole = os.path.lexists(path)
    if whole:
        hint = f"go on with it: farmhand sweep submit {short_path(path)}"
    else:
        hint = "it has no sweep file: if a sweep render was cut short, remove it"
    return UserError(
        f"'{os.path.basename(folder)}' exists, and nothing is ever overwritten",
        where=path if whole else folder,
        hint=f"{hint}; or give another --sweep-id",
    )


def _sweep(name: str, plan: Plan, runs: Sequence[SweepRun], way: Way) -> Sweep:
    seeds = [part.seed for part in plan.parts if part.seed]
    spawned = any(seed.spawn is not None for seed in seeds)
    if spawned:
        warn("seeds are spawned for each shard, so results differ and are not compared")
    return Sweep(
        schema_version=SCHEMA,
        sweep_id=name,
        name=plan.spec.name,
        created_at_utc=utc_now(),
        scheduler=way.scheduler,
        mode=way.mode,
        work=sum(part.count for part in plan.parts),
        unit=_unit(plan),
        seed=seeds[0].base if len(seeds) == 1 else None,
        comparable=not spawned,
        host=os.uname().nodename,
        cores=len(os.sched_getaffinity(0)),
        runs=tuple(runs),
    )


def _unit(plan: Plan) -> str:
    """Return what one unit of the work is called."""
    if plan.spec.merge is not None and plan.spec.merge.kind == "toys":
        return "toy"
    kinds: set[Any] = {"file" if part.work.listed else "unit" for part in plan.parts}
    return kinds.pop() if len(kinds) == 1 else "unit"
