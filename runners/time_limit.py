"""How long a command may take that others answer for: seconds in a variable of the environment."""

from __future__ import annotations

import os
import re

from manifest.errors import UserError


def time_limit(variable: str, default: float) -> float:
    """Return the seconds that a variable says, or the default.

    Raises:
        UserError: the variable holds no number of seconds.
    """
    text = os.environ.get(variable, "")
    if not text:
        return default
    if re.fullmatch(r"\d+(\.\d+)?", text) and float(text) > 0:
        return float(text)
    raise UserError(
        f"{variable} is '{text}', not a number of seconds",
        hint="write digits only, such as 120, or unset it",
    )
