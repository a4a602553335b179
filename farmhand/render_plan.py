"""``farmhand plan``: the old word for ``render --dry-run``."""

from __future__ import annotations

from typing import Annotated

import typer

from farmhand.locate import JsonOption
from farmhand.render import SpecArgument, show_split
from farmhand.spec_source import read_source
from farmhand.tell_split import tell_split
from renderer.plan import make_plan


def verb(
    ctx: typer.Context,
    spec: SpecArgument = None,
    sets: Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE")] = None,
    as_json: JsonOption = False,
) -> None:
    """Show how the work would be split; the same as render --dry-run."""
    source = read_source(spec, ctx.obj["words"], sets or [], {})
    plan = make_plan(source.spec, source.base)
    tell_split(plan)
    show_split(plan, as_json=as_json)
