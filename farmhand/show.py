"""``farmhand show``: everything known about one shard."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from collectors.log_tail import tail_lines
from collectors.records import known_attempts
from farmhand.gather import gather
from farmhand.locate import JsonOption, ManifestOption, OutDirOption, find_run
from farmhand.show_software import noted_lines, planned_lines, software_json
from farmhand.talk import give, give_json
from manifest.errors import UserError
from manifest.item_table import read_counts
from manifest.layout import block_of
from manifest.points import told
from manifest.store import Manifest
from manifest.units import format_bytes, format_duration

_LINES = 10


def verb(
    first: Annotated[
        str,
        typer.Argument(metavar="RUN|SHARD", help="The run; or a shard alone, of the newest run."),
    ],
    second: Annotated[
        str | None, typer.Argument(metavar="SHARD", help="The shard, by name or number.")
    ] = None,
    manifest: ManifestOption = None,
    out_dir: OutDirOption = "runs",
    as_json: JsonOption = False,
) -> None:
    """Show everything known about one shard: its plan, every attempt, the ends of its logs."""
    run, shard = (None, first) if second is None else (first, second)
    folder, path = find_run(run, manifest, out_dir, writes=False)
    now = gather(folder, path).manifest
    index = _index(now, shard)
    plan = now.plans.row(index)
    result = now.results.row(index)
    if as_json:
        give_json({"plan": plan, "result": result} | software_json(folder, index, result))
        return
    seed = f", seed {plan['seed']}" if plan["seed"] is not None else ""
    first, size = plan["start"], plan["size"]
    share = f"{size} items" if read_counts(folder) else f"units {first} to {first + size - 1}"
    give(f"shard {index} ({plan['name']}): {share}{seed}")
    if "point" in plan:
        give(f"point {told(plan['point'])}")
    cause = f" ({result['cause']})" if result["cause"] else ""
    give(f"{result['state']}{cause}: {result['evidence']}")
    modes = {submission.id: submission.mode for submission in now.header.submissions}
    attempts = known_attempts(result, path).values()
    begun = {attempt["native_id"] for attempt in attempts if _started(attempt)}
    for label, text in planned_lines(folder):
        _line(label, text)
    for attempt in attempts:
        _show_attempt(attempt, accepted=attempt["attempt"] in result["accepted_attempts"])
        for label, text in noted_lines(folder, index, attempt):
            _line(label, text)
        logs = _show_logs(folder, index, attempt)
        if not logs and (_started(attempt) or attempt["native_id"] not in begun):
            _line("log", _why_no_log(attempt, modes.get(attempt["submission"])))


def _index(manifest: Manifest, shard: str) -> int:
    wanted = b'"name":"' + shard.encode() + b'"'
    for index, row in enumerate(manifest.plans):
        if wanted in row and manifest.plans.row(index)["name"] == shard:
            return index
    if shard.isdecimal() and int(shard) < manifest.header.shards:
        return int(shard)
    raise UserError(
        f"there is no shard '{shard}'",
        where=manifest.path,
        hint=f"give a name, or a number from 0 to {manifest.header.shards - 1}",
    )


def _show_attempt(attempt: dict[str, Any], *, accepted: bool) -> None:
    give("")
    give(f"attempt {attempt['attempt']}" + (" (accepted)" if accepted else ""))
    cause = f" ({attempt['cause']})" if attempt["cause"] else ""
    _line("verdict", f"{attempt['state']}{cause}: {attempt['evidence']}")
    if attempt["submission"] is not None:
        _line(
            "submission",
            f"{attempt['submission']} ({attempt['scheduler']}, {attempt['native_id']})",
        )
    if attempt["host"]:
        _line("host", ", ".join(_host(attempt)))
    if attempt["started"]:
        _line("started", _clock(attempt["started"]))
    if attempt["ended"]:
        _line("ended", f"{_clock(attempt['ended'])}{_usage(attempt)}")
    if attempt["observed"]:
        _line("scheduler", _observed(attempt["observed"]))
    for output in attempt["outputs"] or []:
        if output["path"]:
            size = "absent" if output["bytes"] is None else format_bytes(output["bytes"])
            _line("output", f"{output['path']} ({size})")


def _show_logs(run: str, shard: int, attempt: dict[str, Any]) -> bool:
    """Show the ends of what was printed, and say whether there was anything."""
    shown = False
    if attempt["dir"]:
        streams = [_show_tail(run, f"{attempt['dir']}/{stream}") for stream in ("stdout", "stderr")]
        shown = any(streams)
    if attempt["scheduler"] == "htcondor" and attempt["submission"] is not None:
        own = f"logs/{attempt['submission']}/{block_of(shard)}/{shard}.err"
        shown = _show_tail(run, own) or shown
    return shown


def _started(attempt: dict[str, Any]) -> bool:
    return bool(attempt["started"] or (attempt["observed"] or {}).get("started"))


def _why_no_log(attempt: dict[str, Any], mode: str | None) -> str:
    if attempt["dir"]:
        return f"nothing in {attempt['dir']}/stdout and stderr"
    if not _started(attempt):
        return "none: it has not been started"
    if attempt["scheduler"] == "htcondor" and mode == "transfer":
        return (
            "none came back: HTCondor returns files only of jobs that end by themselves, not of "
            f"held, evicted, removed or running ones; logs/{attempt['submission']}/condor.log is "
            "all that there is"
        )
    return "none: it left no record of where its output is"


def _host(attempt: dict[str, Any]) -> Iterator[str]:
    yield attempt["host"]
    if attempt["node"] and attempt["node"] != attempt["host"]:
        yield f"node {attempt['node']}"
    if attempt["pid"] is not None:
        yield f"pid {attempt['pid']}"


def _observed(said: dict[str, Any]) -> str:
    """Return what the scheduler said: its state, what was asked for, and what it saw used."""
    if "state" not in said:
        return f"not listed by {said['absent']} since {_clock(said['since'])}"
    parts = [f"{said['source']}: {said['state']}"]
    if said.get("code") is not None:
        parts.append(f"code {said['code']}:{said.get('signal', 0)}")
    parts += [said["why"]] if said.get("why") else []
    if said.get("started") and said.get("ended"):
        parts.append(f"ran {format_duration(said['ended'] - said['started'])}")
    if said.get("limit_s"):
        parts.append(f"limit {format_duration(said['limit_s'])}")
    if said.get("memory"):
        seen = f"{format_bytes(said['peak'])} seen of " if said.get("peak") else ""
        parts.append(f"memory {seen}{format_bytes(said['memory'])}")
    if said.get("cpu_s") is not None and said.get("cpus"):
        parts.append(f"{format_duration(said['cpu_s'])} CPU on {said['cpus']}")
    if said.get("asked"):
        parts.append(f"asked {_clock(said['asked'])}")
    return ", ".join(parts)


def _usage(attempt: dict[str, Any]) -> str:
    parts = []
    if attempt["wall_s"] is not None:
        parts.append(f"{format_duration(attempt['wall_s'])} wall")
    if attempt["cpu_s"] is not None:
        parts.append(f"{format_duration(attempt['cpu_s'])} CPU")
    if attempt["peak"]:
        parts.append(f"{format_bytes(attempt['peak']['bytes'])} peak ({attempt['peak']['source']})")
    return f" ({', '.join(parts)})" if parts else ""


def _show_tail(run: str, path: str) -> bool:
    lines = tail_lines(os.path.join(run, path))
    if lines:
        _line("log", path)
        for line in lines[-_LINES:]:
            give(f"    | {line}")
    return bool(lines)


def _line(label: str, text: str) -> None:
    give(f"  {label + ':':<11} {text}")


def _clock(when: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(when))
