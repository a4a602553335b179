"""Regular expressions over text files, line by line, in one pass and little memory."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from manifest.checks import TextRule

PIECE = 1 << 20
"""Bytes of a line that are searched at once: a longer line is searched in pieces (``$`` then
matches at the end of a piece too)."""
_OVERLAP = 4096
"""Bytes of the piece before that are searched again, for matches across the seam."""
_EVIDENCE = 120
"""Characters of an offending line that a message shows."""


@dataclass(slots=True)
class RuleWatch:
    """Feed it lines, then ask for the evidence."""

    rule: TextRule
    _line: int = 0
    _before: bytes = b""
    """The end of the piece before, when the line goes on."""
    _found: bool = False
    _offence: str | None = None
    _require: re.Pattern[str] | None = field(init=False)
    _forbid: re.Pattern[str] | None = field(init=False)

    def __post_init__(self) -> None:
        """Compile the expressions (the spec has refused those that do not compile)."""
        self._require = re.compile(self.rule.require) if self.rule.require is not None else None
        self._forbid = re.compile(self.rule.forbid) if self.rule.forbid is not None else None

    def feed(self, line: bytes) -> None:
        """Look at one line, or at the next piece of a very long one."""
        first = not self._before
        self._line += first
        text = (self._before + line).decode("utf-8", "replace").rstrip("\r\n")
        self._before = b"" if line.endswith(b"\n") else line[-_OVERLAP:]
        at = 0 if first else 1  # from 1 on, ^ does not match in the middle of a line
        if self._forbid is not None and self._offence is None and self._forbid.search(text, at):
            self._offence = f"line {self._line} matches '{self.rule.forbid}': {_clip(text)}"
        if self._require is not None and not self._found and self._require.search(text, at):
            self._found = True

    @property
    def decided(self) -> bool:
        """Whether no further line can change the answer."""
        return self._offence is not None or (
            self._forbid is None and (self._require is None or self._found)
        )

    @property
    def problem(self) -> str | None:
        """Return the evidence against the lines so far, or None."""
        if self._offence is None and self._require is not None and not self._found:
            return f"no line matches '{self.rule.require}'"
        return self._offence


def watch_file(file: BinaryIO, watch: RuleWatch) -> str | None:
    """Feed a whole file, stopping early when the answer is known; return the evidence."""
    while not watch.decided:
        piece = file.readline(PIECE)
        if not piece:
            break
        watch.feed(piece)
    return watch.problem


def _clip(text: str) -> str:
    shown = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text.strip())
    return shown if len(shown) <= _EVIDENCE else shown[:_EVIDENCE] + "…"
