"""``farmhand sweep``: how many shards are worth it, one module a verb."""

from __future__ import annotations

import typer

from farmhand import sweep_collect, sweep_merge, sweep_render, sweep_submit, sweep_summarize
from farmhand.named import NamedGroup


class SweepGroup(NamedGroup):
    """The verbs of a sweep by name."""

    noun = "sweep verb"


app = typer.Typer(cls=SweepGroup, add_completion=False, rich_markup_mode=None)
app.command("render")(sweep_render.verb)
app.command("submit")(sweep_submit.verb)
app.command("collect")(sweep_collect.verb)
app.command("merge")(sweep_merge.verb)
app.command("summarize")(sweep_summarize.verb)


@app.callback(no_args_is_help=True, subcommand_metavar="VERB [ARGS]...")
def _sweep() -> None:
    """Run the same work in several numbers of shards, and say how it scales.

    sweep render writes the runs, sweep submit runs them one after the other, sweep summarize says
    what came of it. sweep collect and sweep merge do by hand what submit does as each run ends.
    """
