"""How a run stands, as check shows it: the table or the JSON, and what to type next."""

from __future__ import annotations

import shlex
import shutil
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from collectors.at_destination import AtDestination
from farmhand.at_stores import stores_json, tell_stores
from farmhand.components import spans
from farmhand.gather import Gathered
from farmhand.handed import CHUNKED, Again, Submitted, rendered_again
from farmhand.select import latest_submission
from farmhand.talk import give, say, short_path, some
from manifest.rows import parse_row
from manifest.store import Manifest
from manifest.units import format_duration
from reports.bad_table import bad_table
from reports.by_component import Standing, by_component, component_table
from reports.hosts import Host, by_host, host_lines, standing_out
from reports.tally import Tally, bad_rows, several_good, tally

EXAMPLES = {"lsf": "bsub -q 1nh", "nohup": "nohup ./batchScript.sh &"}
_LONG_S = 600
"""After this it is said what to do about a job that is gone."""


@dataclass(frozen=True, slots=True)
class View:
    """How the shards stand that were asked for."""

    manifest: Manifest
    counted: Tally
    standings: list[Standing]
    bad: list[int]
    """Bad, and not waited for."""
    again: list[Again]
    """Bad by their evidence, but rendered again since."""
    first: list[Again]
    """Planned, and handed to the batch command before."""
    several: int
    """How many succeeded more than once."""
    hosts: list[Host]
    """What became of the attempts on each host; looked at only where something is bad."""
    stores: AtDestination | None = None

    @property
    def waiting(self) -> list[Again]:
        """Return what was submitted, and not heard of since."""
        return [one for one in (*self.again, *self.first) if one.waiting]

    @property
    def open(self) -> int:
        """Return the number of shards that are neither succeeded nor bad."""
        return self.counted.shards - self.counted.succeeded - len(self.bad)


def look(gathered: Gathered, chosen: Iterable[int] | None) -> View:
    """Return how the chosen shards stand; None: all of them."""
    manifest = gathered.manifest
    wanted = None if chosen is None else set(chosen)
    submitted = Submitted(gathered.facts.run, manifest.header)
    ordered = None if wanted is None else sorted(wanted)
    counted = tally(manifest, ordered)
    again = rendered_again(manifest, counted.bad, submitted)
    waiting = {one.shard for one in again if one.waiting}
    return View(
        manifest=manifest,
        counted=counted,
        standings=by_component(manifest, spans(gathered.facts), wanted),
        bad=[index for index in counted.bad if index not in waiting],
        again=again,
        first=list(_planned(manifest, submitted, wanted)),
        several=several_good(manifest, ordered),
        hosts=_hosts(manifest, wanted) if counted.bad else [],
        stores=gathered.stores,
    )


def _hosts(manifest: Manifest, wanted: set[int] | None) -> list[Host]:
    lines = enumerate(manifest.results)
    return by_host(
        parse_row(line, manifest.path) for at, line in lines if wanted is None or at in wanted
    )


def _planned(manifest: Manifest, submitted: Submitted, wanted: set[int] | None) -> Iterable[Again]:
    submissions = manifest.header.submissions
    latest = latest_submission((s.id, s.shards) for s in submissions)
    for submission in submissions:
        for shard, handed in submitted.chunks(submission.id).items():
            if latest.get(shard) != submission.id or not (wanted is None or shard in wanted):
                continue
            if manifest.results.head(shard)[0] == "planned":
                name = manifest.results.row(shard)["name"]
                yield Again(shard, name, submission.id, submission.scheduler, handed)


def as_json(view: View) -> dict[str, Any]:
    """Return what ``check --json`` prints."""
    counted = view.counted
    answer: dict[str, Any] = {
        "shards": counted.shards,
        "succeeded": counted.succeeded,
        "states": dict(counted.states),
        "bad": bad_rows(view.manifest, view.bad),
    }
    if standing_out(view.hosts):
        answer["hosts"] = [host.as_json() for host in view.hosts if host.failed]
    if view.standings:
        answer["components"] = {
            one.name: {
                "shards": one.tally.shards,
                "succeeded": one.tally.succeeded,
                "states": dict(one.tally.states),
            }
            for one in view.standings
        }
    if view.waiting:
        answer["waiting"] = [
            {
                "shard_index": one.shard,
                "name": one.name,
                "submission": one.submission,
                "job": one.handed.job if one.handed else None,
                "since": one.handed.time if one.handed else None,
            }
            for one in view.waiting
        ]
    return answer | stores_json(view.stores)


def give_table(view: View) -> None:
    """Print the table on stdout."""
    width = shutil.get_terminal_size().columns
    give(f"{view.manifest.header.run_id}: {view.counted.text()}")
    rows = bad_rows(view.manifest, view.bad)
    if view.standings:
        give("")
        waiting = {one.shard for one in view.again if one.waiting}
        for line in component_table(view.standings, rows, width, waiting):
            give(line)
    elif rows:
        give("")
        for line in bad_table(rows, width):
            give(line)
    if suspects := standing_out(view.hosts):
        give("")
        give("hosts that stand out:")
        for line in host_lines(view.hosts, suspects):
            give(line)


def tell(view: View, *, redoing: bool = False) -> None:
    """Say what is waited for, and what to type; not how to redo bad ones where that is done."""
    run = shlex.quote(short_path(view.manifest.run))
    if view.bad:
        say("")
    if view.several:
        say(
            f"{view.several} succeeded more than once (submitted twice?): of each the first to end "
            "counts"
        )
    tell_stores(view.stores)
    _tell_handed(view, run)
    if view.bad and not redoing:
        say(f"One of them: farmhand show {run} SHARD")
        _tell_redo(view, run)
        scheduler = view.manifest.header.submissions[-1].scheduler
        if scheduler in CHUNKED:
            say(f"or at once:  farmhand check {run} -b '{EXAMPLES[scheduler]}'")
    elif not view.bad and view.open:
        say(f"{view.open} not done yet; none is bad")
    elif not view.bad:
        say("all good")


def _tell_redo(view: View, run: str) -> None:
    held = view.counted.states.get("held", 0)
    if held < len(view.bad):
        say(f"Redo them:   farmhand resubmit {run}")
    if held:
        label = "Redo them:" if held == len(view.bad) else "Held too:"
        say(f"{label:<12} farmhand resubmit --held {run}")


def _tell_handed(view: View, run: str) -> None:
    waiting = view.waiting
    if waiting:
        now = time.time()
        age = max(0.0, now - min(one.handed.time or now for one in waiting if one.handed))
        say(
            f"{len(waiting)} submitted and not heard of since ({format_duration(age)}): "
            f"{_names(waiting, _job)}"
        )
        if age > _LONG_S:
            say(f"  if the job of one is gone: farmhand resubmit {run} --shards {waiting[0].shard}")
    never = [one for one in view.again if one.handed is None]
    if never:
        say(
            f"{len(never)} rendered again in resubmit-{never[0].submission}/, and nothing heard of "
            f"them since: {_names(never)}"
        )
    for outcome, told in (
        ("refused", "refused by the batch command"),
        ("doubtful", "that may have been submitted (--doubtful: again)"),
    ):
        found = [o for o in (*view.again, *view.first) if o.handed and o.handed.outcome == outcome]
        if found:
            say(f"{len(found)} {told}: {_names(found)}; farmhand submit {run} -b COMMAND")


def _job(one: Again) -> str:
    return f" (job {one.handed.job})" if one.handed and one.handed.job else ""


def _names(found: list[Again], more: Callable[[Again], str] = lambda _: "") -> str:
    return some([one.name + more(one) for one in found])
