"""``farmhand doctor``: what this site offers, and what would go wrong here."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Annotated

import typer

from farmhand.doctor_clients import look_at_clients
from farmhand.doctor_findings import Finding
from farmhand.doctor_host import look_at_directory, look_at_tools
from farmhand.doctor_htcondor import look_at_htcondor
from farmhand.doctor_lsf import look_at_lsf
from farmhand.doctor_profile import look_at_profile, write_profile
from farmhand.doctor_slurm import Measured, look_at_slurm
from farmhand.doctor_tickets import look_at_tickets
from farmhand.locate import JsonOption, OutDirOption
from farmhand.preflight import CommandOption, OutOption, TimeoutOption, look_at_hosts
from farmhand.talk import give, give_json
from manifest.errors import Refusal, UserError
from runners.filesystem import filesystem_of


def verb(
    run: Annotated[
        str | None,
        typer.Argument(
            metavar="RUN",
            help="Run directory whose filesystem to look at. Default: --out-dir.",
            show_default=False,
        ),
    ] = None,
    out_dir: OutDirOption = "runs",
    write: Annotated[
        bool, typer.Option("--write", help="Write what the scheduler says into the site profile.")
    ] = False,
    hosts: Annotated[
        str | None,
        typer.Option("--hosts", metavar="FILE", help="Look at these hosts over SSH instead."),
    ] = None,
    out: OutOption = None,
    command: CommandOption = None,
    timeout: TimeoutOption = 20,
    as_json: JsonOption = False,
) -> None:
    """Say what this site offers: scheduler, limits, filesystem, tickets; or what hosts offer.

    ok is fine; BAD will go wrong; -- is not here, or good to know. Exit code 1 when anything is
    BAD, or no host answers. Nothing is submitted and, without --write, nothing is written.
    """
    if hosts is not None:
        look_at_hosts(hosts, out, command, timeout, out_dir, as_json=as_json)
        return
    measured = Measured()
    findings = []
    for finding in _look(_directory(run, out_dir), run, measured):
        findings.append(finding)
        if not as_json:
            give(finding.line())
    path = write_profile(measured.slurm, measured.lsf) if write else None
    if as_json:
        give_json(
            {
                "findings": [
                    {"mark": each.mark, "about": each.about, "text": each.text} for each in findings
                ],
                "slurm": measured.slurm.model_dump() if measured.slurm else None,
                "lsf": measured.lsf.model_dump() if measured.lsf else None,
                "written": path,
            }
        )
    wrong = sum(finding.mark == "BAD" for finding in findings)
    if wrong:
        raise Refusal(
            f"{wrong} of {len(findings)} findings are BAD", hint="see the lines marked BAD"
        )


def _look(directory: str, run: str | None, measured: Measured) -> Iterator[Finding]:
    yield from look_at_tools()
    yield from look_at_slurm(measured)
    yield from look_at_htcondor(filesystem_of(directory))
    yield from look_at_lsf(measured)
    yield look_at_profile(measured.slurm, measured.lsf)
    there = measured.slurm is not None or measured.lsf is not None
    yield from look_at_directory(directory, scheduler=there)
    yield from look_at_tickets(filesystem_of(directory))
    yield from look_at_clients(run)


def _directory(run: str | None, out_dir: str) -> str:
    """Return the directory to look at: the one named, or where the next run would lie.

    Raises:
        UserError: the one named does not exist.
    """
    path = os.path.abspath(out_dir if run is None else run)
    if run is not None and not os.path.exists(path):
        raise UserError("there is no such run", where=path)
    while not os.path.isdir(path):
        path = os.path.dirname(path)
    return path
