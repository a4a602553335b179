"""Rows of a manifest as bytes, in blocks of 1,000; parsed one by one, and only when asked for."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import orjson

from manifest.errors import UserError
from manifest.layout import BLOCK
from manifest.states import CAUSES, STATES, is_bad

SEPARATOR = b",\n"
_HEAD = re.compile(
    rb'\{"shard_index":(\d+),"name":"([^"]*)","state":"(\w+)","cause":(?:null|"(\w+)")'
)

_STATES = frozenset(STATES)
_CAUSES = frozenset((None, *CAUSES))
_PLAN = {"shard_index", "name", "component", "start", "size", "seed"}
_RESULT = {"shard_index", "name", "state", "cause", "evidence", "accepted_attempts", "attempts"}

Row = dict[str, Any]


class Rows:
    """The plans or the results of a manifest."""

    def __init__(self, blocks: Sequence[bytes | memoryview], path: str) -> None:
        """Take the raw bytes of each block: rows with a comma and a line end between them."""
        self.blocks = list(blocks)
        self._path = path
        self._split: tuple[int, list[bytes]] = (-1, [])

    def block(self, number: int) -> list[bytes]:
        """Return the rows of a block."""
        if self._split[0] != number:
            self._split = (number, bytes(self.blocks[number]).split(SEPARATOR))
        return self._split[1]

    def raw(self, index: int) -> bytes:
        """Return one row as bytes."""
        try:
            return self.block(index // BLOCK)[index % BLOCK]
        except IndexError as error:
            raise damaged(self._path, f"no row of shard {index}") from error

    def row(self, index: int) -> Row:
        """Return one row.

        Raises:
            UserError: it is damaged.
        """
        return parse_row(self.raw(index), self._path)

    def head(self, index: int) -> tuple[str, str | None]:
        """Return (state, cause) of a result without parsing the rest of it."""
        return head_of(self.raw(index), self._path)

    def __iter__(self) -> Iterator[bytes]:
        """Yield all rows as bytes."""
        for number in range(len(self.blocks)):
            yield from self.block(number)

    def replaced(self, blocks: Mapping[int, bytes]) -> Rows:
        """Return these rows with some blocks replaced."""
        return Rows([blocks.get(n, old) for n, old in enumerate(self.blocks)], self._path)


def damaged(path: str, why: str) -> UserError:
    """Return the error for a manifest that is not what farmhand wrote."""
    return UserError(
        f"the manifest is damaged ({why})",
        where=path,
        hint="the plan and the records still hold everything: farmhand collect --rebuild RUN",
    )


def parse_row(data: bytes, path: str) -> Row:
    """Parse one row.

    Raises:
        UserError: it is not a JSON object.
    """
    try:
        row = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise damaged(path, f"row {data[:40].decode(errors='replace')}…: {error}") from error
    if not isinstance(row, dict) or not (row.keys() >= _PLAN or row.keys() >= _RESULT):
        raise damaged(path, f"row {data[:40].decode(errors='replace')}… is not whole")
    return row


def head_of(data: bytes, path: str) -> tuple[str, str | None]:
    """Return (state, cause) of a result row."""
    match = _HEAD.match(data)
    if match:
        state, cause = match[3].decode(), match[4].decode() if match[4] else None
    else:
        row = parse_row(data, path)
        state, cause = row.get("state"), row.get("cause")
    if state not in _STATES or cause not in _CAUSES:
        raise damaged(path, f"a result of state {state}, cause {cause}")
    return state, cause


def count_states(rows: Iterable[bytes], path: str) -> dict[str, int]:
    """Count result rows by state, and under ``bad`` those that somebody must do something about."""
    counted: Counter[str] = Counter()
    for data in rows:
        state, cause = head_of(data, path)
        counted[state] += 1
        if is_bad(state, cause):
            counted["bad"] += 1
    return dict(sorted(counted.items()))
