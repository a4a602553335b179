"""Is a ROOT file whole, and does it hold what the spec asks for? One sentence if not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from outputs.json_document import amount
from outputs.root_file import RootError, read_root

if TYPE_CHECKING:
    from manifest.checks import RootCheck
    from outputs.facts import ShardFacts


def root_problem(path: str, rules: RootCheck, facts: ShardFacts | None) -> str | None:
    """Open a ROOT file and compare it with the rules.

    Raises:
        OSError: it cannot be read.
        UserError: uproot is not installed.
    """
    try:
        content = read_root(path)
    except RootError as error:
        return str(error)
    for key in rules.keys:
        if key not in content.classes:
            held = ", ".join(sorted(content.classes)[:5])
            return f"has no object '{key}'; it has {held}"
    for name, asked in rules.trees.items():
        tree = content.trees.get(name)
        if tree is None:
            kind = content.classes.get(name)
            return f"has no tree '{name}'" + (f", but a {kind} of that name" if kind else "")
        wanted = amount(asked, facts)
        if wanted is None:
            return f"cannot be checked: nobody knows {asked} of this file"
        if tree.entries != wanted:
            return f"has {tree.entries} entries in the tree '{name}', planned {wanted}"
    return None
