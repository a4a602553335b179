"""The page about a run: Markdown that can go into a logbook or an issue."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from manifest.header import Header
from manifest.layout import ranges
from manifest.units import format_bytes, format_duration, format_time
from reports.amounts import short_bytes, short_time
from reports.bad_table import group_bad, shorten
from reports.by_component import Standing
from reports.effort import Effort
from reports.hosts import Host
from reports.requests import Request
from reports.tally import Tally

_MOST = 30
"""Rows of a table; what is left out is counted."""
_WIDE = 60
_SHOW: dict[str, Callable[[float], str]] = {
    "walltime": format_duration,
    "grace": format_duration,
    "memory": short_bytes,
    "disk": short_bytes,
}


@dataclass(frozen=True, slots=True)
class RunReport:
    """All that the page says."""

    header: Header
    counted: Tally
    standings: Sequence[Standing]
    bad: Sequence[dict[str, Any]]
    requests: Sequence[Request]
    hosts: Sequence[Host]
    effort: Effort
    inputs: Sequence[Mapping[str, Any]]
    """Of the plan: ``shown``, ``size``, ``sha256``."""
    rendered: Mapping[str, Any]
    """How it was rendered: ``command``, ``cwd``, ``farmhand``; empty where nobody noted it."""
    commands: Sequence[str]
    """What makes it again."""


def run_markdown(found: RunReport) -> str:
    """Return the page."""
    parts = (_head, _standing, _bad, _requests, _hosts, _effort, _submissions, _origin)
    lines = [line for part in parts for line in part(found)]
    return "\n".join(lines) + "\n"


def _row(cells: Sequence[str]) -> str:
    """Return a row; what would end a cell or be read as Markdown is escaped."""
    return "| " + " | ".join(_cell(cell) for cell in cells) + " |"


def _cell(text: str) -> str:
    plain = "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in text)
    return plain.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], right: str) -> Iterator[str]:
    """Yield a table; ``right`` names the columns of numbers by a ``1`` at their place."""
    yield ""
    yield _row(head)
    yield "| " + " | ".join("---:" if mark == "1" else "---" for mark in right) + " |"
    for cells in rows[:_MOST]:
        yield _row(cells)
    if len(rows) > _MOST:
        yield ""
        yield f"… and {len(rows) - _MOST} more rows (`--json` has them all)."


def _head(found: RunReport) -> Iterator[str]:
    header = found.header
    yield f"# Run {header.run_id}"
    yield ""
    yield f"{found.counted.text()}."
    if header.collected_at_utc is None:
        yield "Not collected yet: what the records say now."


def _standing(found: RunReport) -> Iterator[str]:
    if found.standings:
        yield ""
        yield "## Components"
        rows = [(one.name, *one.text().split(": ", 1)) for one in found.standings]
        yield from _table(("component", "of", "how they stand"), rows, "000")


def _bad(found: RunReport) -> Iterator[str]:
    if not found.bad:
        return
    yield ""
    yield "## What went wrong"
    rows = [
        (
            str(len(members)),
            state,
            cause,
            shorten(ranges(row["shard_index"] for row in members), _WIDE),
            f"{members[0]['name']}: {members[0]['evidence']}",
        )
        for state, cause, members in group_bad(found.bad)
    ]
    yield from _table(("shards", "state", "cause", "which", "such as"), rows, "10000")


def _requests(found: RunReport) -> Iterator[str]:
    if not found.requests:
        return
    yield ""
    yield "## Asked for and used"
    head: tuple[str, ...] = ("resource", "asked", "median", "most", "known of", "suggested")
    rows: list[tuple[str, ...]] = [_request(one) for one in found.requests]
    right = "011110"
    if any(one.component for one in found.requests):
        head, right = ("component", *head), "0" + right
        pairs = zip(found.requests, rows, strict=True)
        rows = [(one.component or "", *cells) for one, cells in pairs]
    yield from _table(head, rows, right)
    yield ""
    yield "Of the attempts that count. Suggested is a quarter above the most that was seen."


def _request(one: Request) -> tuple[str, ...]:
    show = _SHOW.get(one.what, "{:.2g}".format)
    ends = dict.fromkeys((one.asked[0], one.asked[-1])) if one.asked else {}
    asked = " to ".join(map(show, ends)) or "nothing"
    used = ["?" if value is None else show(value) for value in (one.median, one.most)]
    advice = "" if one.suggested is None else show(one.suggested)
    if advice and not one.is_sure:
        advice += f" (of {one.known} only)"
    if one.lacking:
        advice = f"more: {one.lacking} shards lacked it"
    return one.what, asked, *used, f"{one.known} of {one.known + one.unknown}", advice


def _hosts(found: RunReport) -> Iterator[str]:
    if not any(host.failed for host in found.hosts):
        return
    yield ""
    yield "## Failures by host"
    rows = [
        (
            host.name + (" (stands out)" if host.stands_out else ""),
            f"{host.failed} of {host.attempts}",
            "?" if host.within_s is None else short_time(host.within_s),
            ", ".join(f"{count} {cause}" for cause, count in host.causes.most_common()),
        )
        for host in found.hosts
        if host.failed
    ]
    yield from _table(("host", "failed", "within", "why"), rows, "0110")
    fine = sum(not host.failed for host in found.hosts)
    if fine:
        yield ""
        yield f"Nothing failed on {fine} other host{'s' * (fine != 1)}."


def _effort(found: RunReport) -> Iterator[str]:
    effort = found.effort
    if not effort.attempts:
        return
    yield ""
    yield "## Effort"
    yield ""
    retried = f"; {effort.repeated} shards needed more than one" if effort.repeated else ""
    yield f"- {effort.attempts} attempts{retried}"
    if effort.first is not None:
        until = "" if effort.last is None else f" until {format_time(effort.last)}"
        took = effort.makespan_s
        yield (
            f"- from {format_time(effort.first)}{until}"
            + ("" if took is None else f", {format_duration(took)}")
        )
    yield f"- {format_duration(effort.good_s)} in attempts that count"
    if effort.wasted_s:
        yield f"- {format_duration(effort.wasted_s)} in attempts that do not"
    yield f"- {format_duration(effort.cpu_s)} of CPU time, as far as records say"
    if effort.unknown:
        yield f"- {effort.unknown} attempts of unknown length"


def _submissions(found: RunReport) -> Iterator[str]:
    yield ""
    yield "## Submissions"
    rows = [
        (
            str(one.id),
            one.scheduler + (f", {one.mode}" if one.mode else ""),
            shorten(one.shards, _WIDE),
            _asks(one.resources),
            one.created_at_utc,
            shorten(",".join(one.native_ids), _WIDE) or "none known",
        )
        for one in found.header.submissions
    ]
    head = ("", "scheduler", "shards", "asks for", "written", "native ids")
    yield from _table(head, rows, "100000")


def _asks(resources: Mapping[str, Any]) -> str:
    parts = [
        f"{name} {_SHOW[name](value) if name in _SHOW else value}"
        for name, value in resources.items()
        if value is not None and name != "stop_signal"
    ]
    return ", ".join(parts) or "nothing"


def _origin(found: RunReport) -> Iterator[str]:
    header = found.header
    yield ""
    yield "## Where it comes from"
    yield ""
    yield f"- plan `{header.plan_id}`, run `{header.run_uuid}`"
    made = found.rendered.get("farmhand")
    yield f"- rendered {header.created_at_utc}" + (f" by farmhand {made}" if made else "")
    if header.seed is not None:
        yield f"- seed {header.seed}"
    if found.inputs:
        rows = [
            (str(one["shown"]), format_bytes(one["size"]), one.get("sha256") or "too large for one")
            for one in found.inputs
        ]
        yield from _table(("input", "size", "sha256"), rows, "010")
    yield ""
    yield "The same once more:"
    yield ""
    yield from (f"    {command}" for command in found.commands)
