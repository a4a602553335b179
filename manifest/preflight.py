"""What hosts said when they were looked at before a run: the file that ``--preflight`` reads."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, ValidationError

from manifest.checks import Frozen
from manifest.errors import UserError

SCHEMA: Literal["farmhand.preflight/1"] = "farmhand.preflight/1"


class HostReport(Frozen):
    """One host; None: it did not say."""

    name: str
    user: str | None = None
    port: int | None = None
    ok: bool
    problem: str | None = None
    """Why it did not answer."""
    hostname: str | None = None
    logical: int | None = Field(default=None, gt=0)
    physical: int | None = Field(default=None, gt=0)
    threads_per_core: int | None = None
    cpu_model: str | None = None
    memory: int | None = None
    """Bytes, as are those of the disk."""
    available: int | None = None
    load: float | None = None
    workdir: str | None = None
    writable: bool | None = None
    free: int | None = None
    skew_s: float | None = None
    """By how much its clock is ahead of ours at the least; 0: no more than asking took."""
    bash: str | None = None
    missing: tuple[str, ...] = ()
    """Tools that payloads and copying need."""
    command: str | None = None
    """Where the command is; ``-``: it is not on PATH there."""
    shared: bool | None = None
    """Whether it sees the directory that runs lie in."""
    odd: tuple[str, ...] = ()
    """What a person should look at."""


class Preflight(Frozen):
    """A look at all hosts of a file."""

    schema_version: Literal["farmhand.preflight/1"] = SCHEMA
    created_at_utc: str
    hosts_file: str
    hosts: tuple[HostReport, ...]


def read_preflight(path: str) -> Preflight:
    """Return a preflight that was kept.

    Raises:
        UserError: it cannot be read, or is something else.
    """
    try:
        with open(path, "rb") as stream:
            return Preflight.model_validate_json(stream.read())
    except OSError as error:
        raise UserError(f"the preflight cannot be read: {error.strerror}", where=path) from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise UserError(
            f"this is no preflight: {place + ': ' if place else ''}{first['msg']}",
            where=path,
            hint="make one with: farmhand doctor --hosts FILE --out preflight.json",
        ) from error
