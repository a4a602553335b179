"""What a spec may say about outputs: how each is checked, and how all are merged."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    model_validator,
)

from manifest.units import Bytes


class Frozen(BaseModel):
    """Base of every spec model: immutable, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def _is_amount(value: str | None) -> str | None:
    if value is None or value.isdecimal() or value in ("shard.size", "work.count"):
        return value
    raise ValueError(f"'{value}' is not a number, shard.size or work.count")


def _compiles(value: str | None) -> str | None:
    if value is not None:
        try:
            re.compile(value)
        except re.error as error:
            raise ValueError(f"'{value}' is not a regular expression: {error}") from error
    return value


class JsonCheck(Frozen):
    """Rules for a JSON document; keys are dotted paths (``results.poi_hat``)."""

    keys: tuple[str, ...] = ()
    lengths: dict[str, str] = Field(default_factory=dict)
    """Array at a dotted path -> its length: digits, ``shard.size``, ``work.count``, or the dotted
    path of a number in the same document."""


class CsvCheck(Frozen):
    """Rules for a table with a header line."""

    header: tuple[str, ...] = ()
    """Exactly these columns in this order; empty = any."""
    rows: Annotated[str | None, AfterValidator(_is_amount)] = None
    """Number of data rows: digits, ``shard.size`` or ``work.count``."""
    min_rows: int = Field(default=0, ge=0)
    delimiter: str = Field(default=",", min_length=1, max_length=1)

    @property
    def counts_rows(self) -> bool:
        """Return whether a number of rows is asked for."""
        return self.rows is not None or self.min_rows > 0


class RootCheck(Frozen):
    """Rules for a ROOT file; that it is whole and can be read is asked in any case."""

    keys: tuple[str, ...] = ()
    """Objects that must be in it, by their path inside the file (``histograms/mass``)."""
    trees: dict[str, Annotated[str, AfterValidator(_is_amount)]] = Field(default_factory=dict)
    """Tree -> its number of entries: digits, ``shard.size`` or ``work.count``."""


def _true_is_plain(value: Any) -> Any:  # noqa: ANN401 (pydantic hands over whatever stood there)
    return {} if value in ("true", True) else value


class TextRule(Frozen):
    """Regular expressions (Python's re, searched line by line, case-sensitive)."""

    require: Annotated[str | None, AfterValidator(_compiles)] = None
    forbid: Annotated[str | None, AfterValidator(_compiles)] = None


class Check(TextRule):
    """Everything that can be asked of one output file, or of the files of an output directory."""

    min_size: Bytes | None = None
    json_: Annotated[JsonCheck | None, BeforeValidator(_true_is_plain)] = Field(
        default=None, alias="json"
    )
    csv: Annotated[CsvCheck | None, BeforeValidator(_true_is_plain)] = None
    root: Annotated[RootCheck | None, BeforeValidator(_true_is_plain)] = None
    command: tuple[str, ...] = ()
    """Run by ``collect`` in the attempt directory with the output's path as last argument;
    exit code 0 means good, the last line it prints is the evidence otherwise."""


Kind = Literal[
    "toys", "csv", "json-lines", "text", "root", "cutflow", "counters", "copy-first", "command"
]


SHARD_VALUE = re.compile(r"component|shard\.name|(params|point)\.(?P<name>.+)")
"""Names of what is known of a shard, beside the columns of its tables."""


class Recompute(Frozen):
    """What computes again what does not add up."""

    command: tuple[str, ...]
    """Argument list; a word that is exactly ``{{ merge.input }}`` becomes the path of what was
    put together, ``{{ merge.output }}`` that of what is to be written."""

    @model_validator(mode="after")
    def _reads_and_writes(self) -> Self:
        for word in ("{{ merge.input }}", "{{ merge.output }}"):
            if word not in self.command[1:]:
                raise ValueError(f'the command needs a word that is exactly "{word}"')
        return self


