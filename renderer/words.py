"""``{{ }}`` in the texts of a spec: parsed once, checked at once, rendered a block at a time.

Jinja is reached only through its syntax tree. A text is cut into pieces: literal text,
run-time variables (``inputs.x``, ``outputs.x``, ``attempt.dir``: shell variables, because their
value is known only where the job runs) and expressions. Expressions that do not depend on the
shard are rendered once; the varying words of all texts are composed into one template that
renders a whole block of shards in a single call.
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
from manifest.spec import MAX_WORD_BYTES
from renderer.shell_words import sh

RUNTIME = ("inputs", "outputs", "attempt")
# A NUL cannot stand in a spec, so nobody can write these: only {{ }} is left of Jinja.
_NUL = "\0"
_CR = "\0r"  # Jinja's lexer turns every kind of line end into one; this brings \r through it

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


@dataclass(frozen=True, slots=True)
class Runtime:
    """A variable of the running job, such as ``outputs.result``."""

    space: str
    name: str


@dataclass(frozen=True, slots=True)
class Expression:
    """A Jinja expression over the fields of a shard, not yet rendered."""

    node: nodes.Expr


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

    def __init__(self, spaces: Mapping[str, Sequence[str]], constants: Mapping[str, Any]) -> None:
        """Take the known fields by space, and the values of those that are the same everywhere."""
        self.spaces = spaces
        self.constants = constants


def parse_word(text: str, where: str, names: Names) -> Word:
    """Cut one text into pieces; constant expressions are rendered at once.

    Raises:
        UserError: a syntax error, an unknown name, or a run-time variable inside an expression.
    """
    if "{{" not in text:
        return Word(where, (text,) if text else ())
    try:
        tree = ENVIRONMENT.parse(text.replace("\r", _CR))
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
    return Word(where, _joined(pieces))


def _piece(node: nodes.Node, text: str, where: str, names: Names) -> Piece:
    if isinstance(node, nodes.TemplateData):
        return node.data.replace(_CR, "\r")
    if not isinstance(node, nodes.Expr):
        raise UserError(f"{text!r}: only {{{{ … }}}} is understood", where=where)
    runtime = _runtime(node)
    if runtime:
        _known(runtime.space, runtime.name, where, names)
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
        _known(access.space, access.name, where, names)
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
        return _compile(template).render(names.constants).replace(_CR, "\r")
    except _FAULTS as error:
        raise UserError(f"{text!r} cannot be rendered: {error}", where=where) from error


def _accesses(node: nodes.Expr) -> Iterable[Runtime]:
    own = [node] if isinstance(node, nodes.Getattr | nodes.Getitem) else []
    for access in [*own, *node.find_all((nodes.Getattr, nodes.Getitem))]:
        found = _field(access)
        if found:
            yield found


def _field(node: nodes.Node) -> Runtime | None:
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
    found = _field(node)
    return found if found and found.space in RUNTIME else None


def _known(space: str, name: str, where: str, names: Names) -> None:
    fields = names.spaces.get(space, ())
    if name in fields:
        return
    guess = nearest(name, fields)
    hint = f"declare it under {space}:" if space in ("inputs", "outputs") else None
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


def _compile(tree: nodes.Template) -> jinja2.Template:
    tree.set_environment(ENVIRONMENT)
    code = ENVIRONMENT.compile(tree)
    return jinja2.Template.from_code(ENVIRONMENT, code, {})


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of a word that varies from shard to shard, free of run-time variables."""

    where: str
    pieces: tuple[str | Expression, ...]


class Segments:
    """The varying stretches of all words; each becomes a positional parameter of the payload."""

    def __init__(self, spell: Mapping[Runtime, str]) -> None:
        """``spell`` says how each run-time variable is written in shell."""
        self.spell = dict(spell)
        self.found: list[Segment] = []

    def shell_word(self, word: Word) -> str:
        """Return a word as shell text; what varies in it is ``"${n}"``, counted from 1."""
        parts: list[str] = []
        text: list[str | Expression] = []
        for piece in (*word.pieces, None):
            if isinstance(piece, str | Expression):
                text.append(piece)
                continue
            if any(isinstance(part, Expression) for part in text):
                self.found.append(Segment(word.where, tuple(text)))
                parts.append(f'"${{{len(self.found)}}}"')
            else:
                parts.extend(quoted(str(part), word.where) for part in text)
            text.clear()
            if piece is not None:
                parts.append(self.spell[piece])
        return "".join(parts) or "''"


