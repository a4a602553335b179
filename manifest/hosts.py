"""Machines that work is done on over SSH, and the hosts file that names them. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError

from manifest.checks import Frozen
from manifest.errors import UserError
from manifest.nearest import nearest

# What ssh(1) takes as a destination; a dash in front would be read as an option.
_NAME = re.compile(r"[A-Za-z0-9_\[:][A-Za-z0-9_.:%\[\]-]*")
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@\\+-]*")
_SAMPLE = "node1 weight=2 threads=8 user=me port=2222"


def _fits(pattern: re.Pattern[str], what: str) -> AfterValidator:
    def check(value: str) -> str:
        if not pattern.fullmatch(value):
            raise ValueError(f"{value!r} is not the name of a {what}")
        return value

    return AfterValidator(check)


class Host(Frozen):
    """One machine. What is left out, ssh takes from the user's own configuration."""

    name: Annotated[str, _fits(_NAME, "host")]
    """As ``ssh NAME`` takes it: also an alias of ssh_config(5)."""
    weight: float | None = Field(default=None, ge=0)
    """Its share of the work beside that of others; 0: it gets none."""
    threads: int | None = Field(default=None, gt=0)
    """Cores that a shard uses there."""
    slots: int | None = Field(default=None, gt=0)
    """Shards that run there at a time."""
    user: Annotated[str, _fits(_USER, "user")] | None = None
    port: int | None = Field(default=None, gt=0, lt=65536)

    @property
    def idle(self) -> bool:
        """Return whether it was said to get no work."""
        return self.weight == 0

    def __str__(self) -> str:
        """Return the host as messages name it."""
        user = f"{self.user}@" if self.user else ""
        return f"{user}{self.name}" + (f":{self.port}" if self.port else "")


KEYS = tuple(name for name in Host.model_fields if name != "name")


def parse_hosts(text: str, source: str) -> tuple[Host, ...]:
    """Return the hosts of a file: ``name weight=2 threads=8 user=me port=2222``, one a line.

    What follows a ``#`` is a comment. A bare number stands for the weight.

    Raises:
        UserError: names the line.
    """
    found: dict[str, Host] = {}
    seen: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        where = f"{source}:{number}"
        host = _host(words, where)
        if host.name in found:
            raise UserError(
                f"host '{host.name}' stands here a second time",
                where=f"{where} (first in line {seen[host.name]})",
                hint="remove one of the lines",
            )
        found[host.name], seen[host.name] = host, number
    if not found:
        raise UserError("there is no host in this file", where=source, hint=f"write {_SAMPLE}")
    return tuple(found.values())


def read_hosts(path: str) -> tuple[Host, ...]:
    """Return the hosts of a file.

    Raises:
        UserError: it cannot be read, or a line of it cannot.
    """
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as stream:
            text = stream.read()
    except OSError as error:
        raise UserError(f"the hosts file cannot be read: {error.strerror}", where=path) from error
    return parse_hosts(text, path)


def _host(words: list[str], where: str) -> Host:
    given: dict[str, str] = {}
    for word in words[1:]:
        key, equals, value = word.partition("=")
        key = key.lower() if equals else "weight"
        value = value if equals else word
        if not equals and not re.fullmatch(r"\d+(\.\d+)?", word):
            raise UserError(f"'{word}' is no KEY=VALUE", where=where, hint=f"write {_SAMPLE}")
        if key not in KEYS:
            guess = nearest(key, KEYS)
            raise UserError(
                f"unknown key '{key}'" + (f"; did you mean '{guess}'?" if guess else ""),
                where=where,
                hint=f"known are {', '.join(KEYS)}",
            )
        if key in given:
            raise UserError(f"{key} is given twice", where=where, hint="remove one of them")
        given[key] = value
    try:
        return Host.model_validate({"name": words[0], **given})
    except ValidationError as error:
        raise UserError(_why(error), where=where, hint=f"write {_SAMPLE}") from error


def _why(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    text = first["msg"].removeprefix("Value error, ")
    key = first["loc"][0]
    shown = "" if key in ("name", "user") else f"{key}={first['input']}: "
    return shown + text[0].lower() + text[1:]


def _lines(value: Any) -> Any:  # noqa: ANN401 (whatever stood in the spec)
    """Read a line of text as a hosts file has it, and a block as it is."""
    if not isinstance(value, list | tuple):
        return value
    return [_line(item) if isinstance(item, str) else item for item in value]


def _line(text: str) -> Host:
    try:
        return parse_hosts(text, "ssh.hosts")[0]
    except UserError as error:
        raise ValueError(f"'{text}': {error.what}") from error


def _once(hosts: tuple[Host, ...]) -> tuple[Host, ...]:
    seen: set[str] = set()
    for host in hosts:
        if host.name in seen:
            raise ValueError(f"host '{host.name}' stands here twice")
        seen.add(host.name)
    return hosts


Hosts = Annotated[tuple[Host, ...], BeforeValidator(_lines), AfterValidator(_once)]
"""As a spec has them: a list of lines of a hosts file, or of blocks."""


def working(hosts: Iterable[Host]) -> list[Host]:
    """Return the hosts that get work."""
    return [host for host in hosts if not host.idle]
