"""nohup: one batchScript.sh a shard, startable from anywhere."""

from __future__ import annotations

import shlex

from renderer.batch_scripts import for_each_script, write_batch_scripts
from renderer.submission import Target, Written


def render(target: Target) -> Written:
    """Write one script a shard."""
    count = write_batch_scripts(target)
    line = for_each_script(target, 'nohup "$script" >/dev/null 2>&1 &')
    note = f"This starts all of them at once; farmhand run {shlex.quote(target.run)} takes turns."
    return Written((line,), (note,) if count > 1 else ())
