"""Names that are safe as file names, job names and queue items."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator

SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")
_LONGEST = 128  # leaves room for suffixes within NAME_MAX (255) and job name limits


def name_problem(text: str) -> str | None:
    """Return why ``text`` cannot name a run, component, shard or output, or None."""
    if not text:
        return "a name may not be empty"
    if len(text) > _LONGEST:
        return f"'{text[:20]}…' has {len(text)} characters; a name has at most {_LONGEST}"
    if not SAFE.fullmatch(text):
        return (
            f"{text!r} is not safe as a file name; use letters, digits and . _ + -, "
            "beginning with a letter or digit"
        )
    return None


def _safe(text: str) -> str:
    problem = name_problem(text)
    if problem:
        raise ValueError(problem)
    return text


SafeName = Annotated[str, AfterValidator(_safe)]
"""Text that is safe as a file name on every system and as a word for every scheduler."""
