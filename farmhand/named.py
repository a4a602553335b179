"""Commands that go by a name: an unknown one is answered with the nearest."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from typer.core import TyperGroup

from manifest.errors import UserError
from manifest.nearest import nearest


class NamedGroup(TyperGroup):
    """A group whose commands are all known by name."""

    noun = "report"

    def names(self) -> Collection[str]:
        """Return the names of all commands, shown in help or not."""
        return self.commands

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:  # noqa: ANN401 (Typer's interface)
        """Return the command that is meant; of an unknown one say the nearest."""
        if args and args[0] not in self.names() and not args[0].startswith("-"):
            guess = nearest(args[0], self.names())
            raise UserError(
                f"there is no {self.noun} '{args[0]}'"
                + (f"; did you mean '{guess}'?" if guess else ""),
                hint=f"{self.noun}s are {', '.join(self.list_commands(ctx))}",
            )
        return super().resolve_command(ctx, args)
