"""What is to be done: equal units, named items, files cut into chunks, or points of a grid."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Discriminator, Field, Tag, WithJsonSchema, model_validator

from manifest.checks import Frozen
from manifest.grid import GridWork

LARGEST = (1 << 63) - 1  # base + start stays within the 64 bits of everybody's integers


def _seed_short_form(value: Any) -> Any:  # noqa: ANN401 (whatever stood in the spec)
    return value if isinstance(value, dict | Seed) else {"base": value}


def _one_file(value: Any) -> Any:  # noqa: ANN401 (whatever stood in the spec)
    return [value] if isinstance(value, str | dict | FileCommand) else value


class Seed(Frozen):
    """Either ``base`` (a shard's seed is base + start) or ``spawn`` (independent streams)."""

    base: int | None = Field(default=None, ge=0, le=LARGEST)
    spawn: int | None = Field(default=None, ge=0, le=LARGEST)
    bits: int = Field(default=63, ge=16, le=64)
    """Width of spawned seeds; 29 keeps them below Pythia's 900,000,000."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.base is None) == (self.spawn is None):
            message = "a seed is a number, or {spawn: NUMBER} for independent streams"
            raise ValueError(message)
        return self


SeedField = Annotated[Seed, BeforeValidator(_seed_short_form)]


class FileCommand(Frozen):
    """A command that prints the names of files, one a line; run by render beside the spec."""

    command: tuple[str, ...] = Field(min_length=1)


# The tags are no part of a place in the spec: manifest.loading leaves out what is in brackets.
_Entry = Annotated[
    Annotated[str, Tag("[text]")] | Annotated[FileCommand, Tag("[command]")],
    Discriminator(lambda v: "[command]" if isinstance(v, dict | FileCommand) else "[text]"),
]
_List = tuple[_Entry, ...]
Files = Annotated[
    _List, BeforeValidator(_one_file, json_schema_input_type=_List | FileCommand | str)
]


def _list_of_events(value: Any) -> Any:  # noqa: ANN401 (whatever stood in the spec)
    """Read a plain name as that of a list: ``events: inputs.list``."""
    if isinstance(value, str):
        return [value if value.startswith("@") else f"@{value}"]
    return _one_file(value)


Events = Annotated[
    _List, BeforeValidator(_list_of_events, json_schema_input_type=_List | FileCommand | str)
]

_DEALT = ("modulo", "contiguous")
_Split = Annotated[
    Annotated[int, Field(gt=0), Tag("[number]")]
    | Annotated[Literal["modulo", "contiguous"], Tag("[dealt]")],
    Discriminator(lambda v: "[dealt]" if v in _DEALT else "[number]"),
    # Not oneOf: a number may be written as a text, and so both would fit a word.
    WithJsonSchema({"anyOf": [{"type": "integer", "exclusiveMinimum": 0}, {"enum": [*_DEALT]}]}),
]

_WAYS = ("split", "files_per_chunk", "one_per_file", "events_per_chunk", "events_per_job")


class FileWork(Frozen):
    """Files, and how they are cut into chunks: consecutive groups, in the order given."""

    files: Files = ()
    """Paths relative to the spec, patterns (``data/*.root``), URLs, ``@list.txt``, and commands
    that print names."""
    split: _Split | None = None
    """So many chunks: groups of ceil(files / split), which may come to fewer chunks. Of items: how
    they are dealt out, every N-th one (modulo, unless said) or one after the other."""
    files_per_chunk: int | None = Field(default=None, gt=0)
    one_per_file: bool = False
    events_per_chunk: int | None = Field(default=None, gt=0)
    """Each file by itself in ranges of so many events; the last range of a file may be shorter."""
    events: Events = ()
    """A list with one file and the number of its events a line; or files, as ``files`` has them."""
    events_per_job: int | None = Field(default=None, gt=0)
    """The same as ``events_per_chunk``, for ``events``."""
    tail: Literal["keep", "drop"] = "keep"
    """What becomes of the last events of a file, when they are fewer than asked for."""
    max_events: int | None = Field(default=None, gt=0)
    """No more than so many events of all files together, in their order."""
    tree: str | None = Field(default=None, min_length=1)
    """ROOT tree whose entries are the events of a file, where the list of files has no numbers."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        ways = self._ways()
        for name in ("files", "events"):
            if not getattr(self, name) and name in self.model_fields_set:
                raise ValueError(f"{name}: is empty; name at least one")
        if self.files and self.events:
            raise ValueError("files: and events: exclude each other")
        if len(ways) > 1:
            raise ValueError(f"{' and '.join(ways)} exclude each other")
        if isinstance(self.split, str):
            return self
        if ways and not self.listed:
            raise ValueError(f"{ways[0]} cuts files, and there are no files:")
        if bool(self.events) != (self.events_per_job is not None):
            raise ValueError("events: and events_per_job: go together")
        for name in ("tree", "max_events", "tail"):
            if name in self.model_fields_set and self.per_range is None:
                raise ValueError(f"{name}: is for events_per_chunk: and events_per_job:")
        return self

    @property
    def listed(self) -> _List:
        """Return what names the files."""
        return self.files or self.events

    @property
    def per_range(self) -> int | None:
        """Return how many events a shard has, where files are cut by events."""
        return self.events_per_chunk or self.events_per_job

    def _ways(self) -> list[str]:
        return [name for name in _WAYS if getattr(self, name)]

    @property
    def chunks(self) -> int | None:
        """Return how many chunks were asked for by ``split``."""
        return self.split if isinstance(self.split, int) else None

    @property
    def is_cut(self) -> bool:
        """Whether it says into which chunks."""
        return bool(self._ways())


class Work(FileWork, GridWork):
    """What is to be done in all: a number of units, items, files, or the points of a grid."""

    count: int | None = Field(default=None, gt=0, le=LARGEST)
    """Number of equal units (toys, events) to divide."""
    items: Files = ()
    """Names (users, runs), patterns of files, ``@list.txt``, and commands that print items."""
    sorted: bool = True
    """Whether items are put in order before they are dealt out, as Python's ``sorted`` does."""
    sizes: tuple[Annotated[int, Field(gt=0)], ...] = ()
    """Units of each shard, where they are not all to be alike."""
    seed: SeedField | None = None

    @model_validator(mode="after")
    def _sizes_add_up(self) -> Self:
        if self.sizes and sum(self.sizes) != (self.count or 0):
            raise ValueError(f"sizes: add up to {sum(self.sizes)}, not to count: {self.count}")
        return self

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if "items" in self.model_fields_set and not self.items:
            raise ValueError("items: is empty; name at least one")
        kinds = (self.count is not None, self.items, self.listed, self.grid)
        if sum(map(bool, kinds)) != 1:
            message = (
                "say what the work is: exactly one of count:, items:, files:, events: and grid:"
            )
            hint = " (per_point: says how many units each point has)" if self.grid else ""
            raise ValueError(message + hint)
        for name in ("sorted", "split") if isinstance(self.split, str) else ("sorted",):
            if name in self.model_fields_set and not self.items:
                raise ValueError(f"{name}: {getattr(self, name)} is for items:")
        return self

    @property
    def modulo(self) -> bool:
        """Return whether every N-th item goes to one shard."""
        return bool(self.items) and self.split != "contiguous"

    def counted(self, items: int) -> Self:
        """Return work of so many items, once they have been found."""
        return self.model_copy(update={"count": items})
