"""What a shard needs of a machine."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from manifest.checks import Frozen
from manifest.units import Bytes, Seconds


class Resources(Frozen):
    """What one shard needs. What is left out is not asked for."""

    cpus: int | None = Field(default=None, gt=0)
    memory: Bytes | None = None
    disk: Bytes | None = None
    gpus: int | None = Field(default=None, gt=0)
    walltime: Seconds | None = None
    grace: Seconds | None = None
    stop_signal: Literal["TERM", "INT", "HUP", "USR1", "USR2", "QUIT"] = "TERM"

    def over(self, other: Resources | None) -> Resources:
        """Return these resources with what they leave out taken from ``other``."""
        if other is None:
            return self
        return other.model_copy(update={k: getattr(self, k) for k in self.model_fields_set})
