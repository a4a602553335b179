"""The command line: verbs by name, imported only when they are used.

``farmhand --help`` has to answer in a tenth of a second, so this module imports nothing but Typer,
and each verb lives in a module of its own.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, NoReturn

import typer

from farmhand import __version__
from farmhand.boundary import guarded
from farmhand.named import NamedGroup
from manifest.errors import UserError


@dataclass(frozen=True, slots=True)
class Verb:
    """One verb: the module that holds its function, and one line about it."""

    module: str
    about: str
    hidden: bool = False
    function: str = "verb"
    """Or the Typer app of a verb that has verbs of its own."""


VERBS = {
    "init": Verb("init", "Write a commented spec to start from."),
    "render": Verb("render", "Render a spec into a run directory with everything to submit."),
    "submit": Verb("submit", "Submit what is not submitted yet, each job exactly once."),
    "run": Verb("run", "Run a run's shards on this machine, or on its hosts."),
    "collect": Verb("collect", "Gather records and outputs into the manifest."),
    "check": Verb("check", "Say what is wrong with which shards, and why."),
    "resubmit": Verb("resubmit", "Render the bad shards again, with more of what they lacked."),
    "merge": Verb("merge", "Merge the outputs, with a proof that nothing is missing."),
    "status": Verb("status", "Count the shards by state."),
    "show": Verb("show", "Show everything known about one shard."),
    "doctor": Verb("doctor", "Say what this site offers, and what would go wrong."),
    "report": Verb(
        "report", "Write a page about a run, or say how long its jobs took.", function="app"
    ),
    "sweep": Verb("sweep", "Say how work scales with the number of shards.", function="app"),
    "schema": Verb("schema", "Print the JSON Schema of the spec."),
    "plan": Verb("render_plan", "Show the split (render --dry-run).", hidden=True),
    "ssh": Verb("run", "Run a run's shards on its hosts (run).", hidden=True),
    "preflight": Verb("preflight", "Look at hosts (doctor --hosts).", hidden=True),
    "timing": Verb("report_timing", "Say how long jobs took (report timing).", hidden=True),
}


_ONE_LINERS = ("render", "plan")  # verbs that take a command after two dashes


class VerbGroup(NamedGroup):
    """The verbs of the table above, loaded on demand."""

    noun = "verb"

    def names(self) -> Collection[str]:
        """Return the names of all verbs, shown in help or not."""
        return VERBS

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ANN401, ARG002 (Typer's interface)
        """Return the verbs that help shows."""
        return [name for name, verb in VERBS.items() if not verb.hidden]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ANN401, ARG002 (as above)
        """Import a verb and return its command, or None."""
        verb = VERBS.get(cmd_name)
        if verb is None:
            return None
        module = importlib.import_module(f"farmhand.{verb.module}")
        made = getattr(module, verb.function)
        if isinstance(made, typer.Typer):
            return typer.main.get_command(made)
        app = typer.Typer(add_completion=False, rich_markup_mode=None)
        app.command(cmd_name, hidden=verb.hidden)(made)
        return typer.main.get_command(app)

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401 (as above)
        """List the verbs without importing them."""
        with formatter.section("Verbs"):
            formatter.write_dl([(name, VERBS[name].about) for name in self.list_commands(ctx)])


def _show_version(value: bool) -> None:
    if value:
        typer.echo(f"farmhand {__version__}")
        raise typer.Exit


_app = typer.Typer(cls=VerbGroup, add_completion=False, rich_markup_mode=None)


@_app.callback(no_args_is_help=True, subcommand_metavar="VERB [ARGS]...")
def _root(
    version: bool = typer.Option(
        False, "--version", callback=_show_version, is_eager=True, help="Print the version."
    ),
) -> None:
    """Render batch scripts, submit them by hand, collect the truth.

    A spec becomes a run directory with a manifest and scripts (render); you submit those; then
    farmhand gathers what came back (collect), says what is wrong and why (check), renders the
    bad shards again (resubmit) and merges the outputs with a proof of completeness (merge).

    Exit codes: 0 yes; 1 the answer is no; 2 asked wrongly; 3 a bug; 130 interrupted.
    """
    del version


def _dispatch(args: list[str]) -> NoReturn:
    words: list[str] = []
    typed = ["farmhand", *args]
    if "--" in args and args[0] in _ONE_LINERS:  # no option parser may see the user's own command
        cut = args.index("--")
        args, words = args[:cut], args[cut + 1 :]
        if not words:
            guarded(_refuse_no_command)
    known = {"words": words, "typed": typed}
    guarded(lambda: typer.main.get_command(_app)(args, prog_name="farmhand", obj=known))


def _refuse_no_command() -> NoReturn:
    raise UserError(
        "no command follows the two dashes",
        hint="write for example: farmhand render --shards 4 -- python run.py",
    )


def main() -> NoReturn:
    """Run ``farmhand``."""
    _dispatch(sys.argv[1:])


def render() -> NoReturn:
    """Run ``render``: short for ``farmhand render``."""
    _dispatch(["render", *sys.argv[1:]])


def collect() -> NoReturn:
    """Run ``collect``: short for ``farmhand collect``."""
    _dispatch(["collect", *sys.argv[1:]])
