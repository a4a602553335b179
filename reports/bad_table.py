"""The table of what is wrong: shards grouped by state, cause and evidence."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable
from typing import Any

from manifest.layout import ranges

_GROUPS = 20
_NUMBERS = re.compile(r"\d+(\.\d+)?(ms|s|m|h)?")
_RANGES_SHOWN = 60


def group_bad(rows: Iterable[dict[str, Any]]) -> list[tuple[str, str, list[dict[str, Any]]]]:
    """Group rows by state, cause and the shape of the evidence; the largest group first."""
    groups: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for row in rows:
        cause = row["cause"] or ""
        # Evidence that differs in numbers only (a pid, a time) tells the same story, except
        # for exit codes.
        shape = row["evidence"] if cause == "exit_code" else _NUMBERS.sub("#", row["evidence"])
        groups.setdefault((row["state"], cause, shape), []).append(row)
    ordered = sorted(groups.items(), key=lambda item: (-len(item[1]), item[1][0]["shard_index"]))
    return [(state, cause, members) for (state, cause, _), members in ordered]


def bad_table(rows: list[dict[str, Any]], width: int) -> list[str]:
    """Return the lines of the table, none wider than ``width`` characters."""
    lines = [f"{'shards':>6}  {'state':<9}  {'cause':<11}  which"]
    groups = group_bad(rows)
    for state, cause, members in groups[:_GROUPS]:
        which = shorten(ranges(row["shard_index"] for row in members), width - 32)
        lines.append(f"{len(members):>6}  {state:<9}  {cause:<11}  {which}")
        first = members[0]
        prefix = f"{first['name']}: " if len(members) == 1 else f"e.g. {first['name']}: "
        lines += evidence_lines(prefix + first["evidence"], width)
    if len(groups) > _GROUPS:
        rest = sum(len(members) for _, _, members in groups[_GROUPS:])
        lines.append(f"   ...  and {rest} more in {len(groups) - _GROUPS} other groups (--json)")
    return lines


def evidence_lines(text: str, width: int) -> list[str]:
    """Return a sentence below its row, wrapped and indented."""
    return textwrap.wrap(
        text,
        max(width, 40),
        initial_indent=" " * 8,
        subsequent_indent=" " * 10,
        break_on_hyphens=False,
    )


def shorten(text: str, width: int) -> str:
    """Return a list of numbers, cut at a comma where it is too long."""
    limit = max(min(width, _RANGES_SHOWN), 12)
    if len(text) <= limit:
        return text
    return text[: limit - 3].rpartition(",")[0] + ",..."
