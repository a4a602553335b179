"""``farmhand report RUN``: a page about a run, to keep or to send."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from typing import Annotated, Any

import orjson
import typer

from collectors.run_facts import RunFacts
from farmhand.components import spans
from farmhand.gather import Gathered, gather
from farmhand.locate import JsonOption, ManifestOption, OutDirOption, RunArgument, find_run
from farmhand.progress import collecting
from farmhand.talk import give, give_json, say, short_path
from farmhand.written import write_whole
from manifest.rows import parse_row
from manifest.store import read_manifest
from reports.by_component import by_component
from reports.effort import Effort
from reports.hosts import HostCount
from reports.requests import Requests
from reports.run_page import RunReport, run_markdown
from reports.tally import bad_rows, tally


def verb(
    run: RunArgument = None,
    manifest: ManifestOption = None,
    out_dir: OutDirOption = "runs",
    out_md: Annotated[
        str | None,
        typer.Option("--out-md", metavar="FILE", help="Write the page there, not to stdout."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Write a page about a run, in Markdown: to keep, or to send to somebody.

    How its shards stand and what went wrong; time and memory beside what was asked for, with what
    to ask for next time; failures by host; what it cost; where it comes from, and the commands that
    make it again. New records are taken into account; nothing is written into the run.
    """
    folder, path = find_run(run, manifest, out_dir, writes=False)
    with collecting(read_manifest(path).header.shards) as bar:
        found = _look(gather(folder, path, progress=bar.update))
    if as_json:
        give_json(_as_json(found))
    page = run_markdown(found)
    if out_md is not None:
        write_whole(out_md, page.encode())
        say(f"written: {short_path(os.path.abspath(out_md))}")
    elif not as_json:
        give(page.rstrip("\n"))


def _look(gathered: Gathered) -> RunReport:
    now, facts = gathered.manifest, gathered.facts
    header = now.header
    requests = Requests({one.id: one.resources for one in header.submissions})
    hosts, effort = HostCount(), Effort()
    for planned, seen in zip(now.plans, now.results, strict=True):
        row = parse_row(seen, now.path)
        component = parse_row(planned, now.path)["component"] if len(facts.parts) > 1 else None
        requests.add(component, row)
        hosts.add(row)
        effort.add(row)
    counted = tally(now)
    rendered = _rendered(facts)
    return RunReport(
        header=header,
        counted=counted,
        standings=by_component(now, spans(facts)),
        bad=bad_rows(now, counted.bad),
        requests=[one for one in requests.rows() if one.known or one.asked],
        hosts=hosts.hosts(),
        effort=effort,
        inputs=_read(facts.run, "inputs.json") or (),
        rendered=rendered,
        commands=list(_commands(facts, rendered)),
    )


def _read(run: str, name: str) -> Any:  # noqa: ANN401 (any JSON)
    try:
        with open(os.path.join(run, "plan", name), "rb") as stream:
            return orjson.loads(stream.read())
    except (OSError, orjson.JSONDecodeError):
        return None


def _rendered(facts: RunFacts) -> dict[str, Any]:
    found = (_read(facts.run, "run.json") or {}).get("rendered")
    return found if isinstance(found, dict) else {}


def _commands(facts: RunFacts, rendered: dict[str, Any]) -> Iterator[str]:
    """Yield what was typed; and the same from the spec that the plan has kept."""
    typed, base = rendered.get("command"), rendered.get("base")
    if typed:
        yield f"cd {shlex.quote(rendered['cwd'])}"
        yield shlex.join(typed)
    if base:
        spec = os.path.join(facts.run, "plan", "spec.json")
        yield "# or, from the spec as it was then:"
        yield f"cd {shlex.quote(base)} && farmhand render - <{shlex.quote(spec)}"
    run = shlex.quote(short_path(facts.run))
    yield "# then start it as render says, and at its end (--run-id: another, if this run is kept):"
    yield f"farmhand collect --in-place {run}"
    if facts.spec.merge is not None:
        yield f"farmhand merge {run}"


def _as_json(found: RunReport) -> dict[str, Any]:
    effort = found.effort
    return {
        "run_id": found.header.run_id,
        "plan_id": found.header.plan_id,
        "shards": found.counted.shards,
        "states": dict(found.counted.states),
        "bad": list(found.bad),
        "requests": [one.as_json() for one in found.requests],
        "hosts": [host.as_json() for host in found.hosts],
        "effort": {
            "attempts": effort.attempts,
            "shards_repeated": effort.repeated,
            "good_wall_s": effort.good_s,
            "wasted_wall_s": effort.wasted_s,
            "cpu_s": effort.cpu_s,
            "unknown": effort.unknown,
            "first_start": effort.first,
            "last_end": effort.last,
        },
        "inputs": list(found.inputs),
        "rendered": found.rendered,
        "commands": list(found.commands),
    }
