"""``merge.recompute`` of counters: new values at the paths that do not add up, and nowhere else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from outputs.counters_document import CountersError, read_counters, write_counters
from outputs.json_document import ABSENT, look_up
from outputs.non_additive import recomputed, wrong
from outputs.staged import StagedFile

if TYPE_CHECKING:
    from collections.abc import Collection

    from outputs.counters_document import Tree
    from outputs.job import MergeJob


def pruned(tree: Tree, paths: Collection[str], at: str = "") -> Tree:
    """Return a tree without what stands at some dotted paths.

    >>> pruned({"n": 3, "q": {"median": 1.5, "sum": 4}}, ["q.median"])
    {'n': 3, 'q': {'sum': 4}}
    """
    if not isinstance(tree, dict):
        return tree
    return {
        key: pruned(value, paths, f"{at}{key}.")
        for key, value in tree.items()
        if f"{at}{key}" not in paths
    }


def recompute_counters(job: MergeJob, path: str, name: str, total: Tree, like: str) -> Tree:
    """Replace finished sums by themselves with what the command adds; return the whole.

    The command finds the sums without what does not add up: nobody's old values.

    Args:
        job: the merge.
        path: the finished sums.
        name: of the result, for messages.
        total: what stands there.
        like: a file name that says whether it is JSON or YAML.

    Raises:
        Refusal: the command failed, left something out, or changed something else.
        UserError: the result cannot be written.
    """
    paths = job.spec.non_additive
    with recomputed(job, path, name) as written, open(written, "rb") as file:
        try:
            made = read_counters(file.read(), like)
        except CountersError as error:
            raise wrong(name, f"wrote no counters: {error}") from error
    for one in paths:
        if look_up(made, one) is ABSENT:
            raise wrong(name, f"wrote no {one}")
    if pruned(made, paths) != total:
        raise wrong(name, f"changed something beside {', '.join(paths)}")
    with StagedFile(path) as result:
        result.write(write_counters(made, like).encode("utf-8", "surrogatepass"))
        result.publish()
    return made
