"""A sweep: the same work in several numbers of shards, one run each. Pure."""

from __future__ import annotations

from typing import Annotated, Literal, Self

import orjson
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from manifest.errors import UserError
from manifest.names import SafeName

SCHEMA: Literal["farmhand.sweep/1"] = "farmhand.sweep/1"
SUFFIX = ".sweep.json"
WARM_UP = 0


def _inside(path: str) -> str:
    parts = path.split("/")
    if not path or path.startswith("/") or ".." in parts:
        message = f"'{path}' does not lie beside the sweep file"
        raise ValueError(message)
    return path


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SweepRun(_Model):
    """One run of a sweep."""

    shards: int = Field(gt=0)
    repeat: int = Field(ge=0)
    """From 1; 0 is the warm-up, which does not count."""
    run: Annotated[str, AfterValidator(_inside)]
    """Its directory, relative to the sweep file."""


class Sweep(_Model):
    """What was rendered. How the runs stand is in their own manifests and journals, not here."""

    schema_version: Literal["farmhand.sweep/1"]
    sweep_id: SafeName
    name: SafeName
    created_at_utc: str
    scheduler: str
    mode: str | None = None
    work: int = Field(gt=0)
    """Units of work that each run does."""
    unit: str
    """What one of them is called: toy, event, file, unit."""
    seed: int | None = None
    comparable: bool
    """Whether the merged results of all runs have to be equal: not with seeds spawned by shard."""
    host: str
    """Where it was rendered; a local pool runs there."""
    cores: int = Field(gt=0)
    """Of that host, as far as this user may use them."""
    runs: tuple[SweepRun, ...] = Field(min_length=1)
    """In the order in which they are to run."""

    @model_validator(mode="after")
    def _different(self) -> Self:
        if len({one.run for one in self.runs}) != len(self.runs):
            message = "a run is listed twice"
            raise ValueError(message)
        if not self.counted:
            message = "no run counts"
            raise ValueError(message)
        return self

    @property
    def counted(self) -> tuple[SweepRun, ...]:
        """Return the runs that count: all but the warm-up."""
        return tuple(one for one in self.runs if one.repeat != WARM_UP)

    @property
    def repeats(self) -> int:
        """Return how often each number of shards is run."""
        return max(one.repeat for one in self.runs)


def parse_sweep(data: bytes, path: str) -> Sweep:
    """Read a sweep file's content.

    Raises:
        UserError: damaged, no sweep file, or one of another version.
    """
    try:
        whole = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise _unreadable(f"it is not JSON: {error}", path) from error
    if not isinstance(whole, dict) or "schema_version" not in whole:
        raise _unreadable("it is not a sweep file", path)
    version = str(whole["schema_version"])
    if version != SCHEMA:
        raise UserError(
            f"this sweep file has the schema '{version}'; this farmhand reads '{SCHEMA}'",
            where=path,
            hint="use the farmhand that wrote it, or render the sweep again",
        )
    try:
        return Sweep.model_validate(whole)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise _unreadable(f"{place}: {first['msg']}" if place else first["msg"], path) from error


def _unreadable(why: str, path: str) -> UserError:
    return UserError(
        f"the sweep file cannot be used: {why}",
        where=path,
        hint="name the file that farmhand sweep render wrote",
    )


def dump_sweep(sweep: Sweep) -> bytes:
    """Return the content of a sweep file: what ``parse_sweep`` reads."""
    return orjson.dumps(sweep.model_dump(mode="json"), option=orjson.OPT_INDENT_2) + b"\n"


def parse_counts(text: str) -> list[int]:
    """Return the numbers of shards of ``1,2,4,8``.

    >>> parse_counts("1, 2,8")
    [1, 2, 8]

    Raises:
        UserError: not whole numbers from 1 on, or one of them twice.
    """
    found: list[int] = []
    for word in text.split(","):
        word = word.strip()  # noqa: PLW2901 (the same word)
        if not (word.isascii() and word.isdecimal()) or int(word) == 0:
            raise UserError(
                f"--shards: '{word}' is not a number of shards", hint="write for example 1,2,4,8"
            )
        if int(word) in found:
            raise UserError(
                f"--shards: {int(word)} stands there twice",
                hint="say how often each is to run with --repeats",
            )
        found.append(int(word))
    return found
