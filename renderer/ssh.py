"""Hosts over SSH need no script: ``farmhand run`` starts plan/shard.sh on each."""

from __future__ import annotations

import shlex

from manifest.errors import UserError
from renderer.submission import Target, Written


def render(target: Target) -> Written:
    """Write nothing; the plan names the hosts.

    Raises:
        UserError: it names none.
    """
    if not target.spec.ssh.hosts:
        raise UserError(
            "the spec of this run names no hosts",
            where="ssh.hosts",
            hint="render it with --scheduler ssh --hosts FILE",
        )
    return Written((f"farmhand run {shlex.quote(target.run)}",))
