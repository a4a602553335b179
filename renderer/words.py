"""``{{ }}`` in the texts of a spec: parsed once, and checked at once.

Jinja is reached only through its syntax tree. A text is cut into pieces: literal text,
run-time variables (``inputs.x``, ``outputs.x``, ``attempt.dir``: shell variables, because their
value is known only where the job runs) and expressions. Expressions that do not depend on the
shard are rendered once; the others wait for ``renderer.block_template``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jinja2
from jinja2 import nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from manifest.errors import UserError
from manifest.nearest import nearest

RUNTIME = ("inputs", "outputs", "chunk", "items", "attempt", "bundle")
# A NUL cannot stand in a spec, so nobody can write these: only {{ }} is left of Jinja.
_NUL = "\0"
CR = "\0r"  # Jinja's lexer turns every kind of line end into one; this brings \r through it

ENVIRONMENT = ImmutableSandboxedEnvironment(
    undefined=jinja2.StrictUndefined,
    block_start_string=_NUL + "{%",
    block_end_string="%}" + _NUL,
    comment_start_string=_NUL + "{#",
    comment_end_string="#}" + _NUL,
    keep_trailing_newline=True,
    autoescape=False,  # the output is an argument, not a web page
    cache_size=0,
)

FAULTS = (
    jinja2.TemplateError,
    TypeError,
    ValueError,
    ArithmeticError,
    LookupError,
    MemoryError,
    RecursionError,
)
"""What a template of the user's can raise."""


@dataclass(frozen=True, slots=True)
class Runtime:
    """A variable of the running job, such as ``outputs.result``."""

    space: str
    name: str


@dataclass(frozen=True, slots=True)
class Expression:
    """A Jinja expression over the fields of a shard, not yet rendered."""

    node: nodes.Expr


SEVERAL = {
    Runtime("chunk", "files"): (
        "file",
        "{{ chunk.comma }}: the names with commas between, or {{ chunk.list }}: a file of them",
    ),
    Runtime("items", "each"): ("item", "{{ items.list }}: a file with one item a line"),
}
"""Variables that become several words: one for each of what, and what to use instead."""

Piece = str | Runtime | Expression


@dataclass(frozen=True, slots=True)
class Word:
    """One text of the spec, cut into pieces."""

    where: str
    """Its place in the spec, for messages: ``command[3]``."""
    pieces: tuple[Piece, ...]

    @property
    def varies(self) -> bool:
        """Say whether it differs from shard to shard."""
        return any(isinstance(piece, Expression) for piece in self.pieces)


class Names:
    """The names that a text may use."""

    def __init__(
        self,
        spaces: Mapping[str, Sequence[str]],
        constants: Mapping[str, Any],
        absent: Mapping[tuple[str, str], str] | None = None,
    ) -> None:
        """Take the known fields by space, and the values of those that are the same everywhere.

        ``absent`` says of fields that might be there what to do to have them.
        """
        self.spaces = spaces
        self.constants = constants
        self.absent = absent or {}


def parse_word(text: str, where: str, names: Names) -> Word:
    """Cut one text into pieces; constant expressions are rendered at once.

    Raises:
        UserError: a syntax error, an unknown name, or a run-time variable inside an expression.
    """
    if "{{" not in text:
        return Word(where, (text,) if text else ())
    try:
        tree = ENVIRONMENT.parse(text.replace("\r", CR))
    except RecursionError as error:
        raise UserError("brackets nest too deep to be read", where=where) from error
    except jinja2.TemplateSyntaxError as error:
        raise UserError(
            f"{text!r} is not a template farmhand can read: {error.message}",
            where=where,
            hint="only {{ … }} is special; write {{ '{{' }} for two literal braces",
        ) from error
    pieces: list[Piece] = []
    for output in tree.body:
        parts = output.nodes if isinstance(output, nodes.Output) else [output]
        pieces += [_piece(node, text, where, names) for node in parts]
    joined = _joined(pieces)
    for piece in joined if len(joined) > 1 else ():
        if isinstance(piece, Runtime) and piece in SEVERAL:
            what, instead = SEVERAL[piece]
            raise UserError(
                f"{{{{ {piece.space}.{piece.name} }}}} becomes one word for each {what}, "
                "so nothing may stand beside it",
                where=f"{where}: {text!r}",
                hint=f"make it a word of its own, or use {instead}",
            )
    return Word(where, joined)


