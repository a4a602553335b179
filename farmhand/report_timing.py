"""``farmhand report timing``: how long jobs took, and what more of them would take."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import orjson
import typer

from farmhand.gather import gather
from farmhand.locate import JsonOption, ManifestOption, OutDirOption, find_run
from farmhand.talk import give, give_json, say, short_path
from farmhand.timing_jobs import jobs_of_logs, jobs_of_run, phases_of
from farmhand.where import pattern
from farmhand.written import write_whole
from manifest.errors import UserError
from manifest.timing import TOTAL, Phase
from reports.estimate import Estimate, estimate
from reports.picture import plot_format
from reports.timing import TimedJob, Timing, sizes_and, timing
from reports.timing_files import job_rows, jobs_csv, timing_csv, timing_json
from reports.timing_plot import draw
from reports.timing_table import headline, timing_markdown, timing_text


@dataclass(frozen=True, slots=True)
class Ask:
    """An estimate that is asked for."""

    events: int
    slots: int
    per_job: int | None


def verb(
    run: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="RUN",
            help="Run directory or its manifest. Default: as for other verbs. None with --logs.",
            show_default=False,
        ),
    ] = None,
    manifest: ManifestOption = None,
    out_dir: OutDirOption = "runs",
    logs: Annotated[
        list[str] | None,
        typer.Option(metavar="GLOB", help="Logs that farmhand did not make, instead of a run's."),
    ] = None,
    failed: Annotated[
        str | None,
        typer.Option(metavar="REGEX", help="With --logs: logs with such a line do not count."),
    ] = None,
    spec: Annotated[
        str | None, typer.Option(metavar="FILE", help="A spec whose timing: names other tags.")
    ] = None,
    events: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Estimate what N events would take.")
    ] = None,
    slots: Annotated[
        int | None, typer.Option(metavar="M", min=1, help="With --events: jobs at a time.")
    ] = None,
    per_job: Annotated[
        int | None,
        typer.Option(
            metavar="K",
            min=1,
            help="Events of each job to come (default: as large as those that ran), and with "
            "--logs of those that ran.",
        ),
    ] = None,
    plot: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Draw times and jobs at once: .svg, .png or .pdf."),
    ] = None,
    out_md: Annotated[
        str | None, typer.Option("--out-md", metavar="FILE", help="Write the summary as Markdown.")
    ] = None,
    out_csv: Annotated[
        str | None, typer.Option("--out-csv", metavar="FILE", help="Write the summary as a table.")
    ] = None,
    out_json: Annotated[
        str | None, typer.Option("--out-json", metavar="FILE", help="Write the summary as JSON.")
    ] = None,
    csv: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write a table with a row for each job.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Say how long jobs took, in all and by phase.

    Mean, median, least, most, spread, and per event. A phase lies between two lines of a job's
    log: START -- and END -- (total), START DST -- and END DST --, START EVAL -- and END EVAL --, or
    what timing: in the spec names. Each line ends with a time in seconds since the epoch. Without
    such lines the total is the wall time that jobs recorded.

    Failed and unfinished jobs do not count; they are listed with the reason. Exit code 1 when no
    job counts.
    """
    ask = _ask(events, slots, per_job, has_logs=bool(logs))
    kind = "" if plot is None else plot_format(plot)
    phases = None if spec is None else phases_of(spec)
    if logs:
        title, jobs = _of_logs([*logs, *(run or ())], phases, failed, per_job)
    else:
        title, jobs = _of_run(run or (), manifest, out_dir, phases, failed)
    found = timing(jobs)
    guess = None if ask is None else _estimate(found, ask)
    for path, data in (
        (out_md, timing_markdown(found, guess, title).encode()),
        (out_csv, timing_csv(found).encode()),
        (out_json, _json({"title": title, **timing_json(found, guess)})),
        (csv, jobs_csv(found).encode() if csv else b""),
        (plot, draw(found, _caption(title, found), kind) if plot else b""),
    ):
        if path is not None:
            write_whole(path, data)
            say(f"written: {short_path(os.path.abspath(path))}")
    if as_json:
        give_json({"title": title, **timing_json(found, guess), "rows": job_rows(found)})
    else:
        for line in timing_text(found, guess, shutil.get_terminal_size().columns):
            give(line)
    if not found.counted:
        raise typer.Exit(1)


def _ask(
    events: int | None, slots: int | None, per_job: int | None, *, has_logs: bool
) -> Ask | None:
    if (events is None) != (slots is None):
        given, other = ("--events N", "--slots M") if slots is None else ("--slots M", "--events N")
        raise UserError(
            f"{given} says only half of what an estimate needs", hint=f"give {other}, too"
        )
    if events is None or slots is None:
        if per_job is not None and not has_logs:
            raise UserError("--per-job is for an estimate", hint="give --events and --slots, too")
        return None
    if has_logs and per_job is None:
        raise UserError(
            "how many events these logs are of is not known", hint="say it with --per-job K"
        )
    return Ask(events, slots, per_job)


def _of_logs(
    patterns: Sequence[str],
    phases: Mapping[str, Phase] | None,
    failed: str | None,
    events: int | None,
) -> tuple[str, list[TimedJob]]:
    pattern(failed)
    jobs = jobs_of_logs(patterns, phases, failed, events)
    return f"{len(jobs):,} logs", jobs


def _of_run(
    runs: Sequence[str],
    manifest: str | None,
    out_dir: str,
    phases: Mapping[str, Phase] | None,
    failed: str | None,
) -> tuple[str, list[TimedJob]]:
    if len(runs) > 1:
        raise UserError(f"{len(runs)} runs were named", hint="name one run at a time")
    if failed is not None:
        raise UserError(
            "--failed goes with --logs: which jobs of a run failed is known",
            hint="in the spec, logs: {stdout: {forbid: REGEX}} makes such a job a failed one",
        )
    folder, path = find_run(runs[0] if runs else None, manifest, out_dir, writes=False)
    gathered = gather(folder, path)
    return gathered.manifest.header.run_id, jobs_of_run(gathered, phases)


def _estimate(found: Timing, ask: Ask) -> Estimate | None:
    counted = [job for job in found.jobs if job.seconds(TOTAL) is not None]
    times = sizes_and(counted, lambda job: job.seconds(TOTAL))
    outputs = sizes_and(counted, lambda job: job.output)
    made = estimate(times, outputs, ask.events, ask.slots, ask.per_job)
    if made is None and counted:
        raise UserError(
            "nothing can be estimated: how many events these jobs did is not known",
            hint="split the work by events, or read the logs with --logs and say --per-job",
        )
    return made


def _caption(title: str, found: Timing) -> str:
    return f"{title}: {headline(found)}"


def _json(data: dict[str, Any]) -> bytes:
    return orjson.dumps(data, option=orjson.OPT_INDENT_2) + b"\n"
