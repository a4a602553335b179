"""Conditions on shards: ``--where host=n2``, and ``--match`` on what they printed."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from manifest.errors import UserError
from manifest.nearest import nearest

_KEYS = ("host", "name", "component", "state", "cause", "exit_code", "submission", "native_id")


@dataclass(frozen=True, slots=True)
class Condition:
    """A key and a pattern as file names have them (``n1*``)."""

    key: str
    pattern: str

    def holds(self, row: dict[str, Any], plan: Callable[[], dict[str, Any]]) -> bool:
        """Say whether a shard fits: by its last attempt, where the key is an attempt's."""
        last = row["attempts"][-1] if row["attempts"] else {}
        if self.key == "host":
            return any(fnmatchcase(host, self.pattern) for host in hosts_of(last))
        if self.key == "component":
            value = plan()["component"]
        elif self.key in ("name", "state", "cause"):
            value = row[self.key]
        else:
            value = last.get(self.key)
        return value is not None and fnmatchcase(str(value), self.pattern)


def hosts_of(attempt: dict[str, Any]) -> list[str]:
    """Return the names of where an attempt ran: the scheduler's for it, then the host's own."""
    observed = attempt.get("observed") or {}
    names = (attempt.get("node"), observed.get("node"), attempt.get("host"))
    return list(dict.fromkeys(name for name in names if name))


def conditions(texts: Sequence[str] | None) -> tuple[Condition, ...]:
    """Return the conditions of ``--where``.

    Raises:
        UserError: no condition, or an unknown key.
    """
    found = []
    for text in texts or ():
        key, equals, pattern = text.partition("=")
        if not equals or not pattern:
            raise UserError(
                f"--where: '{text}' is no condition", hint="write for example --where host=n2"
            )
        if key not in _KEYS:
            guess = nearest(key, _KEYS)
            raise UserError(
                f"--where: there is no '{key}'" + (f"; did you mean '{guess}'?" if guess else ""),
                hint=f"known are {', '.join(_KEYS)}",
            )
        found.append(Condition(key, pattern))
    return tuple(found)


def pattern(text: str | None) -> re.Pattern[str] | None:
    """Return the regular expression of ``--match``.

    Raises:
        UserError: it is none.
    """
    if text is None:
        return None
    try:
        return re.compile(text)
    except re.error as error:
        raise UserError(f"--match: '{text}' is not a regular expression: {error}") from error
