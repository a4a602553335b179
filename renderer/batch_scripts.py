"""One batchScript.sh a shard: for nohup, and with directives for LSF."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterable

from renderer.shell_words import sh
from renderer.submission import Target
from renderer.templating import template

SCRIPT = "batchScript.sh"
Directives = Callable[[int, str], Iterable[str]]
"""The directive lines of a shard, given its index and name."""


def write_batch_scripts(
    target: Target, job_name: str = "", directives: Directives | None = None
) -> int:
    """Write them, and return how many there are.

    Args:
        target: the submission.
        job_name: of its jobs, to which a full stop and the shard's name are added.
        directives: of a scheduler that reads some.
    """
    script = template("batch_script.sh.j2")
    count = 0
    for index, name in target.shards:
        folder = os.path.join(target.root, target.shard_folder(index, name))
        os.makedirs(folder, exist_ok=True)
        text = script.render(
            run=sh(target.run),
            run_id=target.run_id,
            plan_id=target.plan_id,
            submission=target.submission.id,
            walltime=target.resources.walltime or 0,
            own_cpus=target.own_cpus,
            index=index,
            name=name,
            job_name=f"{job_name}.{name}",
            directives=directives(index, name) if directives else (),
        )
        path = os.path.join(folder, SCRIPT)
        with open(path, "x", encoding="utf-8") as stream:
            stream.write(text)
        os.chmod(path, 0o755)  # noqa: S103 (made to be started, by anyone who may read it)
        count += 1
    return count


def for_each_script(target: Target, command: str) -> str:
    """Return the line that runs a command for each of them; in it ``"$script"`` is the path."""
    pattern = shlex.quote(os.path.join(target.run, target.own_scripts))
    depth = "/*/*/" if target.nested else "/*/"
    return f"for script in {pattern}{depth}{SCRIPT}; do {command} done"
