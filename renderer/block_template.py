"""What varies from shard to shard, rendered a block at a time.

The varying stretches of all words of a spec are composed into one template, from their syntax
trees, and a whole block of shards is rendered in a single call: one call a word and shard takes
ten times as long.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from jinja2 import nodes
from jinja2.visitor import NodeTransformer

from manifest.errors import UserError
from manifest.spec import MAX_WORD_BYTES
from renderer.shell_words import sh
from renderer.words import (
    CR,
    ENVIRONMENT,
    FAULTS,
    Expression,
    Runtime,
    Word,
    compile_tree,
    field_of,
)


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of a word that varies from shard to shard, free of run-time variables."""

    where: str
    pieces: tuple[str | Expression, ...]


def segment_of(word: Word) -> Segment:
    """Return a whole word without run-time variables as one segment."""
    return Segment(word.where, tuple(p for p in word.pieces if not isinstance(p, Runtime)))


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
    text = str(value).replace(CR, "\r")
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

_FIELDS = ("head", "shard", "part", "work", "params", "point")
BlockRow = tuple[str, Any, Any, Any, Any, Any]
"""Ready text that begins the line, then the fields of each of these spaces."""


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
        self._template = compile_tree(nodes.Template([loop], lineno=1))

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
        except FAULTS:
            self._name_the_culprit(held)
            raise

    def _name_the_culprit(self, held: list[BlockRow]) -> None:
        for segment in self._segments:
            single = BlockTemplate([segment], quote=self._quote)
            for row in held:
                try:
                    single._template.render(rows=[row])
                except FAULTS as error:
                    raise UserError(
                        f"{segment.where} cannot be rendered for shard {row[1]['index']}: {error}",
                        where=segment.where,
                    ) from error


class _Indexer(NodeTransformer):
    """``space.name`` becomes ``space['name']``: a parameter may be called ``values`` or ``items``.

    (The sandbox checks attributes, too, and slowly.)
    """

    def visit_Getattr(self, node: nodes.Getattr) -> nodes.Node:  # noqa: N802 (jinja2's name)
        found = field_of(node)
        if found:
            return nodes.Getitem(nodes.Name(found.space, "load"), nodes.Const(found.name), "load")
        return self.generic_visit(node)


def _indexed(node: nodes.Expr) -> nodes.Expr:
    changed: nodes.Expr = _Indexer().visit(deepcopy(node))
    return changed
