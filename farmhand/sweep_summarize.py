"""``farmhand sweep summarize``: how a sweep scales, as tables, data and a picture."""

from __future__ import annotations

import os
import shutil
from typing import Annotated

import orjson
import typer

from farmhand.locate import JsonOption
from farmhand.sweep_agree import agreement
from farmhand.sweep_file import SweepArgument, open_sweep
from farmhand.sweep_measure import cores, rows, warm_up
from farmhand.talk import give, give_json, say, short_path
from farmhand.written import write_whole
from manifest.errors import UserError
from reports.picture import plot_format
from reports.sweep_plot import draw
from reports.sweep_points import advice, scaling
from reports.sweep_table import Summary, sweep_csv, sweep_json, sweep_markdown, sweep_text


def verb(
    file: SweepArgument,
    out_md: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write a Markdown page, too.")
    ] = None,
    out_csv: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write one line a run, too.")
    ] = None,
    out_json: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write all of it as JSON, too.")
    ] = None,
    plot: Annotated[
        str | None, typer.Option(metavar="FILE", help="Draw it, too: .svg, .png or .pdf.")
    ] = None,
    min_efficiency: Annotated[
        float,
        typer.Option(metavar="PART", help="More shards are worth it down to this efficiency."),
    ] = 0.7,
    as_json: JsonOption = False,
) -> None:
    """Say how a sweep scales, and how many shards are worth it.

    Throughput is work that was done, over the time from the first start to the last end. Runs that
    are not complete are shown and marked, and count for nothing else. New records are taken into
    account; nothing is written into the runs.
    """
    if not 0 < min_efficiency <= 1:
        raise UserError(
            f"--min-efficiency: {min_efficiency:g} is no part of 1", hint="write for example 0.7"
        )
    kind = "" if plot is None else plot_format(plot)
    opened = open_sweep(file)
    agreed = agreement(opened)
    lines, toys = rows(opened, agreed)
    here, found = cores(opened, lines), scaling(lines)
    notes = [*advice(found, min_efficiency, here), agreed.text()]
    notes += [f"{os.path.basename(run)}: {told}" for run, told in agreed.differing.items()]
    if warm_up(opened):
        notes.append("the warm-up is left out")
    summary = Summary(opened.sweep, found, toys, notes)
    _give(summary, as_json=as_json)
    if out_md is not None:
        _write(out_md, sweep_markdown(summary).encode())
    if out_csv is not None:
        _write(out_csv, sweep_csv(summary).encode())
    if out_json is not None:
        _write(out_json, orjson.dumps(sweep_json(summary), option=orjson.OPT_INDENT_2) + b"\n")
    if plot is not None:
        title = f"sweep {opened.sweep.sweep_id}"
        _write(plot, draw(found, title, kind, least=min_efficiency, cores=here))


def _write(path: str, data: bytes) -> None:
    write_whole(path, data)
    say(f"written: {short_path(os.path.abspath(path))}")


def _give(summary: Summary, *, as_json: bool) -> None:
    if as_json:
        give_json(sweep_json(summary))
        return
    for line in sweep_text(summary, shutil.get_terminal_size().columns):
        give(line)
