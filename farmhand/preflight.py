"""``farmhand doctor --hosts FILE``: what the hosts of a file offer."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Iterator
from typing import Annotated

import typer

from farmhand.locate import JsonOption, OutDirOption
from farmhand.probe_hosts import Question, probe_hosts
from farmhand.submissions import utc_now
from farmhand.talk import give, give_json, say
from manifest.errors import Refusal, UserError
from manifest.hosts import read_hosts
from manifest.preflight import HostReport, Preflight
from manifest.site import read_site
from manifest.units import format_bytes

_WIDTH = 80
_COLUMNS = (("cores", 8), ("memory", 9), ("load", 6), ("free", 9), ("shared", 6), ("skew", 6))

OutOption = Annotated[
    str | None, typer.Option("--out", metavar="FILE", help="With --hosts: keep it as JSON.")
]
CommandOption = Annotated[
    str | None,
    typer.Option("--command", metavar="NAME", help="With --hosts: is this program on PATH there?"),
]
TimeoutOption = Annotated[
    float,
    typer.Option("--timeout", min=1, metavar="S", help="With --hosts: seconds that a host has."),
]


def verb(
    hosts: Annotated[str, typer.Option("--hosts", metavar="FILE", help="Hosts, one a line.")],
    out: OutOption = None,
    command: CommandOption = None,
    timeout: TimeoutOption = 20,
    out_dir: OutDirOption = "runs",
    as_json: JsonOption = False,
) -> None:
    """Look at hosts over SSH, all at once (doctor --hosts)."""
    look_at_hosts(hosts, out, command, timeout, out_dir, as_json=as_json)


def look_at_hosts(
    path: str,
    out: str | None,
    command: str | None,
    timeout: float,
    out_dir: str,
    *,
    as_json: bool,
) -> None:
    """Print what the hosts of a file offer, and keep it where asked.

    Raises:
        Refusal: none of them answers.
    """
    hosts = read_hosts(path)
    folder = os.path.abspath(out_dir)
    while not os.path.isdir(folder):
        folder = os.path.dirname(folder)
    question = Question(read_site().remote, command, folder, timeout)
    reports = tuple(probe_hosts(hosts, question))
    found = Preflight(created_at_utc=utc_now(), hosts_file=os.path.abspath(path), hosts=reports)
    if out is not None:
        _keep(found, out)
    if as_json:
        give_json(found.model_dump(mode="json"))
    else:
        for line in table(reports):
            give(line)
    answered = [report for report in reports if report.ok]
    logical, physical = (
        sum(getattr(report, name) or 0 for report in answered) for name in ("logical", "physical")
    )
    say(f"{len(answered)} of {len(reports)} answered: {physical} cores, {logical} logical ones")
    if not answered:
        raise Refusal("no host answers", where=path, hint="see what is said of each")


def _keep(found: Preflight, out: str) -> None:
    try:
        with open(f"{out}.tmp", "w", encoding="utf-8") as stream:
            stream.write(found.model_dump_json(indent=1) + "\n")
        os.replace(f"{out}.tmp", out)
    except OSError as error:
        raise UserError(f"--out cannot be written: {error.strerror}", where=out) from error


def table(reports: tuple[HostReport, ...]) -> Iterator[str]:
    """Yield the lines of a table that fits 80 columns; what is odd stands below its host."""
    room = _WIDTH - sum(width + 2 for _, width in _COLUMNS) - 4
    width = min(room, max(4, *(len(report.name) for report in reports)))
    heads = "".join(f"  {name:>{wide}}" for name, wide in _COLUMNS)
    yield f"    {'host':<{width}}{heads}"
    for report in reports:
        mark = "!!" if not report.ok else "*" if report.odd else ""
        cells = ""
        if report.ok:
            values = zip(_cells(report), _COLUMNS, strict=True)
            cells = "".join(f"  {text:>{wide}}" for text, (_, wide) in values)
        yield f"{mark:<2}  {_cut(report.name, width):<{width}}{cells}".rstrip()
        for text in [report.problem] if report.problem else report.odd:
            yield from textwrap.wrap(
                text, _WIDTH, initial_indent=" " * 6, subsequent_indent=" " * 6
            )


def _cells(report: HostReport) -> Iterator[str]:
    physical, logical = report.physical, report.logical
    yield "-" if logical is None else f"{physical}/{logical}"
    yield "-" if report.memory is None else format_bytes(report.memory)
    yield "-" if report.load is None else f"{report.load:.1f}"
    yield "-" if report.free is None else format_bytes(report.free)
    yield {None: "-", True: "yes", False: "no"}[report.shared]
    yield "-" if report.skew_s is None else f"{report.skew_s:.1f}s"


def _cut(name: str, width: int) -> str:
    return name if len(name) <= width else name[: width - 1] + "…"
