"""The local pool needs no script: it starts plan/shard.sh itself."""

from __future__ import annotations

import shlex

from renderer.submission import Target, Written


def render(target: Target) -> Written:
    """Write nothing; ``farmhand run`` does the rest."""
    return Written((f"farmhand run {shlex.quote(target.run)}",))
