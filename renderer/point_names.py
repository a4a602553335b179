"""Names of points read back: a name says which values were passed, to the last digit."""

from __future__ import annotations

import re
from collections.abc import Mapping

from jinja2 import nodes

from manifest import point_text
from manifest.errors import UserError
from manifest.points import told
from renderer.words import ENVIRONMENT, Expression, Word, field_of

ENVIRONMENT.filters["p"] = point_text.spelled
_SPACE = "point"


class NameReader:
    """Reads names that a pattern has made."""

    def __init__(self, pattern: Word) -> None:
        """Take a pattern in which parameters stand as ``point.NAME`` or ``point.NAME | p``.

        Raises:
            UserError: a parameter stands there otherwise.
        """
        self._fields: list[tuple[str, bool]] = []
        text = ""
        for piece in pattern.pieces:
            if not isinstance(piece, Expression):
                text += re.escape(str(piece))
                continue
            field = _parameter(piece.node)
            text += f"({point_text.PATTERN})" if field and field[1] else "(.+)" if field else ".+"
            self._fields += [field] if field else []
        self._expression = re.compile(text, re.DOTALL)

    @property
    def names(self) -> list[str]:
        """Return the parameters that names tell."""
        return [name for name, _ in self._fields]

    def read(self, name: str) -> dict[str, str] | None:
        """Return the values that a name tells, by parameter; None: it is not of this pattern."""
        match = self._expression.fullmatch(name)
        if match is None:
            return None
        values: dict[str, str] = {}
        for (parameter, spelled), text in zip(self._fields, match.groups(), strict=True):
            value = point_text.read(text) if spelled else text
            if values.setdefault(parameter, value) != value:
                return None
        return values

    def check(self, name: str, point: Mapping[str, str]) -> None:
        """Make sure that a name reads back as the point it was made for.

        Raises:
            UserError: it does not.
        """
        found = self.read(name)
        if found is not None and found.items() <= point.items():
            return
        other = told(found) if found else "another point"
        raise UserError(
            f"'{name}', the name of {told(point)}, does not read back: it could as well be {other}",
            where="shard_name",
            hint="put something between the parameters that is in none of their values",
        )


def _parameter(node: nodes.Expr) -> tuple[str, bool] | None:
    """Return the parameter that an expression is, and whether it is spelled by ``p``."""
    plain = isinstance(node, nodes.Filter) and node.name == "p" and not (node.args or node.kwargs)
    inner = node.node if plain and isinstance(node, nodes.Filter) else node
    field = field_of(inner) if inner is not None else None
    if field and field.space == _SPACE:
        return field.name, plain
    for name in [node] if isinstance(node, nodes.Name) else node.find_all(nodes.Name):
        if name.name == _SPACE:
            raise UserError(
                "a name has to read back as the very values that are passed, and what is computed "
                "from them does not",
                where="shard_name",
                hint="write {{ point.NAME }}, or {{ point.NAME | p }}: 2.6 as 2p6, -1.5 as m1p5",
            )
    return None
