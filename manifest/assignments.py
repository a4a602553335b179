"""``--set a.b=VALUE``: one value put into a document."""

from __future__ import annotations

from manifest.errors import UserError
from manifest.tree import DEPTH, NO_ARGUMENT, Absent, Tree, is_index, kind_of, shown
from manifest.yaml_reader import read_yaml


def parse_set(assignment: str) -> tuple[tuple[str, ...], Tree]:
    """Return the path and the value of ``a.b=VALUE``, as ``--set`` takes it.

    Quotes, brackets and block marks in VALUE are read as YAML; any other text is the value as it
    stands, spaces and ``#`` included.

    Raises:
        UserError: no ``=``, an empty part in the path, or a VALUE that cannot be read.
    """
    name, equals, text = assignment.partition("=")
    path = tuple(name.split("."))
    if not equals or not all(path) or len(path) > DEPTH:
        what = f"--set takes a path, = and a value, not {shown(assignment)}"
        raise UserError(what, hint="write --set a.b=VALUE")
    source = f"--set {name}"
    if text.startswith("{{") and not NO_ARGUMENT.search(text):
        return path, text
    value = read_yaml(text, source)
    if isinstance(value, str) and text.lstrip()[:1] not in {*"\"'|>&!"}:
        return path, text
    return path, value


def apply_set(data: Tree, path: tuple[str, ...], value: Tree) -> Tree:
    """Return ``data`` with ``value`` at ``path``; what is on the way is made, ``data`` stays.

    Raises:
        UserError: the path goes through text, or to an item that a list does not have.
    """
    return _place_value(data, path, 0, value)


def _place_value(node: Tree, path: tuple[str, ...], done: int, value: Tree) -> Tree:
    if done == len(path):
        return value
    part, name, where = path[done], ".".join(path[:done]), f"--set {'.'.join(path)}"
    if isinstance(node, Absent):
        node = {}
    if isinstance(node, dict):
        return {**node, part: _place_value(node.get(part, Absent()), path, done + 1, value)}
    if not isinstance(node, list):
        hint = f"set {name} itself" if name else None
        raise UserError(f"{name} is {kind_of(node)}, not a block", where=where, hint=hint)
    if not is_index(part, node):
        what = f"{name} is a list of {len(node)}, and {shown(part)} is not the number of an item"
        hint = f"count from 0 to {len(node) - 1}" if node else f"set {name} itself"
        raise UserError(what, where=where, hint=hint)
    index = int(part)
    return [*node[:index], _place_value(node[index], path, done + 1, value), *node[index + 1 :]]