class _Settings(Frozen):
    """What the kinds of merge can be told; each setting belongs to some of them."""

    key: tuple[str, ...] = ()
    """csv, json-lines: columns/fields that together must be unique over all shards."""
    duplicates: Literal["refuse", "identical"] = "refuse"
    """csv: what becomes of rows with one key; identical: one of them stays when all are the same,
    byte for byte."""
    order: Literal["plan", "key"] = "plan"
    """csv: rows in the order of the shards, or of their keys (as texts)."""
    group_by: tuple[str, ...] = ()
    """csv: one merged file for each value of these columns, or of these values of shards."""
    source_column: str | None = Field(default=None, min_length=1)
    """csv: a column added at the end that says where a row came from."""
    source: str = "shard.name"
    """csv: the value of shards that stands in it."""
    columns: Literal["same", "union"] = "same"
    """csv: union: tables may lack columns that others have; theirs are empty."""
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    non_additive: tuple[str, ...] = ()
    """csv, counters: columns (paths) that mean nothing once shards are put together."""
    recompute: Recompute | None = None
    drop: bool = False
    """Leave them out."""
    same: bool = False
    """copy-first: refuse when the other files differ from the first, instead of warning."""
    command: tuple[str, ...] = ()
    """command: argument list; a word that is exactly ``{{ merge.inputs }}`` becomes all input
    paths, ``{{ merge.list }}`` a file with one path a line, ``{{ merge.output }}`` the result."""
    check: Check | None = None

    def _refuse_foreign(self, kind: Kind) -> Self:
        """Refuse settings that this kind of merge would ignore."""
        for name, kinds in _SETTINGS.items():
            if name in self.model_fields_set and kind not in kinds:
                raise ValueError(f"{name} is for {' and '.join(kinds)}, not for kind {kind}")
        for name, needed in _NEEDED.items():
            if name in self.model_fields_set and not getattr(self, needed):
                raise ValueError(f"{name}: goes with {needed}:")
        if self.recompute and self.drop:
            raise ValueError("recompute: and drop: exclude each other")
        named = {*self.key, *self.group_by}.intersection(self.non_additive)
        if named:
            raise ValueError(f"{named.pop()} cannot be non_additive and tell rows apart")
        if not SHARD_VALUE.fullmatch(self.source):
            raise ValueError("source: is component, shard.name, params.NAME or point.NAME")
        if kind == "command" and "{{ merge.output }}" not in self.command:
            raise ValueError('the command needs a word that is exactly "{{ merge.output }}"')
        return self


class MergeSettings(_Settings):
    """How files become one."""

    kind: Kind
    extension: str | None = None
    """Suffix of a result that has no name yet (RUN/merged.<ext>, tables of ``group_by``)."""

    @model_validator(mode="after")
    def _belongs_to_kind(self) -> Self:
        return self._refuse_foreign(self.kind)


class MergeRule(MergeSettings):
    """How the files that a pattern names become one."""

    files: str = Field(min_length=1)
    """A pattern without ``/`` is compared with a file's base name, one with ``/`` with its path in
    the attempt directory (fnmatch, case-sensitive)."""


class MergeSpec(_Settings):
    """How the accepted outputs become one, or one of each kind a component."""

    kind: Kind | None = None
    extension: str | None = None
    """Suffix of the default result RUN/merged.<ext>."""
    output: str | None = None
    """Which declared output is merged; may be left out when the spec declares just one."""
    by: Literal["component"] | None = None
    """component: a result for each component, RUN/merged/<component>/."""
    rules: tuple[MergeRule, ...] = ()
    """With ``by``: what is done with which files; the first rule that fits a file counts."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.kind is None) == (not self.rules):
            raise ValueError("say how to merge: exactly one of kind: and rules:")
        if self.kind is not None:
            return self._refuse_foreign(self.kind)
        if self.by is None:
            raise ValueError("rules: need by: component")
        for name in ("output", "extension", *_Settings.model_fields):
            if name in self.model_fields_set:
                raise ValueError(f"{name}: goes with kind:; with rules: each rule has its own")
        return self

    def settings(self) -> MergeSettings:
        """Return what ``kind`` is told."""
        names = self.model_fields_set & MergeSettings.model_fields.keys()
        return MergeSettings(**{name: getattr(self, name) for name in names})


_SETTINGS = {
    "key": ("csv", "json-lines"),
    "duplicates": ("csv",),
    "order": ("csv",),
    "group_by": ("csv",),
    "source_column": ("csv",),
    "source": ("csv",),
    "columns": ("csv",),
    "delimiter": ("csv",),
    "non_additive": ("csv", "counters"),
    "recompute": ("csv", "counters"),
    "drop": ("csv", "counters"),
    "same": ("copy-first",),
    "command": ("command",),
}
"""Setting of a merge -> the kinds that use it."""
_NEEDED = {
    "duplicates": "key",
    "order": "key",
    "source": "source_column",
    "recompute": "non_additive",
    "drop": "non_additive",
}
"""Setting -> another one without which it means nothing."""
