"""What a session on hosts is to do: shards that are due, whose they are, and how it is shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from farmhand.gather import Gathered
from farmhand.pool_jobs import due_shards
from farmhand.select import latest_submission
from farmhand.talk import give, say
from manifest.hosts import Host

_SHOWN = 40


@dataclass(frozen=True, slots=True)
class Planned:
    """The shards that are due."""

    due: list[int]
    doubtful: list[int]
    """Nobody knows whether they run elsewhere."""
    own: Mapping[int, str]
    """Shards that a host gets by its weight -> its name."""
    names: Mapping[int, str]
    submissions: Mapping[int, int]
    walltimes: Mapping[int, int]
    rows: Mapping[int, Mapping[str, object]]


def planned(
    gathered: Gathered, chosen: set[int] | None, living: set[int], hosts: Sequence[Host]
) -> Planned:
    """Return what there is to do; ``living`` are shards that run already."""
    manifest, spec = gathered.manifest, gathered.facts.spec
    header = manifest.header
    wanted = range(header.shards) if chosen is None else sorted(chosen)
    latest = latest_submission((s.id, s.shards) for s in header.submissions)
    due, doubtful = due_shards(manifest, wanted, latest, living)
    present = {host.name for host in hosts}
    by_weight = spec.ssh.hosts if spec.ssh.split == "hosts" else ()
    own = {i: host.name for i, host in enumerate(by_weight) if host.name in present}
    rows = {index: manifest.plans.row(index) for index in due}
    return Planned(
        due=due,
        doubtful=doubtful,
        own=own,
        names={index: row["name"] for index, row in rows.items()},
        submissions=latest,
        walltimes={s.id: s.resources.get("walltime") or 0 for s in header.submissions},
        rows=rows,
    )


def show_plan(plan: Planned, hosts: Sequence[Host]) -> None:
    """Print who would do what."""
    width = max(4, *(len(host.name) for host in hosts))
    give(f"{'host':<{width}}  {'weight':>7}  {'threads':>7}  {'at once':>7}")
    for host in hosts:
        weight = "-" if host.weight is None else f"{host.weight:g}"
        cells = f"{weight:>7}  {host.threads or '-':>7}  {host.slots or 1:>7}"
        give(f"{host.name:<{width}}  {cells}")
    give("")
    give(f"{'shard':>7}  {'host':<{width}}  {'start':>10}  {'size':>8}  {'seed':>20}")
    for index in plan.due[:_SHOWN]:
        row = plan.rows[index]
        seed = "-" if row["seed"] is None else row["seed"]
        host_name = plan.own.get(index, "any")
        give(f"{index:>7}  {host_name:<{width}}  {row['start']:>10}  {row['size']:>8}  {seed:>20}")
    if len(plan.due) > _SHOWN:
        give(f"    ...  and {len(plan.due) - _SHOWN} more")
    say(f"{len(plan.due)} to run; nobody was asked and nothing started (--dry-run)")
