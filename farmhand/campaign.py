"""Is a run that exists the one that is asked for, or another campaign under its name?"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import Any

import orjson

from farmhand.changed_files import changed_files
from manifest.errors import UserError
from manifest.file_table import read_table
from manifest.item_table import read_all
from manifest.layout import MANIFEST
from renderer.inputs import Fingerprint
from renderer.plan import Plan
from renderer.plan_files import spec_json

_NAMED = 5


def refuse_taken(final: str, plan: Plan, scheduler: str) -> None:
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
    differing = list(_differences(final, plan, scheduler))
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


def _differences(final: str, plan: Plan, scheduler: str) -> Iterator[str]:
    try:
        old = _read(final, "plan", "spec.json")
        inputs = {row["source"]: row for row in _read(final, "plan", "inputs.json")}
        before = str(_read(final, "submissions", "1.json")["scheduler"])
        found = read_table(final)
        items = read_all(final)
    except (OSError, ValueError, TypeError, KeyError, UserError):
        yield "its plan cannot be read"
        return
    new = orjson.loads(spec_json(plan.spec))
    yield from _changed(old, new, "")
    for name in {**found, **plan.found}:
        label = "" if name is None else f"{name}: "
        for told in changed_files(found.get(name, ()), plan.found.get(name, ())):
            yield label + told
    yield from _items(items, {item for each in plan.items.values() for item in each})
    yield from _inputs(inputs, plan.inputs.files)
    if before != scheduler:
        yield f"scheduler {before} -> {scheduler}"


def _read(final: str, *names: str) -> Any:  # noqa: ANN401 (JSON)
    with open(os.path.join(final, *names), "rb") as file:
        return orjson.loads(file.read())


def _inputs(old: dict[str, dict[str, Any]], new: Iterable[Fingerprint]) -> Iterator[str]:
    """Yield which inputs differ; of a large one without a sum, the time of its change decides."""
    gone = dict(old)
    for item in new:
        row = gone.pop(item.source, None)
        if row is None:
            yield f"input {item.shown} is new"
        elif (row.get("size"), row.get("sha256")) != (item.size, item.sha256) or (
            item.sha256 is None and row.get("mtime_ns") != item.mtime_ns
        ):
            yield f"input {item.shown} was changed"
    yield from (f"input {row.get('shown')} is gone" for row in gone.values())


def _items(old: set[str], new: set[str]) -> Iterator[str]:
    """Yield how the items differ."""
    for label, names in (("gone", old - new), ("new", new - old)):
        if names:
            yield f"items: {len(names)} {label} ({min(names)})"


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
