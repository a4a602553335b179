"""A spec from a configuration in Python, with the lines that made its parts."""

from __future__ import annotations

import json
import os
import signal
from dataclasses import dataclass, field
from typing import Any

from farmhand.talk import say, short_path, warn
from manifest.document import Document
from manifest.errors import UserError
from runners.python_config import ConfigAnswer, run_config

_SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "python_process.py")
_PATIENCE_S = 10.0


@dataclass(frozen=True)
class PythonDocument(Document):
    """A document whose components were made somewhere: ``file:line`` by name."""

    made: dict[str, str] = field(default_factory=dict, compare=False)

    def where(self, loc: tuple[str | int, ...]) -> str:
        """Return ``file:line: a.b.0``, the line being the one that made the component."""
        name = str(loc[1]) if loc[:1] == ("components",) and len(loc) > 1 else ""
        return Document(self.data, self.made.get(name, self.source)).where(loc)


def read_python(path: str) -> PythonDocument:
    """Run a configuration and return the spec it defines.

    Raises:
        UserError: it cannot be read, does not come to its end, or defines no spec.
    """
    shown = short_path(os.path.abspath(path))
    answer = run_config(
        _SCRIPT,
        os.path.abspath(path),
        _PATIENCE_S,
        lambda: say(f"{shown} is still running; ^C stops it"),
    )
    found = _parse(answer)
    if found is None:
        raise UserError(
            f"{shown} {_ending(answer.code)} before farmhand could read the spec",
            where=os.path.abspath(path),
            hint="what it said stands above; a configuration has to come to its end",
        )
    where = _place(found.get("where")) or shown
    if "what" in found:
        key = found.get("key")
        what = "\n".join([f"{key or shown}: {found['what']}", *found.get("more", [])])
        where = f"{where}: {key}" if key else where
        raise UserError(what, where=where, hint=found.get("hint"))
    if answer.code:
        warn(f"{shown} {_ending(answer.code)}, after its end; the spec was read before that")
    made = {name: _place(place) or shown for name, place in found["made"].items()}
    return PythonDocument(found["data"], where, made=made)


def _parse(answer: ConfigAnswer) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads(answer.text)
    except ValueError:
        return None
    return found


def _place(place: list[Any] | None) -> str | None:
    if not place or not place[0]:
        return None
    file, line = place
    shown = short_path(os.path.abspath(file))
    return f"{shown}:{line}" if line else shown


def _ending(code: int) -> str:
    if code >= 0:
        return f"ended its own process with exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = "?"
    return f"was ended by signal {-code} ({name})"
