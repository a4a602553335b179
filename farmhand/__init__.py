"""farmhand: render batch scripts, submit them by hand, collect the truth about every shard."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False  # what type checkers take for true; typing itself is for the command line
if TYPE_CHECKING:
    from farmhand.python_spec import Component, Spec

__all__ = ["Component", "Spec"]

__version__ = "0.1.0"


def _demote_pythonpath() -> None:
    """Move PYTHONPATH's entries to the end of sys.path.

    Physics set-ups put directories there that hold a ``renderer/`` or an old pydantic, which would
    win over farmhand's own rooms and libraries.
    """
    entries = [
        os.path.abspath(entry) for entry in os.environ.get("PYTHONPATH", "").split(":") if entry
    ]
    own = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    demoted = [path for path in sys.path if path in entries and path != own]
    sys.path[:] = [path for path in sys.path if path not in demoted] + demoted


_demote_pythonpath()


def __getattr__(name: str) -> object:
    """Offer what users' Python imports; the command line has no need of it."""
    if name in __all__:
        from farmhand import python_spec  # noqa: PLC0415 (late on purpose)

        return getattr(python_spec, name)
    message = f"module 'farmhand' has no attribute {name!r}"
    raise AttributeError(message)