def quoted(text: str, where: str) -> str:
    """Return ``sh(text)``, refusing what no process can be given.

    Raises:
        UserError: a NUL, or more bytes than execve(2) takes in one argument.
    """
    try:
        return _sh(text)
    except ValueError as error:
        raise UserError(f"{where}: {error}", where=where) from error


def _sh(value: object) -> str:
    text = str(value).replace(_CR, "\r")
    if "\0" in text:
        message = "a NUL character cannot be part of an argument"
        raise ValueError(message)
    if len(text) * 4 > MAX_WORD_BYTES and len(text.encode("utf-8", "surrogateescape")) > (
        MAX_WORD_BYTES
    ):
        message = (
            f"an argument of {len(text.encode(errors='surrogateescape')):,} bytes; Linux takes at "
            f"most {MAX_WORD_BYTES:,} in one: put it into a file and declare that under inputs:"
        )
        raise ValueError(message)
    return sh(text)


ENVIRONMENT.filters["sh"] = _sh

_FAULTS = (
    jinja2.TemplateError,
    TypeError,
    ValueError,
    ArithmeticError,
    LookupError,
    MemoryError,
    RecursionError,
)
_FIELDS = ("head", "shard", "part", "work", "params")
BlockRow = tuple[str, Any, Any, Any, Any]
"""Ready text that begins the line, then the fields shard.*, part.*, work.* and params.*."""


class BlockTemplate:
    """All varying segments as one template over the rows of a block."""

    def __init__(self, segments: Sequence[Segment], *, quote: bool = True) -> None:
        """Compose ``segments``: one blank before each, quoted for bash when asked."""
        self._segments = segments
        self._quote = quote
        body: list[nodes.Node] = [nodes.Output([nodes.Name("head", "load")])]
        blank = " " if quote else ""
        body += [
            nodes.Output([nodes.TemplateData(blank), self._text(segment)]) for segment in segments
        ]
        body.append(nodes.Output([nodes.TemplateData("\n")]))
        target = nodes.Tuple([nodes.Name(name, "store") for name in _FIELDS], "store")
        loop = nodes.For(target, nodes.Name("rows", "load"), body, [], None, False)
        self._template = _compile(nodes.Template([loop], lineno=1))

    def _text(self, segment: Segment) -> nodes.Expr:
        parts = [
            _indexed(piece.node) if isinstance(piece, Expression) else nodes.Const(piece)
            for piece in segment.pieces
        ]
        value = parts[0] if len(parts) == 1 else nodes.Concat(parts)
        return nodes.Filter(value, "sh", [], [], None, None) if self._quote else value

    def render(self, rows: Iterable[BlockRow]) -> str:
        """Return one line a shard: its head, then the varying words.

        Raises:
            UserError: an expression fails for a shard; the message names the word and the shard.
        """
        held = list(rows)
        try:
            return self._template.render(rows=held)
        except _FAULTS:
            self._name_the_culprit(held)
            raise

    def _name_the_culprit(self, held: list[BlockRow]) -> None:
        for segment in self._segments:
            single = BlockTemplate([segment], quote=self._quote)
            for row in held:
                try:
                    single._template.render(rows=[row])
                except _FAULTS as error:
                    raise UserError(
                        f"{segment.where} cannot be rendered for shard {row[1]['index']}: {error}",
                        where=segment.where,
                    ) from error


def _indexed(node: nodes.Expr) -> nodes.Expr:
    """Return ``space.name`` as ``space['name']``: the sandbox checks attributes, and slowly."""
    found = _field(node)
    if found:
        return nodes.Getitem(nodes.Name(found.space, "load"), nodes.Const(found.name), "load")
    return node
