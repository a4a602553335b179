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


class _Settings(Frozen):
    """What the kinds of merge can be told; each setting belongs to some of them."""

    key: tuple[str, ...] = ()
    """csv, json-lines: columns/fields that together must be unique over all shards."""
    group_by: tuple[str, ...] = ()
    """csv: one merged file for each value of these columns."""
    source_column: str | None = None
    """csv: a column added at the end with the name of the shard that a row came from."""
    delimiter: str = Field(default=",", min_length=1, max_length=1)
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
    "group_by": ("csv",),
    "source_column": ("csv",),
    "delimiter": ("csv",),
    "same": ("copy-first",),
    "command": ("command",),
}
"""Setting of a merge -> the kinds that use it."""
