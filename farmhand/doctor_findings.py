"""What doctor finds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: ``ok`` is fine, ``BAD`` will go wrong, ``--`` is not here or good to know."""

    mark: Literal["ok", "BAD", "--"]
    about: str
    text: str

    def line(self) -> str:
        """Return it as it is printed."""
        return f"{self.mark:<3}  {self.about}: {self.text}"


def fine(about: str, text: str) -> Finding:
    """Return a finding that all is well."""
    return Finding("ok", about, text)


def bad(about: str, text: str) -> Finding:
    """Return a finding that something will go wrong."""
    return Finding("BAD", about, text)


def note(about: str, text: str) -> Finding:
    """Return a finding that is neither."""
    return Finding("--", about, text)
