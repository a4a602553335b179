"""nohup: one batchScript.sh a shard, startable from anywhere."""

from __future__ import annotations

import os
import shlex

from renderer.shell_words import sh
from renderer.submission import Target, Written
from renderer.templating import template


def render(target: Target) -> Written:
    """Write one script a shard."""
    script = template("batch_script.sh.j2")
    walltime = target.resources.walltime or 0
    count = 0
    for index, name in target.shards:
        folder = os.path.join(target.root, target.shard_folder(index, name))
        os.makedirs(folder, exist_ok=True)
        path = os.path.join(folder, "batchScript.sh")
        text = script.render(
            run=sh(target.run),
            run_id=target.run_id,
            plan_id=target.plan_id,
            submission=target.submission.id,
            scheduler="nohup",
            walltime=walltime,
            index=index,
            name=name,
        )
        with open(path, "x", encoding="utf-8") as stream:
            stream.write(text)
        os.chmod(path, 0o755)  # noqa: S103 (made to be started, by anyone who may read it)
        count += 1
    pattern = shlex.quote(os.path.join(target.run, target.folder, "shards"))
    depth = "/*/*/" if target.nested else "/*/"
    line = (
        f'for script in {pattern}{depth}batchScript.sh; do nohup "$script" >/dev/null 2>&1 & done'
    )
    note = f"This starts all {count} at once; farmhand run {shlex.quote(target.run)} takes turns."
    return Written((line,), (note,) if count > 1 else ())
