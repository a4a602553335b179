"""Is a run that exists the one that is asked for, or another campaign under its name?"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from manifest.errors import UserError
from manifest.file_table import Found, read_table
from manifest.layout import MANIFEST
from renderer.plan import Plan

_NAMED = 5


def refuse_taken(final: str, plan: Plan) -> None:
    """Refuse to render over a run, and say whether it is the same.

    Raises:
        UserError: the run exists.
    """
    if not os.path.lexists(final):
        return
    name = os.path.basename(final)
    if not os.path.exists(os.path.join(final, MANIFEST)):
        raise UserError(
            f"'{name}' exists and is no run, and nothing is ever overwritten",
            where=final,
            hint="give another --run-id",
        )
    differing = list(_differences(final, plan))
    if differing:
        more = f"; and {len(differing) - _NAMED} more" if len(differing) > _NAMED else ""
        raise UserError(
            f"a run named '{name}' exists, and it is another one: "
            f"{'; '.join(differing[:_NAMED])}{more}",
            where=final,
            hint="give another --run-id (a changed spec is a new run)",
        )
    raise UserError(
        f"a run named '{name}' exists, with this very plan",
        where=final,
        hint=f"go on with it: farmhand check {final}, farmhand submit --execute {final}; or give "
        "another --run-id",
    )


def _differences(final: str, plan: Plan) -> Iterator[str]:
    try:
        with open(os.path.join(final, "plan", "spec.json"), "rb") as file:
            old = orjson.loads(file.read())
        found = read_table(final)
    except (OSError, ValueError, UserError):
        yield "its plan cannot be read"
        return
    new = orjson.loads(plan.spec.model_dump_json(by_alias=True, exclude_unset=True))
    yield from _changed(old, new, "")
    yield from _files(found, plan.found)


def _changed(old: Any, new: Any, at: str) -> Iterator[str]:  # noqa: ANN401 (JSON)
    """Yield the keys of two specs that differ, with what they were and are."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in {**old, **new}:
            place = f"{at}.{key}" if at else key
            yield from _changed(old.get(key), new.get(key), place)
    elif old != new:
        yield f"{at} {_short(old)} -> {_short(new)}"


def _short(value: Any) -> str:  # noqa: ANN401 (JSON)
    if value is None:
        return "(not given)"
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    return text if len(text) <= 60 else f"{text[:57]}..."  # noqa: PLR2004 (a line's worth)


def _files(old: Found, new: Found) -> Iterator[str]:
    """Yield how the files of components differ."""
    for name in {**old, **new}:
        label = "files" if name is None else f"files of {name}"
        before: Mapping[str, Any] = {file.path: file for file in old.get(name, ())}
        now: Mapping[str, Any] = {file.path: file for file in new.get(name, ())}
        told = []
        if gone := [path for path in before if path not in now]:
            told.append(f"{len(gone)} gone ({gone[0]})")
        if more := [path for path in now if path not in before]:
            told.append(f"{len(more)} new ({more[0]})")
        if other := [path for path in now if before.get(path, now[path]) != now[path]]:
            told.append(f"{len(other)} changed ({other[0]})")
        if not told and list(before) != list(now):
            told.append("in another order")
        if told:
            yield f"{label}: {', '.join(told)}"