def _piece(node: nodes.Node, text: str, where: str, names: Names) -> Piece:
    if isinstance(node, nodes.TemplateData):
        return node.data.replace(CR, "\r")
    if not isinstance(node, nodes.Expr):
        raise UserError(f"{text!r}: only {{{{ … }}}} is understood", where=where)
    runtime = _runtime(node)
    if runtime:
        refuse_unknown(runtime, where, names)
        return runtime
    varies = False
    for name in node.find_all(nodes.Name) if not isinstance(node, nodes.Name) else [node]:
        if name.name not in names.spaces:
            guess = nearest(name.name, names.spaces)
            raise UserError(
                f"'{name.name}' is not defined" + (f"; did you mean '{guess}'?" if guess else ""),
                where=f"{where}: {text!r}",
                hint="known are " + ", ".join(f"{s}.*" for s in names.spaces),
            )
        if name.name in RUNTIME:
            raise UserError(
                f"{name.name}.* is known only when the job runs, so it cannot be filtered "
                "or combined inside {{ }}",
                where=f"{where}: {text!r}",
                hint=f"write it alone, as {{{{ {name.name}.NAME }}}}, next to other text",
            )
        varies = varies or name.name not in names.constants
    for access in _accesses(node):
        refuse_unknown(access, where, names)
    _refuse_unknown_filters(node, text, where)
    if varies:
        return Expression(node)
    return _evaluate(node, text, where, names)


def _refuse_unknown_filters(node: nodes.Expr, text: str, where: str) -> None:
    own = [node] if isinstance(node, nodes.Filter | nodes.Test) else []
    for use in [*own, *node.find_all((nodes.Filter, nodes.Test))]:
        kind = "filter" if isinstance(use, nodes.Filter) else "test"
        known = ENVIRONMENT.filters if kind == "filter" else ENVIRONMENT.tests
        if use.name not in known:
            guess = nearest(use.name, known)
            more = f"; did you mean '{guess}'?" if guess else ""
            raise UserError(
                f"there is no {kind} '{use.name}'{more}",
                where=f"{where}: {text!r}",
            )


def _evaluate(node: nodes.Expr, text: str, where: str, names: Names) -> str:
    template = nodes.Template([nodes.Output([node])], lineno=1)
    try:
        return compile_tree(template).render(names.constants).replace(CR, "\r")
    except FAULTS as error:
        raise UserError(f"{text!r} cannot be rendered: {error}", where=where) from error


def _accesses(node: nodes.Expr) -> Iterable[Runtime]:
    own = [node] if isinstance(node, nodes.Getattr | nodes.Getitem) else []
    for access in [*own, *node.find_all((nodes.Getattr, nodes.Getitem))]:
        found = field_of(access)
        if found:
            yield found


def field_of(node: nodes.Node) -> Runtime | None:
    """Return ``space.name`` or ``space['name']`` as what it names, anything else as None."""
    if isinstance(node, nodes.Getattr) and isinstance(node.node, nodes.Name):
        return Runtime(node.node.name, node.attr)
    if (
        isinstance(node, nodes.Getitem)
        and isinstance(node.node, nodes.Name)
        and isinstance(node.arg, nodes.Const)
        and isinstance(node.arg.value, str)
    ):
        return Runtime(node.node.name, node.arg.value)
    return None


def _runtime(node: nodes.Expr) -> Runtime | None:
    found = field_of(node)
    return found if found and found.space in RUNTIME else None


def refuse_unknown(field: Runtime, where: str, names: Names) -> None:
    """Refuse a field that is not among the names.

    Raises:
        UserError: it is not; with what to do about it.
    """
    space, name = field.space, field.name
    fields = names.spaces.get(space, ())
    if name in fields:
        return
    hint = names.absent.get((space, name))
    guess = None if hint else nearest(name, fields)
    if space in ("inputs", "outputs", "bundle"):
        hint = f"declare it under {space}:"
    raise UserError(
        f"{space}.{name} is not defined" + (f"; did you mean {space}.{guess}?" if guess else ""),
        where=where,
        hint=hint or f"known are {', '.join(f'{space}.{field}' for field in fields) or 'none'}",
    )


def _joined(pieces: Iterable[Piece]) -> tuple[Piece, ...]:
    joined: list[Piece] = []
    for piece in pieces:
        if isinstance(piece, str) and joined and isinstance(joined[-1], str):
            joined[-1] += piece
        elif piece != "":
            joined.append(piece)
    return tuple(joined)


def compile_tree(tree: nodes.Template) -> jinja2.Template:
    """Return a template made from a syntax tree."""
    tree.set_environment(ENVIRONMENT)
    code = ENVIRONMENT.compile(tree)
    return jinja2.Template.from_code(ENVIRONMENT, code, {})
