"""``farmhand resubmit``: render the bad shards again, with more of what they lacked."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from farmhand.asking import STORES, Asking
from farmhand.gather import Gathered, gathered_under_lock
from farmhand.locate import JsonOption, ManifestOption, OutDirOption, RunArgument, find_run
from farmhand.observe import observe
from farmhand.place_jobs import submit
from farmhand.queues import QUEUES
from farmhand.redo import Choice, Group, select
from farmhand.redo_view import show_groups, show_left
from farmhand.resubmission import write_resubmission
from farmhand.run import verb as start
from farmhand.scheduler_option import ModeOption, refuse_unknown
from farmhand.select import CauseOption, ShardsOption, chosen_causes, chosen_shards
from farmhand.submissions import Way
from farmhand.talk import give, give_json, say, short_path
from farmhand.unchanged import refuse_changes
from farmhand.where import conditions, pattern
from manifest.errors import Refusal, UserError
from manifest.layout import ranges
from manifest.rows import parse_row
from manifest.store import read_manifest
from renderer.submission import Written
from reports.hosts import by_host, host_lines, standing_out

_REMOVE = {"slurm": "scancel", "htcondor": "condor_rm"}
EXECUTES = ("local", *QUEUES)


def verb(
    run: RunArgument = None,
    manifest: ManifestOption = None,
    out_dir: OutDirOption = "runs",
    shards: ShardsOption = None,
    cause: CauseOption = None,
    where: Annotated[
        list[str] | None,
        typer.Option("--where", metavar="KEY=VALUE", help="Only where this holds: host=n2."),
    ] = None,
    match: Annotated[
        str | None,
        typer.Option(
            "--match", metavar="REGEX", help="Only where it is found in evidence or logs."
        ),
    ] = None,
    exclude_bad_nodes: Annotated[
        bool, typer.Option("--exclude-bad-nodes", help="Keep away from hosts where work fails.")
    ] = False,
    scheduler: Annotated[
        str | None,
        typer.Option("--scheduler", metavar="NAME", help="Redo them there instead."),
    ] = None,
    mode: ModeOption = None,
    held: Annotated[
        bool, typer.Option("--held", help="Also what the scheduler holds (remove that first).")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be rendered.")
    ] = False,
    execute: Annotated[
        bool, typer.Option("--execute", help="Also submit them, or run them (local).")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Render the bad shards again, with more of what they lacked.

    Shards out of memory, time or disk get more of it; lost nodes and the like are simply tried
    again; failures of the command itself once more. What needs a hand first (setup, cancelled)
    is left alone unless named by --shards or --cause; so is what an earlier resubmit rendered and
    nobody has started. Unknown and planned shards need --shards, held ones --held, running ones
    are never touched. The lines to type next go to stdout.
    """
    folder, path = find_run(run, manifest, out_dir, writes=True)
    refuse_changes(folder)
    refuse_unknown(scheduler, mode)
    answers = observe(folder, read_manifest(path).header, Asking())
    with gathered_under_lock(folder, path, asking=STORES, answers=answers) as gathered:
        header = gathered.manifest.header
        choice = Choice(
            shards=chosen_shards(shards, header.shards),
            causes=chosen_causes(cause),
            where=conditions(where),
            match=pattern(match),
            held=held,
        )
        last = header.submissions[-1]
        way = Way(scheduler or last.scheduler, mode or (None if scheduler else last.mode))
        if execute and way.scheduler not in EXECUTES:
            raise UserError(
                f"--execute does not know how to start jobs of {way.scheduler}",
                hint="leave it out and type the lines that are printed",
            )
        groups = _chosen(gathered, choice, as_json=as_json)
        excluded = _excluded(gathered, exclude=exclude_bad_nodes)
        if dry_run:
            say("Nothing written (--dry-run).")
            return
        written = write_resubmission(gathered, groups, way, excluded).written
    _next(folder, path, groups, written, way, execute=execute, as_json=as_json)


def _chosen(gathered: Gathered, choice: Choice, *, as_json: bool) -> list[Group]:
    """Return what is redone, and show it."""
    groups, left = select(gathered, choice)
    show_left(left)
    if not groups:
        raise Refusal(
            "nothing to resubmit",
            where=short_path(gathered.facts.run),
            hint="farmhand check says how the shards stand; --shards and --cause insist",
        )
    if as_json:
        give_json([_as_json(group) for group in groups])
        return groups
    show_groups(groups)
    return groups


def _excluded(gathered: Gathered, *, exclude: bool) -> tuple[str, ...]:
    """Return the hosts to keep away from; the suspects are said in any case."""
    manifest = gathered.manifest
    hosts = by_host(parse_row(row, manifest.path) for row in manifest.results)
    suspects = standing_out(hosts)
    if suspects:
        say("Hosts that stand out" + (", excluded:" if exclude else " (--exclude-bad-nodes):"))
        for line in host_lines(hosts, only=suspects):
            say(line)
    elif exclude:
        say("failing hosts: none stands out, so none is excluded")
    return tuple(host.name for host in suspects) if exclude else ()


def _next(
    folder: str,
    path: str,
    groups: list[Group],
    written: list[Written],
    way: Way,
    *,
    execute: bool,
    as_json: bool,
) -> None:
    """Start them, or say what to type."""
    if execute and way.scheduler == "local":
        start(run=folder, shards=ranges(i for group in groups for i, _ in group.shards))
    elif execute:
        submit(folder, path, execute=True, mode=way.mode)
        return
    say("Nothing submitted. Now type:")
    lines = [
        f"{remove} {' '.join(held)}"
        for scheduler, remove in _REMOVE.items()
        if (held := [name for group in groups for where, name in group.held if where == scheduler])
    ]
    lines += [command for item in written for command in item.commands]
    for line in dict.fromkeys(lines):
        if not as_json:
            give(line)


def _as_json(group: Group) -> dict[str, Any]:
    return {
        "shards": [index for index, _ in group.shards],
        "before": group.asked.model_dump(mode="json", exclude_none=True),
        "after": group.resources.model_dump(mode="json", exclude_none=True),
        "cause": group.cause,
        "why": group.why,
    }
