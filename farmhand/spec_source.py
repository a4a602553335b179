"""Where a spec comes from: a file, stdin, Python, or a one-liner without any file."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from farmhand.python_source import read_python
from farmhand.talk import say
from manifest.assignments import apply_set, parse_set
from manifest.document import Document, read_document
from manifest.errors import UserError
from manifest.loading import load_spec
from manifest.names import SAFE
from manifest.spec import Spec
from renderer.literal_words import input_name, names_file

DEFAULT_SPEC = "farmhand.yaml"


@dataclass(frozen=True, slots=True)
class Source:
    """A spec, and the directory that its paths are relative to."""

    spec: Spec
    base: str
    data: Any
    """The document behind it."""


def read_source(
    path: str | None, words: Sequence[str], sets: Sequence[str], extra: dict[str, str]
) -> Source:
    """Read the spec that a command line means.

    Args:
        path: a file (``.py``: a configuration in Python), ``-`` for JSON or YAML on stdin, or None
            for the default.
        words: the command of a one-liner, empty without one.
        sets: ``key=value`` texts, applied last.
        extra: further keys from options (``shards``).

    Raises:
        UserError: cannot be read, or is wrong.
    """
    if words and path is not None:
        raise UserError(
            "a spec file and a command after -- exclude each other",
            where=path,
            hint="put the command into the spec, or leave the file out",
        )
    document, base = _one_liner(words, extra) if words else _file(path)
    data = document.data
    if not words:
        for key, value in extra.items():
            data = apply_set(data, (key,), value)
    for text in sets:
        data = apply_set(data, *parse_set(text))
    if data is not document.data:
        document = replace(document, data=data, text="")
    return Source(load_spec(document), base, data)


def _file(path: str | None) -> tuple[Document, str]:
    if path == "-":
        text = sys.stdin.buffer.read()
        return read_document(text, "stdin", fmt="json" if _is_json(text) else "yaml"), os.getcwd()
    name = path or DEFAULT_SPEC
    try:
        with open(name, "rb") as stream:
            text = stream.read()
    except OSError as error:
        raise UserError(
            f"the spec cannot be read: {error.strerror}",
            where=os.path.abspath(name),
            hint="name a spec file, or write one with: farmhand init",
        ) from error
    base = os.path.dirname(os.path.abspath(name))
    if name.lower().endswith(".py"):
        return read_python(name), base
    return read_document(text, name), base


def _is_json(text: bytes) -> bool:
    """Say whether a text is JSON: YAML reads most of it, but not its escapes beyond U+FFFF."""
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _one_liner(words: Sequence[str], extra: dict[str, str]) -> tuple[Document, str]:
    """Return the spec that a command stands for; words that name files become inputs."""
    base = os.getcwd()
    shards = extra.get("shards", "1")
    inputs: dict[str, Any] = {}
    command: list[str] = []
    for position, word in enumerate(words):
        if not word.isascii() and os.fsencode(word).decode(errors="replace") != word:
            raise UserError(
                f"word {position + 1} of the command is not UTF-8: {os.fsencode(word)!r}",
                where="the command line",
                hint="give it to the command by a file declared under inputs:",
            )
        path = names_file(word, base, first=position == 0)
        if path is not None:
            name = next((key for key, value in inputs.items() if value == path), None)
            name = name or input_name(path, list(inputs))
            inputs[name] = path
            word = word.replace(path, "{{ inputs." + name + " }}")  # noqa: PLW2901
            say(f"input: {path} lies beside you, so every job gets it as inputs.{name}")
        command.append(word)
    stem = os.path.basename(words[0])
    data: dict[str, Any] = {
        "name": stem if SAFE.fullmatch(stem) else "command",
        "work": {"count": shards},
        "shards": shards,
        "command": command,
    }
    if inputs:
        data["inputs"] = inputs
    return Document(data, "the command line"), base
